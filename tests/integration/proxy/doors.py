"""A door on a free port, and small services behind it that tell what they got."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from proxy import Answer, Limits, RequestHead, Route, TcpAddress, Upstream, serve
from tests.support.loopback import NO_TLS

Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Service:
    """A service that answers every connection with *answer*, once it read a head."""

    answer: bytes = OK
    received: list[bytes] = field(default_factory=list)
    """Everything that each connection brought, in order of their ends."""
    connections: int = 0

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Read all there is, answer after the head."""
        self.connections += 1
        raw = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        self.received.append(raw)
        while data := await reader.read(65536):
            self.received[-1] += data


@asynccontextmanager
async def listening(
    handler: Handler, path: Path | None = None
) -> AsyncIterator[TcpAddress]:
    """Run *handler* for each connection to the address that is lent, then close it.

    With *path* it listens there as well.
    """
    tasks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with AsyncExitStack() as servers:
        await servers.enter_async_context(server)
        if path is not None:
            unix = await asyncio.start_unix_server(handle, path)
            await servers.enter_async_context(unix)
        yield TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    for task in filter(None, tasks):
        task.cancel()
    await asyncio.gather(*filter(None, tasks), return_exceptions=True)


@asynccontextmanager
async def door(
    route: Route, *, limits: Limits | None = None, trusted: tuple[str, ...] = ()
) -> AsyncIterator[int]:
    """Open a door on the port that is lent, and close it in the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve(
                listener,
                route,
                stopping=stopping,
                limits=limits,
                trusted_peers=trusted,
            )
        )
        yield listener.getsockname()[1]
        stopping.set()


def to(target: Upstream | Answer | TcpAddress) -> Route:
    """Return a route that leads everything to *target*."""
    upstream = Upstream(target) if isinstance(target, TcpAddress) else target

    async def route(_: RequestHead) -> Upstream | Answer:
        return upstream

    return route


async def talk(port: int, *pieces: bytes, end: bool = False) -> bytes:
    """Send *pieces* one after the other; return all that comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    if end:
        writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


async def fetch(port: int, method: str = "GET", content: bytes = b"") -> httpx.Response:
    """Ask as an ordinary client does."""
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
        return await client.request(
            method, f"http://127.0.0.1:{port}/", content=content
        )


def status_of(answer: bytes) -> int:
    """Return the status of an answer's first line."""
    return int(answer.split(b" ", 2)[1])
