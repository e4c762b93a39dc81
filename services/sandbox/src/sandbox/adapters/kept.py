"""A command that has a keeper, however the two were started."""

import asyncio
import socket
from abc import abstractmethod

from typing_extensions import override

from chassis import logs
from sandbox.adapters.control import Control
from sandbox.adapters.egress import Egress
from sandbox.adapters.probe import status_of
from sandbox.adapters.toolbox import Registries
from sandbox.domain.limits import STOP_S
from sandbox.ports import OnOutput, Process

_log = logs.get(__name__)

DRAIN_S = 2.0
"""For output that is still on its way when a command has ended."""
INSIST_S = 2.0
"""Between ending the keeper and giving up."""


class Kept(Process):
    """One command and its keeper, until `_ended` is set."""

    def __init__(self, control: Control, on_output: OnOutput) -> None:
        self._control = control
        self._on_output = on_output
        self._ended = asyncio.Event()
        self.condemned = False
        """It is being ended, because it took too much of something."""

    @abstractmethod
    def _kill(self) -> None:
        """End the keeper at once, and so everything that it keeps."""

    async def _let_out(self, registries: Registries, tasks: asyncio.TaskGroup) -> None:
        """Let an install reach *registries*.

        Raises:
            OSError: The keeper is gone.

        """
        egress = Egress(await self._control.way_out(), registries)
        tasks.create_task(egress.serve_until(self._ended))

    async def _tell_out_of_memory(self, limit: int) -> None:
        sentence = f"Stopped: it used more than {limit >> 20} MiB of memory."
        await self._on_output("stderr", f"{sentence}\n".encode())

    @property
    @override
    def ended(self) -> bool:
        return self._ended.is_set()

    @override
    async def connect(self) -> socket.socket:
        return await self._control.connect()

    @override
    async def ask(self, host: str) -> int:
        return await status_of(await self.connect(), host)

    @override
    async def stop(self) -> None:
        if self._ended.is_set():
            return
        self._control.terminate()
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
