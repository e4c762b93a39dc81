"""The way out of a sandbox while it installs: to package registries, to nobody else.

A small HTTP proxy on a socket that was made inside the sandbox's own network, so that
whoever connects is that sandbox. Tunnels (CONNECT), and plain requests where a
registry of this machine speaks plain HTTP. The hosts come from this machine's
settings alone, so that a private address among them is meant.
"""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from urllib.parse import urlsplit

from chassis import logs
from sandbox.adapters.toolbox import Registries

_log = logs.get(__name__)

_HEAD_BYTES = 32 * 1024
_HEAD_S = 10.0
_CONNECT_S = 10.0
_CONNECTIONS = 64
_BYTES = 2 * 1024**3
"""Most that one install may fetch."""
_CHUNK = 64 * 1024
_GRACE_S = 2.0


class Egress:
    """Serves one install."""

    def __init__(self, registries: Registries) -> None:
        self._hosts = registries.hosts
        self._left = _BYTES
        self._open = 0

    async def serve_until(self, listener: socket.socket, ended: asyncio.Event) -> None:
        """Pass on what is allowed until the install has *ended*."""
        server = await asyncio.start_server(
            self.admit, sock=listener, limit=_HEAD_BYTES
        )
        try:
            await ended.wait()
        finally:
            server.close()

    async def admit(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        self._open += 1
        try:
            if self._open <= _CONNECTIONS:
                await self._pass_on(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass
        except asyncio.LimitOverrunError:
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_S):
            head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        method, target, version = line.decode("ascii").split(" ")
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{target}" if tunnel else target)
        address = (parts.hostname or "", parts.port or (443 if tunnel else 80))
        plain = parts.scheme == "http" and not tunnel
        if address not in self._hosts or not (tunnel or plain):
            _log.warning("an install asked for another host", host=parts.hostname)
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        async with asyncio.timeout(_CONNECT_S):
            far_reader, far_writer = await asyncio.open_connection(*address)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = parts._replace(scheme="", netloc="").geturl() or "/"
            far_writer.write(f"{method} {path} {version}\r\n".encode() + _last(rest))
        try:
            await self._join((reader, writer), (far_reader, far_writer))
        finally:
            far_writer.close()

    async def _join(
        self,
        near: tuple[StreamReader, StreamWriter],
        far: tuple[StreamReader, StreamWriter],
    ) -> None:
        async with asyncio.TaskGroup() as pumps:
            both = {
                pumps.create_task(self._pump(near[0], far[1])),
                pumps.create_task(self._pump(far[0], near[1])),
            }
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(both, timeout=_GRACE_S)
            for pump in both:
                pump.cancel()

    async def _pump(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            while (data := await reader.read(_CHUNK)) and self._left > 0:
                self._left -= len(data)
                writer.write(data)
                await writer.drain()
            writer.write_eof()


def _last(headers: bytes) -> bytes:
    """Return *headers* with the wish that this be the connection's last request.

    Each request is looked at; one that followed on the same connection would not be.
    """
    kept = [
        line
        for line in headers.split(b"\r\n")
        if line.partition(b":")[0].strip().lower()
        not in (b"connection", b"proxy-connection", b"keep-alive")
    ]
    return b"Connection: close\r\n" + b"\r\n".join(kept)
