"""WebSockets pass through, and their ends are joined."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from proxy import Limits, TcpAddress
from tests.integration.proxy.doors import Service, door, listening, talk, to

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)


@asynccontextmanager
async def door_to(
    handler: Callable[[ServerConnection], Awaitable[None]],
    limits: Limits | None = None,
) -> AsyncIterator[str]:
    """Open a door to a WebSocket server; lend the URL."""
    async with serve_websocket(handler, "127.0.0.1", 0) as server:
        address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
        async with door(to(address), limits=limits) as port:
            yield f"ws://127.0.0.1:{port}/"


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_messages_pass_both_ways() -> None:
    async with door_to(echo) as url, connect(url, compression=None) as socket:
        await socket.send("x" * 500_000)
        assert await socket.recv() == "x" * 500_000


async def test_an_idle_websocket_stays_open() -> None:
    async with door_to(echo, Limits(idle_s=1)) as url, connect(url) as socket:
        await asyncio.sleep(2)  # longer than others may be idle
        await socket.send("still here")
        assert await socket.recv() == "still here"


async def test_bytes_right_behind_both_heads_are_not_lost() -> None:
    received = asyncio.get_running_loop().create_future()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED + b"from the service")
        received.set_result(await reader.readexactly(len(b"from the client")))

    async with listening(handle) as address, door(to(address)) as port:
        answer = await talk(port, UPGRADE + b"from the client")
    assert answer.endswith(b"from the service")
    assert received.result() == b"from the client"


async def test_a_refused_handshake_is_an_ordinary_answer() -> None:
    service = Service(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    async with listening(service.handle) as address, door(to(address)) as port:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://127.0.0.1:{port}/")


async def test_a_switch_that_nobody_asked_for_is_not_passed_on() -> None:
    service = Service(SWITCHED + b"anything goes")
    async with listening(service.handle) as address, door(to(address)) as port:
        answer = await talk(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"anything goes" not in answer


async def test_other_upgrades_do_not_reach_the_service() -> None:
    service = Service()
    request = (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    )
    async with listening(service.handle) as address, door(to(address)) as port:
        answer = await talk(port, request)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"h2c" not in service.received[0]


async def test_the_client_learns_when_the_service_dies() -> None:
    async def die(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async with door_to(die) as url, connect(url) as socket:
        await socket.send("now")
        with pytest.raises(ConnectionClosedError):
            await socket.recv()


async def test_the_service_learns_when_the_client_dies() -> None:
    ended = asyncio.Event()

    async def wait(socket: ServerConnection) -> None:
        await socket.wait_closed()
        ended.set()

    async with door_to(wait) as url:
        socket = await connect(url)
        socket.transport.abort()
        async with asyncio.timeout(60):
            await ended.wait()
