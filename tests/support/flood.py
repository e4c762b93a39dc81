"""Text and output on the bus of a stack, as fast as they can ever come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import nats
from nats.aio.client import Client

from contracts import codec, subjects
from contracts.progress import FileStarted, FileText, ProgressMessage, SandboxLog
from tests.support.stack import Stack

MESSAGES_PER_S = 500
LOGS_EVERY = 10
"""One message of so many is a line of the app's output."""
RUN = UUID(int=1)
PATH = "src/flood.ts"
TICK_S = 0.02


class Flood:
    """An agent and a sandbox that speak of one project, through the real gateway."""

    def __init__(self, agent: Client, sandbox: Client, project: str) -> None:
        self._agent = agent
        self._sandbox = sandbox
        self._project = UUID(project)
        self.text = ""
        """All of the file that has been sent."""
        self.lines = 0
        """How many lines of output have been sent."""

    async def start(self) -> None:
        """Begin the file."""
        await self._say_text(FileStarted(RUN, 1, PATH))

    async def run(self, seconds: float) -> None:
        """Send `MESSAGES_PER_S` for so long, evenly."""
        loop = asyncio.get_running_loop()
        begin, sent = loop.time(), 0
        while sent < seconds * MESSAGES_PER_S:
            due = int((loop.time() - begin) * MESSAGES_PER_S)
            for number in range(sent, min(due, int(seconds * MESSAGES_PER_S))):
                await self._send(number)
            sent = max(sent, due)
            await asyncio.sleep(TICK_S)

    async def _send(self, number: int) -> None:
        if number % LOGS_EVERY == 0:
            self.lines += 1
            line = SandboxLog("stdout", f"\x1b[32mflood\x1b[0m line {self.lines}\n")
            subject = subjects.log(self._project)
            await self._sandbox.publish(subject, codec.encode(line))
            return
        piece = f'  const row{number} = {{ id: {number}, name: "é-{number}" }};\n'
        await self._say_text(FileText(RUN, 1, PATH, len(self.text), piece))
        self.text += piece

    async def _say_text(self, message: ProgressMessage) -> None:
        subject = subjects.text(self._project)
        await self._agent.publish(subject, codec.encode(message))


@asynccontextmanager
async def flood_of(stack: Stack, project: str) -> AsyncIterator[Flood]:
    """Lend a flood on the bus of *stack*, with the credentials of its services."""
    agent = await nats.connect(_bus_of(stack, "agent"))
    sandbox = await nats.connect(_bus_of(stack, "sandbox"))
    try:
        yield Flood(agent, sandbox, project)
    finally:
        await agent.close()
        await sandbox.close()


def _bus_of(stack: Stack, module: str) -> str:
    environ = Path(f"/proc/{stack.pid_of(module)}/environ").read_bytes().split(b"\0")
    pairs = dict(entry.partition(b"=")[::2] for entry in environ)
    return pairs[b"NATS_URL"].decode()
