"""What tools print and servers answer, made into reports."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.project import Problem
from sandbox.domain.diagnosis import problems
from sandbox.domain.diagnosis.problems import Place
from sandbox.domain.output import Mask

OPEN = Mask([])
SECRET = "sk-hush-hush-and-say-nothing"  # noqa: S105 - of nobody
FILES = {
    "src/App.tsx": "",
    "src/lib/api.ts": "",
    "main.py": "",
    "pages/main.py": "",
    "package.json": "",
}

STACK = """\
Error: x
    at f (file:///app/node_modules/a/src/App.tsx:1:2)
    at g (file:///app/src/lib/api.ts:7:3)
    at src/App.tsx:9:1
"""
TRACEBACK = """\
  File "/app/pages/main.py", line 3, in f
  File "/app/main.py", line 9, in g
  File "/usr/lib/python3/json.py", line 1, in loads
"""
PLACES = {
    "node": ("/app/src/App.tsx:12\n  throw 1", Place("src/App.tsx", 12)),
    "a stack": (STACK, Place("src/lib/api.ts", 7)),
    "python": (TRACEBACK, Place("main.py", 9)),
    "a frame": ("╭─[ src/App.tsx:8:32 ]", Place("src/App.tsx", 8)),
    "a path of this machine": ("/x/1/app/pages/main.py:4", Place("pages/main.py", 4)),
    "a file of somebody else": ("/etc/passwd:1 src/None.tsx:2", Place()),
    "nothing": ("it broke", Place()),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_place_is_a_line_of_the_project(case: str) -> None:
    text, place = PLACES[case]
    assert problems.locate(text, FILES) == place


@given(st.text(max_size=400))
def test_any_text_is_looked_at(text: str) -> None:
    assert problems.locate(text, FILES).path in {None, *FILES}
    problems.bounded([problems.of_output("start", "It ended.", text, FILES)], OPEN)
    problems.of_types(text, FILES)
    list(problems.scripts_of(text))
    list(problems.imports_of(text))


def test_a_flood_is_cut() -> None:
    flood = "Error: x\n" * 1_000_000 + "src/App.tsx:1 " * 100_000
    many = [problems.of_output("start", f"{n}.", flood, FILES) for n in range(3)]
    found = problems.bounded(
        [*many, *(Problem("console", str(n)) for n in range(99))], OPEN
    )
    assert len(found) == problems.MAX_PROBLEMS
    assert max(len(one.message) for one in found) <= problems.MESSAGE_CHARS + 5


@pytest.mark.parametrize("cut", [problems.MESSAGE_CHARS, problems.TEXT_CHARS])
def test_secrets_are_hidden_before_anything_is_cut(cut: int) -> None:
    texts = [
        f"{'x' * (cut // 2 - shown)}{SECRET}{'y' * cut}"
        for shown in range(len(SECRET) + 1)
    ]
    found = problems.bounded([Problem("http", one) for one in texts], Mask([SECRET]))
    assert found
    assert not [one for one in found if "sk" in one.message or "g" in one.message]


def test_a_secret_with_what_steers_a_terminal_in_it_is_hidden() -> None:
    said = Problem("console", f"{SECRET[:9]}\x1b[31m{SECRET[9:]}")
    assert problems.bounded([said], Mask([SECRET])) == [Problem("console", "***")]


def test_what_steers_a_terminal_is_left_out_and_repeats_are_one() -> None:
    twice = [Problem("start", "\x1b[31mred\x1b[0m\x00\nline")] * 2
    assert problems.bounded(twice, OPEN) == [Problem("start", "red\nline")]


def test_the_first_line_of_a_failure_says_what_happened() -> None:
    output = (
        'Traceback:\n  File "/app/main.py", line 2\nZeroDivisionError: division by zero'
    )
    found = problems.of_output("start", "The app stopped.", output, FILES)
    first = found.message.split("\n")[0]
    assert first == "The app stopped: ZeroDivisionError: division by zero."
    assert (found.path, found.line) == ("main.py", 2)


INSTALLS = {
    "npm": "npm error 404 Not Found - GET https://r/@acme%2fzod - Not found",
    "npm version": "npm error notarget No matching version found for @acme/zod@99.",
    "pip": "ERROR: No matching distribution found for zodd==9",
    "uv": "Because zodd was not found in the package registry and you require zodd",
}


def test_the_file_that_a_failure_is_about_goes_before_what_is_printed() -> None:
    files = ["src/a.ts", "vite.config.ts"]
    said = ("http", "It lacks /src/a.ts.", "at vite.config.ts:3")
    lacking = problems.of_output(*said, files, "/src/a.ts?t=1")
    assert (lacking.path, lacking.line) == ("src/a.ts", None)
    other = problems.of_output(*said, files, "/@id/x")
    assert (other.path, other.line) == ("vite.config.ts", 3)


def test_a_manifest_that_cannot_be_read_is_named_by_line() -> None:
    why = "package.json cannot be read: package.json:3: it ends too soon."
    problem = problems.of_install(why, "", {"package.json": ""})
    assert (problem.path, problem.line) == ("package.json", 3)


@pytest.mark.parametrize("case", INSTALLS)
def test_a_package_that_cannot_be_had_is_named_by_line(case: str) -> None:
    manifests = {
        "package.json": '{\n "dependencies": {\n  "@acme/zod": "99"}}',
        "requirements.txt": "flask\nzodd==9\n",
    }
    found = problems.of_install("It failed.", INSTALLS[case], manifests)
    expected = ("package.json", 3) if "npm" in case else ("requirements.txt", 2)
    assert (found.path, found.line) == expected


def test_types_are_told_where_they_are_bugs() -> None:
    output = (
        "src/App.tsx(3,7): error TS2322: Type 'string' is no 'number'.\n"
        "  more about it\n"
        "src/App.tsx(4,7): error TS6133: 'a' is declared but its value is never read.\n"
        "src/App.tsx(5,7): error TS7006: Parameter 'a' has an 'any' type.\n"
        "src/App.tsx(6,7): error TS2307: Cannot find module './x.css'.\n"
        "src/App.tsx(7,7): error TS18047: 'a' is possibly 'null'.\n"
        "error TS5102: Option 'baseUrl' has been removed.\n"
        "/etc/passwd(1,1): error TS2322: x.\n"
    )
    assert problems.of_types(output, FILES) == [
        Problem("types", "TS2322: Type 'string' is no 'number'.", "src/App.tsx", 3),
        Problem("types", "TS18047: 'a' is possibly 'null'.", "src/App.tsx", 7),
    ]


def vite(**error: object) -> str:
    return f"<script>\n  const error = {json.dumps(error)}\n  try {{"


def test_what_the_dev_server_cannot_compile_is_told() -> None:
    body = vite(
        message="Transform failed with 1 error:\n\n[PARSE_ERROR] Expected a semicolon\n"
        "   ╭─[ src/App.tsx:8:32 ]",
        id="/app/src/App.tsx",
        frame="",
    )
    found = problems.of_answer(500, "/src/App.tsx", body, "", FILES)
    assert (found.source, found.path, found.line) == ("compile", "src/App.tsx", 8)
    assert found.message.startswith("[PARSE_ERROR] Expected a semicolon")


def test_a_place_that_the_dev_server_names_is_taken() -> None:
    error = {
        "message": "No such import",
        "loc": {"file": "/app/src/lib/api.ts", "line": 2},
    }
    found = problems.of_answer(500, "/x", vite(**error), "", FILES)
    assert (found.path, found.line) == ("src/lib/api.ts", 2)


def test_any_other_answer_brings_its_text_and_the_log() -> None:
    body = "<style>a</style><h1>Oh <b>no</b></h1>"
    found = problems.of_answer(503, "/", body, "at /app/main.py:3", FILES)
    assert found == Problem(
        "http",
        "/ answers with an error (503).\nOh no\nat /app/main.py:3",
        *("main.py", 3),
    )


@pytest.mark.parametrize("error", ["", "{", '{"message": 1}', "{}" * 9])
def test_a_broken_error_page_is_an_answer_like_any_other(error: str) -> None:
    body = f"const error = {error}\n"
    assert problems.of_answer(500, "/", body, "", FILES).source == "http"


def test_modules_of_the_project_are_followed_and_no_others() -> None:
    html = '<script type="module" src="/@vite/client"></script><SCRIPT SRC=/src/a.ts>'
    code = (
        'import a from "/src/b.ts?t=1"; import "/node_modules/.vite/deps/react.js";\n'
        'export {x} from "/src/c.ts"; const d = () => import("/src/d.ts");'
    )
    assert list(problems.scripts_of(html)) == ["/src/a.ts"]
    assert list(problems.imports_of(code)) == [
        "/src/b.ts?t=1",
        "/src/c.ts",
        "/src/d.ts",
    ]
