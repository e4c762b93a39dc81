"""The other side of an exchange: the service that the request is passed on to."""

import asyncio
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import TypeAlias

import h11

from proxy.errors import UpstreamBroken
from proxy.headers import Headers
from proxy.routing import Dial, TcpAddress

CHUNK = 64 * 1024
ANSWER_HEAD_BYTES = 256 * 1024
"""Largest head of an answer that is passed on."""

Received: TypeAlias = (
    h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage
)


class Service:
    """One connection to the service behind, for one request."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._http = h11.Connection(
            h11.CLIENT, max_incomplete_event_size=ANSWER_HEAD_BYTES
        )

    @classmethod
    async def connect(
        cls, address: TcpAddress | Path | Dial, timeout_s: float
    ) -> "Service":
        """Open a connection.

        Raises:
            OSError: Nobody listens there (TimeoutError is one).

        """
        async with asyncio.timeout(timeout_s):
            if isinstance(address, Path):
                reader, writer = await asyncio.open_unix_connection(address)
            elif isinstance(address, TcpAddress):
                reader, writer = await asyncio.open_connection(
                    address.host, address.port
                )
            else:
                reader, writer = await asyncio.open_connection(sock=await address())
        return cls(reader, writer)

    async def send_head(self, method: str, target: str, headers: Headers) -> None:
        """Send the head; *headers* say how long the body is."""
        request = h11.Request(method=method, target=target, headers=headers)
        await self._send(request)

    async def send_data(self, data: bytes) -> None:
        """Send a piece of the body, no faster than the service takes it."""
        await self._send(h11.Data(data=data))

    async def send_end(self) -> None:
        """Say that the request is complete."""
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        self.writer.write(self._http.send(event) or b"")
        await self.writer.drain()

    async def receive(self) -> Received:
        """Return the next part of the answer.

        Raises:
            UpstreamBroken: It ended too early or is not HTTP.

        """
        while True:
            try:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(await self.reader.read(CHUNK))
                    continue
            except (OSError, h11.RemoteProtocolError) as exc:
                raise UpstreamBroken(str(exc)) from exc
            if isinstance(event, Received):
                return event
            raise UpstreamBroken("the connection ended before the answer")

    def leftover(self) -> bytes:
        """Return what came after the head of an upgrade."""
        return bytes(self._http.trailing_data[0])

    def close(self) -> None:
        """Close the connection, whatever is still on its way."""
        self.writer.close()
