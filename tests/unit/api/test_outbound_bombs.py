"""Servers that answer with little that becomes much are not unpacked."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from api.adapters.outbound import Outbound, open_outbound
from api.ports import Undeliverable
from eventcore.errors import Unavailable

BOMB = gzip.compress(gzip.compress(bytes(1 << 16)))
LIMIT = 1 << 20


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with open_outbound(allow_private=True) as it:
        yield it


@pytest.fixture
async def hostile() -> AsyncIterator[str]:
    """The address of a server that answers in two encodings, one in the other."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"Content-Encoding: gzip, gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + BOMB)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_repository_in_stacked_encodings_is_refused(
    outbound: Outbound, hostile: str
) -> None:
    with pytest.raises(Undeliverable, match="encoding"):
        await outbound.fetch("GET", hostile, b"", {}, max_bytes=LIMIT, timeout_s=10)


async def test_an_issuer_in_stacked_encodings_is_refused(
    outbound: Outbound, hostile: str
) -> None:
    with pytest.raises(Unavailable, match="encoding"):
        await outbound.get(hostile)
