"""A WebSocket client without manners: it sends what it likes and answers nothing."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CLOSE = 0x88
PING = 0x89


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """Return a frame as a client has to send it."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    first = (0x80 if final else 0) | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    else:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    return head + mask + masked


class Raw:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.writer = writer
        self.reader = reader

    async def frames(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield first byte and payload of each frame, until the connection ends."""
        try:
            while True:
                first, size = await self.reader.readexactly(2)
                if size > 125:
                    length = await self.reader.readexactly(2 if size == 126 else 8)
                    size = int.from_bytes(length, "big")
                yield first, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def close_code(self, timeout_s: float = 60.0) -> int | None:
        """Return the code with which the other side closes."""
        async with asyncio.timeout(timeout_s):
            async for first, payload in self.frames():
                if first == CLOSE:
                    return int.from_bytes(payload[:2], "big")
        return None


@asynccontextmanager
async def raw(
    port: int, path: str, cookie: str = "", *, upgrade: bool = True
) -> AsyncIterator[Raw]:
    """Connect, as far as the answer to an upgrade if there is to be one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if upgrade:
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Cookie: {cookie}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101"), head
        yield Raw(reader, writer)
    finally:
        writer.close()
