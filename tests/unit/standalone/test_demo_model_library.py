"""Choosing an app, and the folders against what `app.toml` says of them."""

import pytest

from standalone.demo_model.library import App, load
from tests.support.demo_model import APPS

LIBRARY = load()
FOCUS, KANBAN, EXPENSES = LIBRARY.apps


@pytest.mark.parametrize(
    ("text", "app"),
    [
        ("A pomodoro timer", FOCUS),
        ("help me to FOCUS", FOCUS),
        ("a kanban board with drag and drop", KANBAN),
        ("To-do list", KANBAN),
        ("track my expenses in a table", EXPENSES),
        ("a monthly budget planner", EXPENSES),
    ],
)
def test_the_words_of_a_prompt_choose_the_app(text: str, app: App) -> None:
    choice = LIBRARY.choose(text)
    assert (choice.app, choice.is_meant) == (app, True)


@pytest.mark.parametrize(
    ("text", "app"),
    [("a recipe box", KANBAN), ("invoices with charts", EXPENSES), ("xyzzy", FOCUS)],
)
def test_other_prompts_get_the_nearest_app(text: str, app: App) -> None:
    choice = LIBRARY.choose(text)
    assert (choice.app, choice.is_meant) == (app, False)


@pytest.mark.parametrize("app", LIBRARY.apps, ids=lambda app: app.title)
def test_a_finished_app_is_recognised_by_its_files(app: App) -> None:
    assert LIBRARY.recognise(app.complete, []) is app


@pytest.mark.parametrize("app", LIBRARY.apps, ids=lambda app: app.title)
def test_an_app_is_recognised_by_a_phase(app: App) -> None:
    assert LIBRARY.recognise([], [app.phases[0].name]) is app


def test_the_first_files_of_an_app_are_not_taken_for_another_app() -> None:
    assert LIBRARY.recognise(["index.html", "styles.css"], []) is None


def test_no_two_apps_share_a_phase_or_a_keyword() -> None:
    names = [name for app in LIBRARY.apps for name in app.phase_names]
    words = [word for app in LIBRARY.apps for word in app.keywords]
    assert len(names) == len(set(names))
    assert len(words) == len(set(words))


def test_the_folders_hold_no_file_that_is_not_planned() -> None:
    on_disk = [path for path in APPS.rglob("*") if path.is_file()]
    steps = [step for app in LIBRARY.apps for step in (*app.phases, *app.edits)]
    planned = sum(len(step.contents) for step in steps)
    assert len(on_disk) == planned + len(LIBRARY.apps)  # and an app.toml each
