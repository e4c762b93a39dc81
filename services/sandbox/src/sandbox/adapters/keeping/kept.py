"""A command that has a keeper, however the two were started."""

import asyncio
import socket
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from typing_extensions import override

from chassis import logs
from sandbox.adapters.keeping.control import Asked, Control
from sandbox.adapters.keeping.lending import lend
from sandbox.adapters.network.attendance import attended
from sandbox.adapters.network.egress import Egress
from sandbox.adapters.network.passage import Passage
from sandbox.adapters.network.probe import fetch, status_of
from sandbox.adapters.toolbox import Registries
from sandbox.domain.limits import STOP_S
from sandbox.ports import Command, Fetched, OnOutput, Process

_log = logs.get(__name__)

_STOPPED = "Stopped: "
TOO_MUCH_MEMORY = "Stopped: it used more than {} MiB of memory."
DRAIN_S = 2.0
"""For output that is still on its way when a command has ended."""
INSIST_S = 2.0
"""Between ending the keeper and giving up."""


WayOut: TypeAlias = Egress | Passage
"""What leads a command out of its own network, where it may leave that at all."""


def way_out(command: Command, registries: Registries | None) -> WayOut | None:
    """Return where *command* may go; *registries* are there if it installs."""
    if registries is not None:
        return Egress(registries)
    return None if command.reaches is None else Passage(command.reaches)


class Endable(Process):
    """A command that was started somewhere, until `_ended` is set."""

    def __init__(self, on_output: OnOutput) -> None:
        self._on_output = on_output
        self._ended = asyncio.Event()
        self._cause = ""

    @abstractmethod
    def _terminate(self) -> None:
        """Ask the app to end."""

    @abstractmethod
    def _kill(self) -> None:
        """End it at once, with everything that it has started."""

    async def tell(self, sentence: str) -> None:
        """Say something among what it prints."""
        await self._on_output("stderr", f"{sentence}\n".encode())

    async def _tell(self, sentence: str) -> None:
        self._cause = sentence.removeprefix(_STOPPED).rstrip(".")
        await self.tell(sentence)

    @property
    @override
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    @override
    def cause(self) -> str:
        return self._cause

    @override
    async def ask(self, host: str) -> int:
        return await status_of(await self.connect(), host)

    @override
    async def fetch(self, host: str, target: str, accept: str) -> Fetched:
        return await fetch(await self.connect(), host, target, accept)

    @override
    def attended(self, host: str) -> AbstractAsyncContextManager[asyncio.Event]:
        return attended(self.connect, host)

    @override
    async def stop(self) -> None:
        if self._ended.is_set():
            return
        self._terminate()
        if await self._ends_within(STOP_S + INSIST_S):
            return
        self._kill()
        if not await self._ends_within(INSIST_S + DRAIN_S):
            _log.error("a command cannot be ended")

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True


class Kept(Endable):
    """One command and its keeper on this machine."""

    def __init__(self, control: Control, on_output: OnOutput) -> None:
        super().__init__(on_output)
        self._control = control
        self.condemned = False
        """It is being ended, because it took too much of something."""

    async def _let_out(self, out: WayOut, tasks: asyncio.TaskGroup) -> None:
        """Let the command reach what *out* leads to.

        Raises:
            OSError: The keeper is gone.

        """
        listener = await self._control.way_out()
        if isinstance(listener, Asked):
            tasks.create_task(lend(listener.channel, out, self._ended))
        else:
            tasks.create_task(out.serve_until(listener, self._ended))

    async def condemn(self, sentence: str) -> None:
        """End it, once, and say why."""
        if not self.condemned:
            self.condemned = True
            await self._tell(sentence)
            await self.stop()

    @override
    async def connect(self) -> socket.socket:
        return await self._control.connect()

    @override
    def _terminate(self) -> None:
        self._control.terminate()
