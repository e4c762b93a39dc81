"""A way out for commands from whose network no socket can be handed to us.

Whoever keeps such a command asks for a socket for each connection that it makes, and
passes on there what is said.
"""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter, TaskGroup
from contextlib import suppress
from typing import Protocol

from sandbox.adapters.keeping.control import bring, readable


class Way(Protocol):
    """Where connections lead."""

    async def admit(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        ...


async def lend(channel: socket.socket, way: Way, ended: asyncio.Event) -> None:
    """Lend a socket to whoever asks over *channel*, until the command has *ended*."""
    with channel:
        async with TaskGroup() as tasks:
            lending = tasks.create_task(_lend(channel, way, tasks))
            await ended.wait()
            lending.cancel()


async def _lend(channel: socket.socket, way: Way, tasks: TaskGroup) -> None:
    with suppress(OSError):
        while True:
            await readable(channel.fileno())
            if not channel.recv(1):
                return
            reader, writer = await asyncio.open_connection(sock=bring(channel))
            tasks.create_task(way.admit(reader, writer))
