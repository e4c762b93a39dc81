"""One command in a container, from its keeper's arrival to the end of the last process.

The engine is asked for nothing here but what nobody else knows: how a keeper ended that
could not say so itself. An engine that is restarted, or gone, keeps no app from being
shown, and none from being ended.
"""

import asyncio
import os
import signal
from asyncio import StreamReader, StreamReaderProtocol, TaskGroup
from contextlib import suppress

from typing_extensions import override

from chassis import logs
from sandbox.adapters.containers.berth import Arrival
from sandbox.adapters.containers.engine import Ending, Engine, EngineFailed
from sandbox.adapters.keeping.control import Control, close_handles, readable
from sandbox.adapters.keeping.keeper import Spec
from sandbox.adapters.keeping.kept import (
    DRAIN_S,
    INSIST_S,
    TOO_MUCH_MEMORY,
    Kept,
    WayOut,
)
from sandbox.adapters.keeping.pump import pump
from sandbox.ports import OnOutput

_log = logs.get(__name__)

_START_S = 10.0
_WORD_BYTES = 64
_KILLED = 128 + signal.SIGKILL
_UNKNOWN_CODE = 255
_LOST = "Stopped: its container has ended, as one does that takes more than it may."


class KeptContainer(Kept):
    """A command that the keeper of one container runs."""

    def __init__(
        self, name: str, arrival: Arrival, engine: Engine, on_output: OnOutput
    ) -> None:
        super().__init__(Control(arrival.connection), on_output)
        self.name = name
        self._engine = engine
        self._inside = _handle_of(arrival.pid)
        pairs = [os.pipe() for _ in range(3)]
        self._ours = [reading for reading, _ in pairs]
        self._theirs = [writing for _, writing in pairs]
        self._code = _UNKNOWN_CODE
        self._insisted = False
        """We have ended the keeper ourselves."""
        self.is_empty = False
        """Nothing of it is left but what the engine keeps of it."""

    async def start(self, spec: Spec, out: WayOut | None, tasks: TaskGroup) -> None:
        """Tell the keeper what to run, and serve its way out, if it has one."""
        try:
            async with asyncio.timeout(_START_S):
                await self._control.run(spec, self._theirs)
                if out is not None:
                    await self._let_out(out, tasks)
        except OSError as exc:  # TimeoutError is one
            # It ended before it listened; its last word says why, or the engine.
            _log.warning("a keeper did not start", reason=str(exc))
        finally:
            close_handles(self._theirs)

    async def keep(self, memory_bytes: int) -> None:
        """See the command to its end, and to the end of all that it started."""
        transports = []
        try:
            readers = []
            for handle in self._ours:
                reader, transport = await _open(handle)
                readers.append(reader)
                transports.append(transport)
            stdout, stderr, last = readers
            async with TaskGroup() as pumps:
                both = [
                    pumps.create_task(pump(stdout, "stdout", self._on_output)),
                    pumps.create_task(pump(stderr, "stderr", self._on_output)),
                ]
                word = await last.read(_WORD_BYTES)
                await self._until_empty()
                await asyncio.wait(both, timeout=DRAIN_S)
                for one in both:
                    one.cancel()
            said = _understood(word)
            ending = said or await self._as_the_engine_saw_it()
            self._code = ending.code
            if ending.out_of_memory:
                self._code = ending.code or _KILLED
                await self._tell(TOO_MUCH_MEMORY.format(memory_bytes >> 20))
            elif said is None and not self._insisted:
                await self._tell(_LOST)
        finally:
            for transport in transports:
                transport.close()
            self._kill()
            self._control.close()
            if self._inside is not None:
                os.close(self._inside)
                self._inside = None
            self._ended.set()

    async def _until_empty(self) -> None:
        """Wait until the first process is dead: the kernel has ended the others then.

        Where it cannot be seen from here, the engine says so when it removes it.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(INSIST_S):
                if self._inside is not None:
                    await readable(self._inside)
                    self.is_empty = True
                    return
        with suppress(EngineFailed):
            await self._engine.remove(self.name)

    async def _as_the_engine_saw_it(self) -> Ending:
        with suppress(EngineFailed):
            return await self._engine.ending(self.name)
        return Ending(_UNKNOWN_CODE, out_of_memory=False)

    @override
    async def wait(self) -> int:
        await self._ended.wait()
        return self._code

    @override
    def _kill(self) -> None:
        """End the keeper: by its handle, else by the end of what it listens to."""
        self._insisted = True
        if self._inside is None:
            self._control.close()
            return
        with suppress(OSError):
            signal.pidfd_send_signal(self._inside, signal.SIGKILL)


def _handle_of(pid: int) -> int | None:
    if pid <= 0:
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


async def _open(handle: int) -> tuple[StreamReader, asyncio.ReadTransport]:
    reader = StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: StreamReaderProtocol(reader), os.fdopen(handle, "rb", buffering=0)
    )
    return reader, transport


def _understood(word: bytes) -> Ending | None:
    """Return what the keeper's last word says; None where it could not speak."""
    try:
        code, kills = map(int, word.split())
    except ValueError:
        return None
    return Ending(code, out_of_memory=kills > 0)
