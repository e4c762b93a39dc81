"""Clients that leave early, on the event loop that services run on."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from proxy import Answer, Limits
from proxy.client import Client
from tests.integration.proxy.doors import door, to

RESET = struct.pack("ii", 1, 0)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def run_as_a_service_does(
    coroutine: Coroutine[Any, Any, None],
) -> list[dict[str, Any]]:
    """Run *coroutine* to its end; return what its loop would log as an error."""
    errors: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, about: errors.append(about))
        runner.run(coroutine)
    return errors


@pytest.mark.parametrize("leaves", ["close", "abort"])
def test_lingering_for_a_client_that_has_left_ends_quietly(leaves: str) -> None:
    done = asyncio.Event()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        getattr(writer.transport, leaves)()
        await writer.wait_closed()
        await Client(reader, writer, Limits()).linger()
        done.set()

    async def meet() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server, asyncio.timeout(10):
            address = server.sockets[0].getsockname()
            _, writer = await asyncio.open_connection(*address)
            await done.wait()
            writer.close()

    assert run_as_a_service_does(meet()) == []


def test_clients_that_reset_their_connections_are_no_errors() -> None:
    async def meet() -> None:
        async with door(to(Answer(200, b"x" * 1_000_000))) as port:
            for _ in range(50):
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    client.sendall(GET)
                await asyncio.sleep(0)

    assert run_as_a_service_does(meet()) == []
