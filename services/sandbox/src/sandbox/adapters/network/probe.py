"""Asking a server over a connection that somebody else has made."""

import asyncio
import re
import socket

import h11

from sandbox.ports import Fetched, Unreachable

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_LINE_BYTES = 4096
BODY_BYTES = 4_194_304


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


async def fetch(
    connection: socket.socket,
    host: str,
    target: str,
    accept: str,
    *,
    method: str = "GET",
) -> Fetched:
    """Return what whoever is behind *connection* answers.

    The connection is closed afterwards. Of a body longer than `BODY_BYTES` only so
    much is returned.

    Raises:
        Unreachable: The answer is no HTTP, or breaks off.

    """
    reader, writer = await asyncio.open_connection(sock=connection)
    client = h11.Connection(h11.CLIENT)
    headers = [("Host", host), ("Accept", accept), ("Connection", "close")]
    try:
        request = h11.Request(method=method, target=target, headers=headers)
        writer.write(client.send(request) + client.send(h11.EndOfMessage()))
        await writer.drain()
        return await _read(client, reader)
    except (OSError, h11.ProtocolError) as exc:
        raise Unreachable("the app does not answer in HTTP") from exc
    finally:
        writer.transport.abort()


async def _read(client: h11.Connection, reader: asyncio.StreamReader) -> Fetched:
    status, kind = 0, ""
    body = bytearray()
    while len(body) < BODY_BYTES:
        event = client.next_event()
        match event:
            case h11.NEED_DATA:
                client.receive_data(await reader.read(65_536))
            case h11.Response():
                status = event.status_code
                kind = dict(event.headers).get(b"content-type", b"").decode("latin-1")
            case h11.Data():
                body += event.data
            case h11.EndOfMessage() | h11.ConnectionClosed():
                break
            case _:
                pass
    if not status:
        raise Unreachable("the app closed the connection")
    is_whole = len(body) < BODY_BYTES
    return Fetched(status, kind, bytes(body[:BODY_BYTES]), is_whole=is_whole)
