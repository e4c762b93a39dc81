"""What has to be installed, and how."""

import pytest

from sandbox.domain.app import App, detect
from sandbox.domain.install import digest, reason, requested_packages, steps

FILES = {"package.json": '{"scripts": {"dev": "x"}, "dependencies": {"a": "1"}}'}
PYTHON = {"requirements.txt": "flask", "main.py": ""}


def npm(*packages: str) -> tuple[str, ...]:
    (only,) = steps(detect(FILES), FILES, packages, with_uv=False)
    return only


def test_packages_are_those_of_plain_install_commands() -> None:
    commands = [
        ["npm", "install", "zod", "@scope/a@1.2.3"],
        ["npm", "i", "-D", "zod", "vitest"],
    ]
    assert requested_packages(commands) == ("zod", "@scope/a@1.2.3", "vitest")


@pytest.mark.parametrize(
    "argv",
    [
        ["npm", "install", "x", "&&", "rm"],
        ["npm", "install", "https://example.com/x.tgz"],
        ["npm", "install", "../x"],
        ["npm", "install", "--registry=http://x", "a"],
        ["npm", "run", "x"],
        ["npm install x"],
        ["sh", "-c", "npm install x"],
        ["npm", "install", "a\nnpm install b"],
        [],
    ],
    ids=range(9),
)
def test_any_other_command_counts_as_none(argv: list[str]) -> None:
    assert requested_packages([argv]) == ()


def test_npm_runs_no_script_of_a_package() -> None:
    assert "--ignore-scripts" in npm()


def test_extra_packages_do_not_change_the_projects_own_files() -> None:
    assert npm("zod")[-3:] == ("--no-save", "--", "zod")


def test_nothing_to_install_is_no_step() -> None:
    files = {"package.json": '{"scripts": {"dev": "x"}}'}
    assert steps(detect(files), files, (), with_uv=False) == ()
    assert steps(App("static"), {}, ("zod",), with_uv=False) == ()


def test_python_packages_come_into_a_folder_of_the_app() -> None:
    make, install = steps(detect(PYTHON), PYTHON, (), with_uv=False)
    assert make == ("python", "-m", "venv", ".venv")
    assert install[-2:] == ("-r", "requirements.txt")


def test_uv_is_used_where_it_is() -> None:
    tools = {argv[0] for argv in steps(detect(PYTHON), PYTHON, (), with_uv=True)}
    assert tools == {"uv"}


def test_the_digest_changes_with_what_is_asked_for() -> None:
    other = {"package.json": FILES["package.json"].replace("1", "2")}
    locked = {**FILES, "package-lock.json": "{}"}
    app = detect(FILES)
    digests = {digest(app, files, ()) for files in (FILES, other, locked)}
    assert len(digests | {digest(app, FILES, ("zod",))}) == 4


def test_the_digest_does_not_depend_on_other_files() -> None:
    app = detect(FILES)
    assert digest(app, {**FILES, "index.html": "x"}, ()) == digest(app, FILES, ())


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (
            "npm error code E404\nnpm error 404 Not Found - GET https://r/zodd\n",
            "404 Not Found - GET https://r/zodd.",
        ),
        ("ERROR: No matching distribution found for flaskk", "No matching"),
        ("", "it ended with exit code 7."),
    ],
    ids=["npm", "pip", "nothing"],
)
def test_the_reason_is_the_line_that_says_why(tail: str, expected: str) -> None:
    assert reason(tail, 7).startswith(expected)
