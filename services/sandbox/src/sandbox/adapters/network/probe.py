"""Asking a server over a connection that somebody else has made."""

import asyncio
import re
import socket
from contextlib import suppress

import h11

from proxy.upstream import ANSWER_HEAD_BYTES
from sandbox.ports import Fetched, Unreachable

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_LINE_BYTES = 4096
BODY_BYTES = 4_194_304
BODY_S = 5.0
"""A page may be a stream that never ends."""
_TOO_LARGE = 431


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

    The connection is closed afterwards. Of a body longer than `BODY_BYTES`, or one that
    takes longer than `BODY_S`, only so much is returned.

    Raises:
        Unreachable: The answer is no HTTP, or breaks off.

    """
    reader, writer = await asyncio.open_connection(sock=connection)
    # What a visitor could not see counts as no answer, and nothing else does.
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER_HEAD_BYTES)
    headers = [("Host", host), ("Accept", accept), ("Connection", "close")]
    try:
        request = h11.Request(method=method, target=target, headers=headers)
        writer.write(client.send(request) + client.send(h11.EndOfMessage()))
        await writer.drain()
        status, kind = await _read_head(client, reader)
        body, is_whole = await _read_body(client, reader)
        return Fetched(status, kind, body, is_whole=is_whole)
    except h11.RemoteProtocolError as exc:
        if exc.error_status_hint == _TOO_LARGE:
            size = f"{ANSWER_HEAD_BYTES >> 10} KiB"
            raise Unreachable(f"the head of its answer is over {size}") from exc
        raise Unreachable("the app does not answer in HTTP") from exc
    except (OSError, h11.LocalProtocolError) as exc:
        raise Unreachable("the app does not answer in HTTP") from exc
    finally:
        writer.transport.abort()


async def _read_head(
    client: h11.Connection, reader: asyncio.StreamReader
) -> tuple[int, str]:
    while True:
        event = await _next(client, reader)
        if isinstance(event, h11.Response):
            kind = dict(event.headers).get(b"content-type", b"").decode("latin-1")
            return event.status_code, kind
        if not isinstance(event, h11.InformationalResponse):
            raise Unreachable("the app closed the connection")


async def _read_body(
    client: h11.Connection, reader: asyncio.StreamReader
) -> tuple[bytes, bool]:
    """Return the body, and whether that is all of it."""
    body = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_S):
            while len(body) < BODY_BYTES:
                event = await _next(client, reader)
                if not isinstance(event, h11.Data):
                    return bytes(body), True
                body += event.data
    return bytes(body[:BODY_BYTES]), False


async def _next(client: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := client.next_event()) is h11.NEED_DATA:
        client.receive_data(await reader.read(65_536))
    return event
