"""Asking a server for its start page, and reading no more than the first line."""

import asyncio
import re
import socket

from sandbox.ports import Unreachable

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_LINE_BYTES = 4096


async def status_of(connection: socket.socket, host: str) -> int:
    """Return the status with which whoever is behind *connection* answers `GET /`.

    The connection is closed afterwards.

    Raises:
        Unreachable: The answer is no HTTP, or there is none.

    """
    reader, writer = await asyncio.open_connection(sock=connection, limit=_LINE_BYTES)
    try:
        head = f"GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode())
        await writer.drain()
        line = await reader.readline()
    except (OSError, ValueError) as exc:
        raise Unreachable("the app closed the connection") from exc
    finally:
        writer.transport.abort()
    found = _STATUS.match(line)
    if found is None:
        raise Unreachable("the app does not speak HTTP")
    return int(found[1])
