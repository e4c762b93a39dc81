"""One command in a pod, as the service sees it."""

import asyncio
import signal
import socket
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable
from contextlib import suppress

from typing_extensions import override

from sandbox.adapters.keeping.kept import DRAIN_S, TOO_MUCH_MEMORY, Endable
from sandbox.adapters.keeping.pump import pump
from sandbox.adapters.pods.mux import Broken, Channel
from sandbox.adapters.pods.porter import TERMINATE, receive
from sandbox.adapters.pods.session import Session, Started
from sandbox.domain.output import Stream
from sandbox.ports import OnOutput

_SIGNALLED = 128
_KILLED = _SIGNALLED + signal.SIGKILL
_CODES = 256

Explain = Callable[[], Awaitable[str]]
"""Says in a sentence how a pod ended whose connection has."""


class PodCommand(Endable):
    """A command that the keeper in a pod runs."""

    def __init__(self, session: Session, started: Started, on_output: OnOutput) -> None:
        super().__init__(on_output)
        self._session = session
        self._started = started
        self._code = _KILLED

    async def keep(self, memory_bytes: int, explain: Explain) -> None:
        """See the command to its end, and take all that it prints."""
        life, stdout, stderr = self._started
        try:
            async with TaskGroup() as pumps:
                both = [
                    pumps.create_task(self._take(stdout, "stdout")),
                    pumps.create_task(self._take(stderr, "stderr")),
                ]
                sentence = await self._ending(life, memory_bytes, explain)
                await asyncio.wait(both, timeout=DRAIN_S)
                for one in both:
                    one.cancel()
            if sentence:
                await self._tell(sentence)
        finally:
            stdout.reset()
            stderr.reset()
            self._session.forget(life)
            self._ended.set()

    async def _ending(
        self, life: Channel, memory_bytes: int, explain: Explain
    ) -> str | None:
        """Wait for the end; return what the app's owner should be told of it."""
        try:
            ending = await receive(life)
        except Broken:
            return await explain() if self._session.ended else None
        code = ending.get("code")
        if isinstance(code, int) and -_CODES < code < _CODES:
            self._code = code if code >= 0 else _SIGNALLED - code
        if ending.get("out_of_memory") is not True:
            return None
        self._code = self._code or _KILLED
        return TOO_MUCH_MEMORY.format(memory_bytes >> 20)

    async def _take(self, output: Channel, stream: Stream) -> None:
        with suppress(Broken):
            await pump(output, stream, self._on_output)

    @override
    async def wait(self) -> int:
        await self._ended.wait()
        return self._code

    @override
    async def connect(self) -> socket.socket:
        return await self._session.connect(self._started.life)

    @override
    def _terminate(self) -> None:
        self._started.life.say(TERMINATE)

    @override
    def _kill(self) -> None:
        self._started.life.end()
