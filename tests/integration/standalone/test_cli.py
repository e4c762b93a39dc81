"""The command line against all of Atelier."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from standalone.ports import free_port
from tests.support.stack import Stack

RUN_TIMEOUT_S = 170


class Shell:
    """Somebody who types commands, with settings of one's own."""

    def __init__(self, home: Path, server: str) -> None:
        self._environ = {
            **os.environ,
            "XDG_CONFIG_HOME": str(home),
            "ATELIER_SERVER": server,
        }
        self.credentials = home / "atelier" / "credentials.json"

    def run(self, *words: str) -> tuple[int, str, str]:
        """Return exit code, output and complaints of `atelier WORDS`."""
        done = subprocess.run(
            [sys.executable, "-m", "standalone.cli", *words],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    return Shell(tmp_path / "config", stack.url)


def test_an_app_is_built_told_about_and_fetched(shell: Shell, tmp_path: Path) -> None:
    code, out, complaints = shell.run("create", "a page with the time of the world")
    assert (code, complaints) == (0, ""), out
    lines = out.splitlines()
    assert lines[0].startswith("Signed up at ")
    assert "Phase 1: " in out
    assert "Complete: " in out
    assert lines[-1].startswith("Preview http://")

    project = next(one.split()[1] for one in lines if one.startswith("Project "))
    code, told, _ = shell.run("logs", project[:8])
    assert code == 0
    assert "Building: a page with the time of the world" in told
    assert "Complete: " in told

    code, _, _ = shell.run("files", "pull", project, str(tmp_path / "app"))
    assert code == 0
    written = {str(p.relative_to(tmp_path / "app")) for p in tmp_path.rglob("app/**/*")}
    named = {line.split()[0] for line in lines if line.startswith("  ") and "." in line}
    assert named <= written


def test_the_account_is_made_once_and_kept_for_us_alone(shell: Shell) -> None:
    assert shell.run("logs", "nothing")[1].startswith("Signed up")
    assert shell.run("logs", "nothing")[1] == ""
    assert shell.credentials.stat().st_mode & 0o777 == 0o600


def test_a_session_that_ended_is_begun_again(shell: Shell) -> None:
    shell.run("logs", "nothing")
    kept = json.loads(shell.credentials.read_text())
    server = next(iter(kept["servers"].values()))
    server["cookie"] = "better-auth.session_token=gone"
    shell.credentials.write_text(json.dumps(kept))
    assert shell.run("logs", "nothing")[1] == ""
    again = next(iter(json.loads(shell.credentials.read_text())["servers"].values()))
    assert again["email"] == server["email"]
    assert again["cookie"] != server["cookie"]


def test_a_project_that_is_not_there_is_told(shell: Shell) -> None:
    code, _, complaints = shell.run("files", "pull", "nothing", "anywhere")
    assert code == 1
    assert complaints == 'atelier: No single project is "nothing". There is none.\n'


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    shell = Shell(tmp_path, f"http://localhost:{free_port()}")
    code, _, complaints = shell.run("create", "anything")
    assert code == 1
    assert complaints.startswith("atelier: http://localhost:")
    assert "Is `make run` running?" in complaints


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    code, _, complaints = Shell(tmp_path, "localhost:3000").run("create", "anything")
    assert code == 1
    assert "is not the address of a server" in complaints


def test_elsewhere_no_account_is_made_without_asking(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "http://192.0.2.1:1")
    code, _, complaints = shell.run("create", "anything")
    assert code == 1
    assert "Sign in first: atelier sign-in --server http://192.0.2.1:1" in complaints
