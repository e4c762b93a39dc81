"""Processes under supervision, real ones."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from standalone.errors import CannotStart
from standalone.program import Program
from standalone.supervision.console import Console
from standalone.supervision.supervisor import Supervised
from tests.support.polling import until

# Says who it is, starts a child of its own, and waits for signals.
WELL_BEHAVED = """
import signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(0)))
print("child", child.pid, flush=True)
while True: time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", flush=True)
while True: time.sleep(600)
"""


class Test:
    """One supervised process, and all that was printed."""

    __test__ = False

    def __init__(self, supervised: Supervised, text: io.StringIO) -> None:
        self.supervised = supervised
        self._text = text

    async def said(self, words: str, times: int = 1) -> str:
        """Wait until *words* were printed so often; return the last such line."""
        await until(lambda: self._text.getvalue().count(words) >= times, words)
        lines = self._text.getvalue().splitlines()
        return next(line for line in reversed(lines) if words in line)


@asynccontextmanager
async def supervised(
    source: str, folder: Path, *, grace_s: float = 5.0
) -> AsyncIterator[Test]:
    async def probe() -> bool:
        return True

    program = Program(
        name="example",
        argv=(sys.executable, "-c", source),
        env=dict(os.environ),
        stop_signals=((signal.SIGTERM, grace_s),),
    )
    text = io.StringIO()
    one = Supervised(program, probe=probe, logs=folder, console=Console(text))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run())
        try:
            yield Test(one, text)
        finally:
            await one.stop()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def gone(pid: int) -> None:
    await until(lambda: not is_alive(pid), "the process is gone")


async def test_what_it_says_stands_behind_its_name_and_in_its_log(
    tmp_path: Path,
) -> None:
    async with supervised(WELL_BEHAVED, tmp_path) as test:
        line = await test.said("child")
    assert line.startswith("example    | child ")
    assert "child" in (tmp_path / "example.log").read_text()


async def test_stopping_asks_first_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with supervised(WELL_BEHAVED, tmp_path) as test:
        child = int((await test.said("child")).split()[-1])
        await test.supervised.stop()
        await test.said("bye")
    await gone(child)


async def test_a_process_that_does_not_listen_is_ended(tmp_path: Path) -> None:
    async with supervised(STUBBORN, tmp_path, grace_s=0.2) as test:
        await test.said("here")
        pid = test.supervised.pid
        await test.supervised.stop()
        await test.said("is still busy after 0.2 s")
    assert pid is not None
    await gone(pid)


async def test_a_killed_process_starts_again_and_its_children_are_ended(
    tmp_path: Path,
) -> None:
    async with supervised(WELL_BEHAVED, tmp_path) as test:
        child = int((await test.said("child")).split()[-1])
        pid = test.supervised.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await test.said("was ended by SIGKILL; starting it again in 0.5 s")
        await gone(child)
        await test.said("child", times=2)
        assert test.supervised.pid != pid


async def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    source = "import sys; print('no such database'); sys.exit(3)"
    async with supervised(source, tmp_path) as test:
        test.supervised.ready.clear()
        await test.said("ended with exit code 3")
        with pytest.raises(CannotStart, match="example does not start: no such data"):
            await test.supervised.wait_ready()


async def test_a_missing_program_is_told_and_tried_again(tmp_path: Path) -> None:
    async def probe() -> bool:
        return False

    text = io.StringIO()
    program = Program("example", ("/does/not/exist",), {})
    one = Supervised(program, probe=probe, logs=tmp_path, console=Console(text))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run())
        await Test(one, text).said("exit code 127; starting it again")
        await one.stop()
    assert "cannot be started" in text.getvalue()


async def test_a_very_long_line_does_not_hold_up_the_others(tmp_path: Path) -> None:
    source = "print('x' * 300_000); print('after', flush=True); input()"
    async with supervised(source, tmp_path) as test:
        await test.said("after")
