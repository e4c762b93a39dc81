"""`make run` as a person meets it: starts, stops, accidents, mistakes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.loopback import NO_TLS, answers
from tests.support.polling import wait_until
from tests.support.servers import server_folder
from tests.support.stack import ROOT, Stack


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as lent:
        yield lent


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """One that survives whatever these tests do to it."""
    with server_folder() as lent, Stack(lent) as stack:
        yield stack


def processes_of(stack: Stack) -> dict[int, str]:
    """Return every process that has to do with *stack*, by what it works on or in."""
    marks = (os.fsencode(stack.data_dir), stack.url.encode())
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes()
                traces = command + (process / "environ").read_bytes()
                traces += os.fsencode((process / "cwd").readlink())
            except OSError:
                continue
            if any(mark in traces for mark in marks):
                found[int(process.name)] = command.decode(errors="replace")
    return found


def get(stack: Stack, path: str) -> httpx.Response | None:
    try:
        return httpx.get(
            f"http://127.0.0.1:{stack.port}{path}", verify=NO_TLS, trust_env=False
        )
    except httpx.TransportError:
        return None


def is_ready(stack: Stack) -> bool:
    return answers(f"http://127.0.0.1:{stack.port}/ready")


def try_to_start(stack: Stack, *, cwd: Path = ROOT, **environment: str) -> str:
    """Start without the patience of `Stack`; return what it says when it refuses."""
    environ = {
        **os.environ,
        "PORT": str(stack.port),
        "DATA_DIR": str(stack.data_dir),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-m", "standalone"],
        cwd=cwd,
        env=environ,
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 1, said
    assert "Traceback (most" not in our_lines(said)
    return said


def our_lines(said: str) -> str:
    """Return what is not the word of a service."""
    lines = said.splitlines()
    ours = (line for line in lines if line.startswith("atelier ") or "|" not in line)
    return "\n".join(ours)


def test_it_starts_beside_another_and_stops_without_leaving_anything(
    running: Stack, folder: Path
) -> None:
    if os.geteuid() == 0:  # whose Postgres is another user
        folder.chmod(0o700)
    with Stack(folder) as stack:
        assert is_ready(running)
        assert is_ready(stack)
        assert len(processes_of(stack)) > 8
        assert not set(processes_of(running)) & set(processes_of(stack))
        assert stack.stop() == 0
        assert processes_of(stack) == {}
    assert f"Stopped. Everything is kept in {stack.data_dir}" in stack.log.read_text()


def test_after_a_kill_nothing_is_left_and_it_starts_again(folder: Path) -> None:
    with Stack(folder) as stack:
        for victim in (guardian_of, supervisor_of):
            os.kill(victim(stack), signal.SIGKILL)
            wait_until(lambda: not processes_of(stack), "all are gone")
            assert stack.wait() != 0
            stack.start()
            assert is_ready(stack)


def guardian_of(stack: Stack) -> int:
    return stack.pid


def supervisor_of(stack: Stack) -> int:
    children = Path(f"/proc/{stack.pid}/task/{stack.pid}/children").read_text()
    return int(children.split()[0])


@pytest.mark.parametrize("module", ["api", "gateway_ws", "agent", "standalone.edge"])
def test_a_process_that_dies_is_started_again(running: Stack, module: str) -> None:
    before = running.pid_of(module)
    running.kill(module)
    wait_until(lambda: runs_anew(running, module, before), "it is back")
    wait_until(lambda: is_ready(running), "Atelier is ready again")


def runs_anew(stack: Stack, module: str, before: int) -> bool:
    return any(
        f"-m\0{module}\0" in command
        for pid, command in processes_of(stack).items()
        if pid != before
    )


def test_while_the_api_is_away_the_door_answers_for_it(running: Stack) -> None:
    running.kill("api")
    wait_until(lambda: is_503(running), "the door says that the api starts")
    wait_until(lambda: is_ready(running), "Atelier is ready again")


def is_503(stack: Stack) -> bool:
    answer = get(stack, "/")
    return answer is not None and answer.headers.get("retry-after") == "1"


def test_a_second_one_on_the_same_data_is_told_so(running: Stack) -> None:
    other = Stack(running.data_dir.parent)
    assert "Atelier is already running on" in try_to_start(other)
    assert is_ready(running)


def test_a_port_in_use_is_told_with_who_has_it_and_what_to_do(folder: Path) -> None:
    stack = Stack(folder)
    with socket.create_server(("127.0.0.1", stack.port)):
        said = try_to_start(stack)
    assert f"Port {stack.port} is in use by " in said
    assert f"(process {os.getpid()}): try PORT={stack.port + 1} make run" in said


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("secrets.json", "{", "secrets.json cannot be read"),
        ("postgres/data/PG_VERSION", "9.6", "postgres does not start: "),
        ("postgres", "a file", "cannot be used"),
        ("nats", "a file", "cannot be used"),
        ("nats/nats-server.conf/x", "a file", "nats-server.conf cannot be used"),
        ("integration.url/x", "a file", "integration.url cannot be used"),
        ("postgres/initial-password/x", "a file", "initial-password cannot be used"),
        ("postgres/data/x", "a file", "postgres/data cannot be used"),
        ("logs", "a file", "logs cannot be used: File exists."),
    ],
)
def test_a_broken_data_directory_is_one_sentence(
    folder: Path, path: str, content: str, sentence: str
) -> None:
    stack = Stack(folder)
    (stack.data_dir / path).parent.mkdir(parents=True, exist_ok=True)
    (stack.data_dir / path).write_text(content)
    said = try_to_start(stack)
    assert sentence in said
    assert "starting it again" not in said
    assert processes_of(stack) == {}


def test_a_service_that_only_dies_ends_the_first_start(folder: Path) -> None:
    stack = Stack(folder)
    stack.data_dir.mkdir()
    (stack.data_dir / "sandboxes").write_text("a file")
    said = our_lines(try_to_start(stack))
    log = stack.data_dir / "logs" / "sandbox.log"
    assert f"sandbox does not start, it died 5 times in a row: {log} says why." in said
    assert said.count("starting it again in") == 4
    assert processes_of(stack) == {}


@pytest.mark.parametrize(
    ("name", "url", "sentence"),
    [
        ("DATABASE_URL", "postgresql://x@127.0.0.1:1/x", "leads to no database: "),
        ("DATABASE_URL", "sqlite://", "leads to no database: "),
        ("NATS_URL", "nats://127.0.0.1:1", "leads to no NATS server: "),
        ("NATS_URL", "nats://[", "leads to no NATS server: "),
    ],
)
def test_a_server_of_yours_that_is_not_there_is_one_sentence(
    folder: Path, name: str, url: str, sentence: str
) -> None:
    stack = Stack(folder)
    environment: dict[str, Any] = {name: url}
    assert f"{name} {sentence}" in try_to_start(stack, **environment)
    assert list((stack.data_dir / "logs").iterdir()) == []  # nothing was started


def test_a_line_of_the_env_file_that_is_no_setting_is_one_sentence(
    folder: Path,
) -> None:
    (folder / ".env").write_text("# mine\nOPENROUTER_API_KEY sk-hunter2\n")
    said = try_to_start(Stack(folder), cwd=folder)
    assert ".env, line 2: this is not a setting" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("port", ["none", "0", "70000"])
def test_a_bad_setting_is_one_sentence(folder: Path, port: str) -> None:
    assert f"PORT={port} does not fit" in try_to_start(Stack(folder), PORT=port)


def test_ctrl_c_twice_stops_at_once(running: Stack) -> None:
    """Comes last: nothing is left of what the others look at."""
    os.kill(running.pid_of("agent"), signal.SIGSTOP)  # so that it takes its time
    os.kill(running.pid, signal.SIGINT)
    wait_until(lambda: "Stopping;" in running.log.read_text(), "it stops")
    time.sleep(0.5)  # a person's second press; one press may arrive twice
    assert running.stop() == 1
    assert processes_of(running) == {}
