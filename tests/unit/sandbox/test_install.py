"""What has to be installed, and how."""

from collections.abc import Mapping

import pytest

from sandbox.domain.apps.app import App
from sandbox.domain.apps.detect import detect
from sandbox.domain.apps.install import (
    Plan,
    Tools,
    digest,
    is_tampered,
    plans,
    reason,
    requested_packages,
)
from tests.unit.sandbox.locks import PACKAGE, TEMPLATE

FILES = {"package.json": '{"scripts": {"dev": "x"}, "dependencies": {"a": "1"}}'}
PYTHON = {"requirements.txt": "flask", "main.py": ""}


def npm(*packages: str) -> tuple[str, ...]:
    (plan,) = plans(detect(FILES), FILES, packages, Tools())
    (only,) = plan.steps
    return only


def ways(
    *packages: str, bun: bool = True, files: Mapping[str, str] | None = None
) -> list[Plan]:
    """Return the plans for the app of the template with these *files*."""
    found = {"package.json": PACKAGE, **(files or {})}
    return list(plans(detect(found), found, packages, Tools(bun=bun), [TEMPLATE]))


def programs(plan: Plan) -> list[str]:
    return [argv[0] for argv in plan.steps]


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
    assert plans(detect(files), files, (), Tools()) == ()
    assert plans(App("static"), {}, ("zod",), Tools()) == ()


def test_python_packages_come_into_a_folder_of_the_app() -> None:
    (plan,) = plans(detect(PYTHON), PYTHON, (), Tools())
    make, install = plan.steps
    assert make == ("python", "-m", "venv", ".venv")
    assert install[-2:] == ("-r", "requirements.txt")


@pytest.mark.parametrize("line", ["flask==3 --hash=sha256:0", "-r base.txt"])
def test_a_server_is_added_to_packages_with_hashes_by_itself(line: str) -> None:
    app = App("flask", manifests=("requirements.txt",))
    (plan,) = plans(app, {"requirements.txt": f"a==1\n{line}\n"}, (), Tools(uv=True))
    ends = [argv[-2:] for argv in plan.steps[1:]]
    assert ends == [("-r", "requirements.txt"), ("--only-binary=:all:", "flask")]


def test_where_no_server_is_added_there_is_one_installation() -> None:
    app = App("python", manifests=("requirements.txt",))
    (plan,) = plans(app, {"requirements.txt": "a==1 --hash=sha256:0"}, (), Tools())
    assert len(plan.steps) == 2


def test_uv_is_used_where_it_is() -> None:
    (plan,) = plans(detect(PYTHON), PYTHON, (), Tools(uv=True))
    assert set(programs(plan)) == {"uv"}


def test_an_app_that_a_template_serves_runs_no_command() -> None:
    first, second = ways()
    assert first.view is not None
    assert first.steps == ()
    assert programs(second) == ["npm"]


def test_a_package_beyond_the_template_is_added_to_it_with_the_same_lock() -> None:
    package = PACKAGE.replace('"a": "1.0.0"', '"a": "1.0.0", "zod": "4.0.0"')
    first, second = ways(files={"package.json": package})
    assert (programs(first), first.seed) == (["bun"], TEMPLATE.lock)
    assert (programs(second), second.view) == (["npm"], None)


def test_without_bun_npm_adds_it() -> None:
    first, second = ways("zod", bun=False)
    assert programs(first) == programs(second) == ["npm"]
    assert first.view is not None
    assert second.view is None


@pytest.mark.parametrize("name", ["bun.lock", "pnpm-lock.yaml", "yarn.lock"])
def test_a_lock_file_of_the_project_decides_alone(name: str) -> None:
    first, _ = ways(files={name: "lockfile"})
    assert (programs(first), first.view, first.seed) == (["bun"], None, None)


def test_a_lock_that_a_template_keeps_word_for_word_is_served() -> None:
    first, _ = ways(files={"package-lock.json": TEMPLATE.lock})
    assert first.view is not None
    other = TEMPLATE.lock.replace('"1.0.0"', '"1.0.1"')
    assert ways(files={"package-lock.json": other})[0].view is None


def test_of_two_locks_no_template_knows_which_one_counts() -> None:
    files = {"package-lock.json": TEMPLATE.lock, "yarn.lock": ""}
    assert ways(files=files)[0].view is None


def test_where_only_bun_reads_a_lock_npm_says_that_it_does_not() -> None:
    (only,) = ways(bun=False, files={"pnpm-lock.yaml": "x"})
    assert "pnpm-lock.yaml" in only.note


def test_workspaces_are_left_to_the_package_manager() -> None:
    package = PACKAGE.replace("{", '{"workspaces": ["a"],', 1)
    assert ways(files={"package.json": package})[0].view is None


def test_what_pnpm_calls_a_workspace_needs_an_install() -> None:
    files = {"package.json": '{"scripts": {"dev": "x"}}', "pnpm-workspace.yaml": ""}
    assert plans(detect(files), files, (), Tools()) != ()


def test_a_requested_package_that_is_in_the_template_is_there() -> None:
    assert ways("b")[0].steps == ()
    assert ways("b@9")[0].steps != ()


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
        ("", "it ended: exit code 7."),
    ],
    ids=["npm", "pip", "nothing"],
)
def test_the_reason_is_the_line_that_says_why(tail: str, expected: str) -> None:
    assert reason(tail, 7).startswith(expected)
    assert reason(tail, 7, "it used too much") == "it used too much."


@pytest.mark.parametrize(
    ("tail", "tampered"),
    [
        ("error: IntegrityCheckFailed extracting tarball from a", True),
        ("npm error code EINTEGRITY", True),
        ("error: a failed to resolve", False),
    ],
    ids=["bun", "npm", "another"],
)
def test_what_is_not_what_the_lock_names_is_told(tail: str, *, tampered: bool) -> None:
    assert is_tampered(tail) == tampered
