"""Keeps processes running: starts them, tells when they are ready, restarts the dead.

One `Supervised` for each process. Stopping asks first, waits, and then ends the whole
process group, so that nothing that a process started stays behind.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from standalone.errors import CannotStart
from standalone.program import Program, kill_group
from standalone.supervision.console import Console
from standalone.supervision.output import Output, reading_end

_PROBE_S = 0.1
_FIRST_BACKOFF_S = 0.5
_LAST_BACKOFF_S = 10.0
_LIFE_S = 60.0
"""A process that lived so long is not in a loop of deaths: it starts afresh."""
_CANNOT_EXECUTE = 127
_LAST_WORDS_S = 1.0

Probe = Callable[[], Awaitable[bool]]
"""Tells whether the process is ready; raises CannotStart where it never will be."""


class Supervised:
    """One program, kept running until `stop`."""

    def __init__(
        self,
        program: Program,
        *,
        probe: Probe,
        logs: Path,
        console: Console,
        quiet: bool = False,
        goes_on: "Callable[[Supervised], bool] | None" = None,
    ) -> None:
        """Take what to run; *quiet* keeps its lines out of the console.

        *goes_on* is asked after each death whether to start it again.
        """
        self.program = program
        self.ready = asyncio.Event()
        """Set while the process answers its probe."""
        self.output = Output(
            program.name, logs / f"{program.name}.log", None if quiet else console
        )
        self.deaths = 0
        """How often it died in a row."""
        self._probe = probe
        self._goes_on = goes_on or (lambda _: True)
        self._console = console
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._refused = asyncio.Event()
        self._ended = asyncio.Event()
        self._was_ready = False
        self._is_awaited = False

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.program.name

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Start it, and start it again whenever it ends, until `stop`."""
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping.is_set():
                born = loop.time()
                try:
                    status = await self._live_once()
                except (OSError, subprocess.SubprocessError) as exc:
                    self.output.note(f"cannot be started: {exc}")
                    status = _CANNOT_EXECUTE
                if not self._stopping.is_set():
                    lived_long = loop.time() - born > _LIFE_S
                    self.deaths = 1 if lived_long else self.deaths + 1
                    self._refused.set()
                    await self._wait_for_next(status)
        finally:
            self._ended.set()

    async def wait_ready(self) -> None:
        """Wait for the first time that it is ready.

        Raises:
            CannotStart: It died before, and stays so, or its probe said so; its last
                line says why.

        """
        self._is_awaited = True
        ready = asyncio.ensure_future(self.ready.wait())
        refused = asyncio.ensure_future(self._refused.wait())
        try:
            await asyncio.wait({ready, refused}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            refused.cancel()
        if not self.ready.is_set():
            raise CannotStart(
                f"{self.name} does not start: {self.output.last_line or 'it is silent'}"
                f" (all of it: {self.output.file})"
            )

    async def stop(self) -> None:
        """Have it ended, politely at first; return when nothing of it is left."""
        self._stopping.set()
        await self._ended.wait()

    def kill(self) -> None:
        """End it at once, with all that it started."""
        self._stopping.set()
        if self._process is not None:
            kill_group(self._process.pid)

    async def _live_once(self) -> int:
        """Run the program once; return its exit status."""
        program = self.program
        async with reading_end() as (reader, writing_end):
            try:
                process = await asyncio.create_subprocess_exec(
                    *program.argv,
                    env=dict(program.env),
                    cwd=program.cwd,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=writing_end,
                    stderr=asyncio.subprocess.STDOUT,
                    preexec_fn=program.before_exec(),
                    pass_fds=program.pass_fds,
                )
            finally:
                os.close(writing_end)
            return await self._see_to_its_end(process, reader)

    async def _see_to_its_end(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader
    ) -> int:
        self._process = process
        try:
            async with asyncio.TaskGroup() as tasks:
                pump = tasks.create_task(self.output.pump(reader))
                watch = tasks.create_task(self._watch())
                end = tasks.create_task(self._end_when_asked(process))
                status = await process.wait()
                watch.cancel()
                end.cancel()
                kill_group(process.pid)  # what it left behind keeps the pipe open
                await asyncio.wait({pump}, timeout=_LAST_WORDS_S)
                pump.cancel()
        finally:
            kill_group(process.pid)
            self._process = None
            self.ready.clear()
        return status

    async def _end_when_asked(self, process: asyncio.subprocess.Process) -> None:
        await self._stopping.wait()
        for sign, grace_s in self.program.stop_signals:
            with suppress(ProcessLookupError):
                process.send_signal(sign)
            await asyncio.sleep(grace_s)
            self._console.say(f"{self.name} is still busy after {grace_s:g} s")
        kill_group(process.pid)

    async def _watch(self) -> None:
        try:
            while not await self._probe():  # noqa: ASYNC110 - of another process
                await asyncio.sleep(_PROBE_S)
        except CannotStart as exc:
            self.output.note(str(exc))
            self._refused.set()
        else:
            self._was_ready = True
            self.ready.set()

    async def _wait_for_next(self, status: int) -> None:
        """Wait for the time of the next start, or for the end if there is none."""
        failed = self._is_awaited and not self._was_ready  # and who waits was told
        if failed or not self._goes_on(self):
            await self._stopping.wait()
            return
        backoff_s = min(_FIRST_BACKOFF_S * 2 ** (self.deaths - 1), _LAST_BACKOFF_S)
        how = _describe(status)
        self._console.say(f"{self.name} {how}; starting it again in {backoff_s:g} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff_s):
                await self._stopping.wait()


def _describe(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit code {status}"
