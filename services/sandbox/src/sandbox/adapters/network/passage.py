"""The way out of a sandbox for what looks at an app: to that app, to nobody else."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from proxy.splice import splice

_CONNECT_S = 5.0
_CONNECTIONS = 64


class Passage:
    """Joins whoever connects to one address of this machine."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._open: set[StreamWriter] = set()

    async def serve_until(self, listener: socket.socket, ended: asyncio.Event) -> None:
        """Pass bytes both ways until the command has *ended*."""
        server = await asyncio.start_server(self.admit, sock=listener)
        try:
            await ended.wait()
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()

    async def admit(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        if len(self._open) >= _CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    far = await asyncio.open_connection(*self._address)
                try:
                    await splice((reader, writer), far)
                finally:
                    far[1].transport.abort()
        finally:
            self._open.discard(writer)
            writer.close()
