"""Edits of finished apps: which one answers, how they compose, what is hostile."""

from collections.abc import Mapping

import pytest

from scof import apply_patch
from standalone.demo_model.edits import HUES, diff, edits_for, one_line, patched
from standalone.demo_model.library import App, Step, load

FOCUS, KANBAN, EXPENSES = APPS = load().apps
PREPARED = [
    pytest.param(app, edit, id=f"{app.title}: {edit.name}")
    for app in APPS
    for edit in app.edits
]
HOSTILE = (
    "</p></aside><script>alert(1)</script>",
    "EOF\n</body>\n`rm -rf /` $(id) %MODE% %VITE_SECRET%",
    "\x00\x1b[2J\u202e" + "x" * 10_000,
    "“”:&quot;",
    "title " * 100_000,
    "",
)


def edit_for(app: App, request: str, files: Mapping[str, str]) -> Step:
    """Return the one edit that answers."""
    (edit,) = edits_for(app, request, files)
    return edit


def edited(app: App, *requests: str) -> Mapping[str, str]:
    """Return the files of the app after some requests, one after the other."""
    files = dict(app.complete)
    for request in requests:
        files |= edit_for(app, request, files).contents
    return files


@pytest.mark.parametrize(
    ("app", "request_text", "name"),
    [
        (FOCUS, "Dark mode, please", "Dark mode with a switch"),
        (FOCUS, "ring a bell at the end", "A bell at the end"),
        (KANBAN, "add a search box", "A search box"),
        (KANBAN, "can it be dark?", "Dark mode with a switch"),
        (EXPENSES, "show it in US dollars", "Amounts in dollars"),
        (EXPENSES, "make the buttons green", "A green look"),
        (KANBAN, "make the title “Dark matters”", "The title “Dark matters”"),
        (KANBAN, "make the title 'Ann's board'", "The title “Ann's board”"),
        (FOCUS, "call it Tomato Time!", "The title “Tomato Time”"),
        (FOCUS, "change the title to: Slow", "The title “Slow”"),
        (KANBAN, "rename it to Ship it", "The title “Ship it”"),
        (EXPENSES, "a name: for the form", "A note on “a name for the form”"),
        (EXPENSES, "teleport me", "A note on “teleport me”"),
    ],
)
def test_a_request_gets_its_edit(app: App, request_text: str, name: str) -> None:
    assert edit_for(app, request_text, app.complete).name == name


def test_several_edits_may_be_asked_for_at_once() -> None:
    request = 'Name it "Dark search", make it pink, add a search box and dark mode'
    names = [edit.name for edit in edits_for(KANBAN, request, KANBAN.complete)]
    prepared = [edit.name for edit in KANBAN.edits]
    assert names == ["The title “Dark search”", *prepared, "A pink look"]


@pytest.mark.parametrize(("app", "edit"), PREPARED)
def test_a_prepared_edit_of_an_untouched_app_is_its_sources(
    app: App, edit: Step
) -> None:
    found = edit_for(app, edit.name, app.complete)
    assert (found.name, found.contents) == (edit.name, edit.contents)


@pytest.mark.parametrize(("app", "edit"), PREPARED)
def test_an_edit_that_was_made_changes_nothing_more(app: App, edit: Step) -> None:
    once = edited(app, edit.name, "turn it blue")
    assert edit_for(app, edit.name, once).name == edit.name
    assert {**once, **edit_for(app, edit.name, once).contents} == once


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.title)
def test_edits_of_one_app_compose_in_any_order(app: App) -> None:
    names = [edit.name for edit in app.edits]
    requests = [*names, "make it pink", "call it Ours"]
    assert edited(app, *requests) == edited(app, *reversed(requests))


def test_an_edit_keeps_what_a_person_changed() -> None:
    page = KANBAN.complete["src/App.tsx"].replace("Small steps", "Giant leaps")
    edit = edit_for(KANBAN, "search", {**KANBAN.complete, "src/App.tsx": page})
    assert "Giant leaps" in edit.contents["src/App.tsx"]
    assert "<Search" in edit.contents["src/App.tsx"]


def test_where_an_edit_does_not_fit_any_more_a_note_is_left() -> None:
    files = {**KANBAN.complete, "src/App.tsx": "export const App = () => null;\n"}
    edit = edit_for(KANBAN, "search", files)
    assert edit.name == "A note on “search”"
    assert edit.contents.keys() == {"index.html"}


@pytest.mark.parametrize("colour", HUES)
def test_a_colour_changes_one_number(colour: str) -> None:
    edit = edit_for(FOCUS, f"I like {colour}", FOCUS.complete)
    assert f"--hue: {HUES[colour]};" in edit.contents["styles.css"]


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.title)
def test_a_title_is_escaped(app: App) -> None:
    edit = edit_for(app, 'title "<b>%MODE% & co</b>"', app.complete)
    page = edit.contents["index.html"]
    assert "<title>&lt;b&gt;&#37;MODE&#37; &amp; co&lt;/b&gt;</title>" in page
    assert app.title not in page


@pytest.mark.parametrize("request_text", HOSTILE)
def test_a_note_quotes_any_request_safely(request_text: str) -> None:
    edit = edit_for(FOCUS, request_text, FOCUS.complete)
    page = edit.contents["index.html"]
    assert page.count("<script") == 1
    assert page.count("</aside>") == 1
    assert "%MODE%" not in page
    assert edit.name.isprintable()
    assert ":" not in edit.name
    assert len(edit.name) < 60


def test_a_page_without_an_end_gets_its_note_at_the_end() -> None:
    page = edit_for(FOCUS, "hm", {"index.html": "<p>Mine\n"}).contents["index.html"]
    assert page.startswith("<p>Mine\n    <aside")


def test_an_app_without_a_page_gets_one_for_the_note() -> None:
    assert "<aside" in edit_for(FOCUS, "hm", {}).contents["index.html"]


def test_a_diff_splits_at_line_feeds_only() -> None:
    before, after = "a\x0cb\u2028c\r\nd\n", "a\x0cb\u2028c\r\ne\n"
    assert apply_patch(before, diff("x", before, after)) == after


def test_there_is_no_diff_of_a_text_without_a_last_line_feed() -> None:
    assert diff("x", "a", "b\n") == ""
    assert patched("a", "") is None


def test_there_is_no_diff_of_a_huge_text() -> None:
    assert diff("x", "a\n" * 1_000_000, "b\n") == ""


def test_one_line_is_printable_and_short() -> None:
    assert one_line(" a\n\tb\x00c ", 10) == "a b c"
    assert one_line("abcdef", 4) == "abc…"
