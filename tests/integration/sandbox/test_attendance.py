"""Somebody who is an open page of a dev server, whatever that server says."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from sandbox.adapters.network.attendance import attended

NOTICED = '{"type": "full-reload", "path": "*"}'


class DevServer:
    """Says *said* to each page that opens, and knows when it has left."""

    def __init__(self, said: list[str | bytes]) -> None:
        self.said = said
        self.left = asyncio.Event()
        self.port = 0

    async def dial(self) -> socket.socket:
        """Connect to it."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(0)
        return connection

    async def talk(self, page: ServerConnection) -> None:
        """Say everything, and wait until the page is closed."""
        for text in self.said:
            await page.send(text)
        await page.wait_closed()
        self.left.set()


@asynccontextmanager
async def dev_server(*said: str | bytes) -> AsyncIterator[DevServer]:
    server = DevServer(list(said))
    protocols = [Subprotocol("vite-hmr")]
    async with serve(server.talk, "127.0.0.1", 0, subprotocols=protocols) as listening:
        server.port = next(iter(listening.sockets)).getsockname()[1]
        yield server


@pytest.mark.parametrize(
    "before", ['{"type": "connected"}', "no json", "[" * 100_000, b"\xff\xfe"]
)
async def test_a_change_is_noticed_after_whatever_else_was_said(
    before: str | bytes,
) -> None:
    async with dev_server(before, NOTICED) as server:
        async with attended(server.dial, "name.preview.localhost") as noticed:
            await asyncio.wait_for(noticed.wait(), 20)
        await asyncio.wait_for(server.left.wait(), 20)


async def test_a_server_that_is_no_such_one_changes_nothing() -> None:
    async def dial() -> socket.socket:
        raise ConnectionRefusedError

    async with attended(dial, "name.preview.localhost") as noticed:
        await asyncio.sleep(0)
    assert not noticed.is_set()


async def test_a_server_that_answers_nonsense_changes_nothing() -> None:
    async def nonsense(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"nonsense\r\n\r\n")
        writer.close()
        answered.set()

    answered = asyncio.Event()
    listening = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    server = DevServer([])
    server.port = listening.sockets[0].getsockname()[1]
    async with listening, attended(server.dial, "a") as noticed:
        await asyncio.wait_for(answered.wait(), 20)
    assert not noticed.is_set()
