"""What is answered to a whole prompt: plans, files, subsets, follow-ups."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from scof import serialize
from standalone.demo_model.answers import CannotAnswer, design, implement
from standalone.demo_model.library import App, Step, load
from standalone.demo_model.prompt import Implement, read
from tests.support.demo_model import implement_task, user_messages, written_files

LIBRARY = load()
FOCUS, KANBAN, EXPENSES = LIBRARY.apps
PROMPTS = {"a pomodoro timer": FOCUS, "a kanban board": KANBAN, "expenses": EXPENSES}
PHASES = [
    pytest.param(prompt, app, index, id=f"{prompt}-{index}")
    for prompt, app in PROMPTS.items()
    for index in range(len(app.phases))
]


def before(app: App, index: int) -> dict[str, str]:
    """Return the app's files as they are when that phase begins."""
    return {
        path: text
        for step in app.phases[:index]
        for path, text in step.contents.items()
    }


def plan(app: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - of user_messages
    return design(LIBRARY, read(user_messages(app, **parts)))


def answer(app: str, name: str, paths: Sequence[str], **parts: Any) -> str:  # noqa: ANN401
    task = implement_task(name, paths)
    prompt = read(user_messages(app, task=task, **parts))
    assert prompt.task is not None
    return implement(LIBRARY, prompt, prompt.task)


def paths_of(planned: Mapping[str, Any]) -> list[str]:
    return [file["path"] for file in planned["files"]]


@pytest.mark.parametrize(("prompt", "app", "index"), PHASES)
def test_phases_are_planned_one_after_the_other(
    prompt: str, app: App, index: int
) -> None:
    done = [step.name for step in app.phases[:index]]
    planned = plan(prompt, phases=done, files=before(app, index))
    assert planned["name"] == app.phases[index].name
    assert paths_of(planned) == list(app.phases[index].purposes)
    assert planned["isLastPhase"] is (index == len(app.phases) - 1)


@pytest.mark.parametrize(("prompt", "app", "index"), PHASES)
def test_the_files_of_a_phase_arrive_byte_for_byte(
    prompt: str, app: App, index: int
) -> None:
    step = app.phases[index]
    files = before(app, index)
    done = [other.name for other in app.phases[:index]]
    text = answer(prompt, step.name, list(step.contents), files=files, phases=done)
    written = written_files(text, files)
    assert written == step.contents
    assert list(written) == list(step.purposes)


@pytest.mark.parametrize(("prompt", "app", "index"), PHASES)
def test_a_resumed_phase_gets_exactly_the_files_that_are_missing(
    prompt: str, app: App, index: int
) -> None:
    step = app.phases[index]
    *there, last = step.contents
    files = before(app, index) | {path: step.contents[path] for path in there}
    text = answer(prompt, step.name, [last], files=files)
    assert written_files(text, files) == {last: step.contents[last]}


@pytest.mark.parametrize("edit", KANBAN.edits, ids=lambda edit: edit.name)
def test_a_patched_edit_changes_existing_files_by_diffs(edit: Step) -> None:
    files = KANBAN.complete
    text = answer(
        "a kanban board", edit.name, list(edit.contents), files=files, request="go"
    )
    assert text.count("| patch src/") == 2
    assert written_files(text, files) == edit.contents


def test_an_edit_is_written_whole_where_a_patch_was_of_no_use() -> None:
    edit, files = KANBAN.edits[0], KANBAN.complete
    task = implement_task(edit.name, list(edit.contents)) + "No, no patches this time."
    prompt = read(user_messages("kanban", request="search", files=files, task=task))
    assert prompt.task is not None
    text = implement(LIBRARY, prompt, prompt.task)
    assert "| patch" not in text
    assert written_files(text, {}) == edit.contents


@pytest.mark.parametrize("edit", FOCUS.edits, ids=lambda edit: edit.name)
@pytest.mark.parametrize("missing", range(3))
def test_a_resumed_edit_gets_the_file_that_is_missing(edit: Step, missing: int) -> None:
    path = list(edit.contents)[missing]
    others = {other: text for other, text in edit.contents.items() if other != path}
    files = {**FOCUS.complete, **others}
    text = answer("a pomodoro timer", edit.name, [path], files=files, request=edit.name)
    assert written_files(text, files) == {path: edit.contents[path]}


@pytest.mark.parametrize(
    ("app", "prompt"), [(app, prompt) for prompt, app in PROMPTS.items()]
)
@pytest.mark.parametrize(
    "request_text", ["dark mode", "make it blue", "call it Mine", "<b>EOF</b>", "PATCH"]
)
def test_a_follow_up_is_one_phase_that_changes_the_page(
    app: App, prompt: str, request_text: str
) -> None:
    follow_up = {"files": app.complete, "request": request_text}
    planned = plan(prompt, **follow_up)
    assert planned["isLastPhase"] is True
    text = answer(prompt, planned["name"], paths_of(planned), **follow_up)
    written = written_files(text, app.complete)
    assert list(written) == paths_of(planned)
    assert {**app.complete, **written} != app.complete


def test_remarks_during_a_run_become_phases_at_its_end() -> None:
    remarks = ["make it dark", "and search"]
    done = [KANBAN.phases[0].name]
    files = KANBAN.complete
    first = plan("kanban", remarks=remarks, phases=done, files=files)
    second = plan("kanban", remarks=remarks, phases=[*done, first["name"]], files=files)
    assert (first["name"], first["isLastPhase"]) == ("Dark mode with a switch", False)
    assert (second["name"], second["isLastPhase"]) == ("A search box", True)


def test_a_remark_keeps_the_last_phase_of_the_app_from_being_the_last() -> None:
    assert plan("kanban", remarks=["make it dark"])["isLastPhase"] is False


def test_a_follow_up_of_a_stopped_run_carries_on_with_the_phases_left() -> None:
    files = before(EXPENSES, 1)
    planned = plan("expenses", request="Continue, please", files=files)
    assert (planned["name"], planned["isLastPhase"]) == (EXPENSES.phases[1].name, False)
    done = [planned["name"]]
    planned = plan(
        "expenses", request="Continue!", files=before(EXPENSES, 2), phases=done
    )
    assert (planned["name"], planned["isLastPhase"]) == (EXPENSES.phases[2].name, True)


def test_a_run_with_its_own_prompt_builds_all_phases() -> None:
    done = [EXPENSES.phases[0].name]
    planned = plan("test", request="expenses", files=before(EXPENSES, 1), phases=done)
    assert planned["name"] == EXPENSES.phases[1].name


def test_a_run_after_one_that_was_stopped_in_its_first_file_builds_the_app() -> None:
    page = {"index.html": EXPENSES.phases[0].contents["index.html"]}
    planned = plan("", request="expenses", files=page)
    assert planned["name"] == EXPENSES.phases[0].name


def test_the_pages_of_somebody_else_are_not_built_over() -> None:
    planned = plan("a page", request="blue", files={"index.html": "<p>Mine\n"})
    assert paths_of(planned) == ["index.html"]
    assert planned["name"] == "A note on “blue”"


def test_when_nothing_is_left_the_plan_is_empty_and_the_last() -> None:
    done = [KANBAN.phases[0].name]
    planned = plan("kanban", files=KANBAN.complete, phases=done)
    assert (planned["files"], planned["isLastPhase"]) == ([], True)


def test_a_prompt_that_nothing_fits_is_told_so() -> None:
    assert "built-in apps" in plan("a chess engine")["description"]
    assert "built-in apps" not in plan("a kanban board")["description"]


def test_a_phase_of_somebody_else_gets_the_files_as_they_are() -> None:
    files = {"src/other.ts": "export {};\n"}
    text = answer("kanban", "Repair", ["src/other.ts", "package.json"], files=files)
    package = KANBAN.complete["package.json"]
    assert written_files(text, files) == {**files, "package.json": package}


def test_a_file_that_is_not_built_in_is_refused() -> None:
    with pytest.raises(CannotAnswer, match=r"lib/unknown\.rs"):
        answer("kanban", "Rewrite in Rust", ["lib/unknown.rs"])


def test_the_same_question_gets_the_same_answer() -> None:
    messages = user_messages("a kanban board", files=KANBAN.complete, request="dark")
    assert design(LIBRARY, read(messages)) == design(LIBRARY, read(messages))


def test_a_file_that_holds_a_marker_is_written_as_it_is() -> None:
    files = {**KANBAN.complete, "index.html": "EOF\nPATCH\n</body>\n"}
    assert serialize(files)
    prompt = read(user_messages("kanban", files=files, request="teleport"))
    name = str(design(LIBRARY, prompt)["name"])
    text = implement(LIBRARY, prompt, Implement(name, ("index.html",)))
    assert "You asked: “teleport”" in written_files(text, files)["index.html"]
