"""Ask a local process whether it is ready."""

import asyncio
from http import HTTPStatus

_TIMEOUT_S = 3.0
_MAX_ANSWER = 64 * 1024


async def ask(port: int, path: str) -> tuple[int, str]:
    """Return status and body of `GET path`; 0 and nothing where nobody answers."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await _get(reader, writer, path)
            finally:
                writer.close()
    except (OSError, ValueError, asyncio.IncompleteReadError):
        return 0, ""


async def is_ready(port: int, path: str = "/ready") -> bool:
    """Tell whether the process on *port* says that it is ready."""
    status, _ = await ask(port, path)
    return status == HTTPStatus.OK


async def _get(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
) -> tuple[int, str]:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    writer.write(request.encode("ascii"))
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.read(_MAX_ANSWER)
    return int(head.split(b" ", 2)[1]), body.decode("utf-8", "replace")
