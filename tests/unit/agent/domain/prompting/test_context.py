"""What of a project the model sees: all of a small one, what matters of a large one."""

from uuid import UUID

from agent.domain.content import File
from agent.domain.prompting.context import (
    SMALL_CHARS,
    Shown,
    files_budget,
    render,
    select,
)

BUDGET = files_budget(None)
FILL = "// filler\n" * (SMALL_CHARS // 40)


def file(content: str, encoding: str = "utf-8") -> File:
    return File(UUID(int=1), content, len(content), encoding)  # type: ignore[arg-type]


LARGE = {
    "package.json": file("{}\n"),
    "index.html": file('<script src="/src/main.tsx"></script>\n'),
    "src/main.tsx": file('import App from "./App"\n' + FILL),
    "src/App.tsx": file('import { tasks } from "./data/tasks"\n' + FILL),
    "src/data/tasks.ts": file("export const tasks = []\n" + FILL),
    "src/Chart.tsx": file("export function Chart() {}\n" + FILL),
    "src/styles.css": file("body {}\n" + FILL),
    "logo.png": file("aGk=", "base64"),
}


def test_a_small_project_is_shown_whole() -> None:
    small = {path: file("x\n") for path in ("b.ts", "a.ts")}
    assert select(small, [], "", BUDGET) == Shown(("a.ts", "b.ts"), ())


def test_of_a_large_one_what_is_changed_and_what_that_imports() -> None:
    shown = select(LARGE, ["src/App.tsx"], "", BUDGET)
    assert set(shown.whole) == {
        *("src/App.tsx", "src/data/tasks.ts"),
        *("package.json", "index.html"),
    }
    assert set(shown.outlined) == LARGE.keys() - set(shown.whole)


def test_what_people_name_matters() -> None:
    assert "src/styles.css" in select(LARGE, [], "the styles.css is odd", BUDGET).whole
    assert "src/Chart.tsx" in select(LARGE, [], "make the Chart blue", BUDGET).whole
    assert "src/main.tsx" not in select(LARGE, [], "the main thing", BUDGET).whole


def test_the_most_important_files_come_first_where_room_is_short() -> None:
    size = len(LARGE["src/App.tsx"].content) + 100
    shown = select(LARGE, ["src/App.tsx", "src/styles.css"], "", size)
    assert "src/App.tsx" in shown.whole
    assert "src/styles.css" in shown.outlined


def test_what_is_not_text_is_never_shown() -> None:
    shown = select({"logo.png": file("aGk=", "base64")}, ["logo.png"], "", BUDGET)
    assert shown == Shown((), ("logo.png",))
    assert "- logo.png (4 bytes, not text)" in render(LARGE, shown)


def test_the_rest_is_an_outline_with_names() -> None:
    text = render(LARGE, select(LARGE, ["src/App.tsx"], "", BUDGET))
    assert "# Other files, not shown\n" in text
    assert "- src/Chart.tsx (802 lines): Chart\n" in text
    assert text.count("// filler") == 2 * FILL.count("filler")


def test_an_outline_of_very_many_files_has_an_end() -> None:
    many = {f"src/{'x' * 100}{number}.ts": file("a") for number in range(499)}
    text = render(many, Shown((), tuple(many)))
    assert len(text) < 30_000
    assert "more\n" in text


def test_nothing_is_shown_of_nothing() -> None:
    assert render({}, select({}, ["a"], "a", BUDGET)) == "(none)\n"


def test_python_imports_are_followed() -> None:
    files = {
        "app/main.py": file("from .store import Store\n" + FILL * 4),
        "app/store.py": file("class Store: ...\n"),
        "app/other.py": file("x = 1\n"),
    }
    shown = select(files, ["app/main.py"], "", BUDGET)
    assert shown.whole == ("app/main.py", "app/store.py")
