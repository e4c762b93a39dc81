"""Two joined pumps: after an upgrade bytes pass both ways, unread."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter

CHUNK = 64 * 1024
GRACE_S = 5.0
"""For the other direction, when one has ended."""

_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


async def splice(
    left: tuple[StreamReader, StreamWriter], right: tuple[StreamReader, StreamWriter]
) -> None:
    """Pass bytes between both until either ends; then the other ends soon.

    There is no idle limit: a quiet socket may be quiet for hours. TCP finds out within
    two minutes when the peer is gone.
    """
    for _, writer in (left, right):
        watch(writer)
    async with asyncio.TaskGroup() as pumps:
        both = {
            pumps.create_task(_pump(left[0], right[1])),
            pumps.create_task(_pump(right[0], left[1])),
        }
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(both, timeout=GRACE_S)
        for pump in both:
            pump.cancel()


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):  # uvloop raises the second on a closed transport
        # Reset by one side: the other learns it from the end of its own direction.
        writer.close()


def watch(writer: StreamWriter) -> None:
    """Have TCP find out by itself when the peer is gone, although nobody sends."""
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # Linux has all three
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
