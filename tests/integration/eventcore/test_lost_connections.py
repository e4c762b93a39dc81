"""A connection to the bus that is lost takes no question along, and is noticed."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable

import pytest

from eventcore.adapters import connection
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.errors import Unavailable
from eventcore.ports import Headers, Requests
from tests.support.servers import NatsServer

PATIENCE_S = 60.0


async def check_asked_again(
    server: NatsServer, way: Callable[[NatsBus], Awaitable[Requests]]
) -> None:
    """Check that a question *way* is answered whose first answer is lost."""
    asked: list[bytes] = []
    is_asked, is_over = asyncio.Event(), asyncio.Event()

    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        asked.append(body)
        is_asked.set()
        if len(asked) == 1:
            await is_over.wait()
        return body

    async with open_bus(server.url) as asks, open_bus(server.url) as answers:
        await answers.serve("echo", "q", handle)
        requests = await way(asks)
        asking = asyncio.create_task(
            requests.request("echo", b"hi", timeout_s=PATIENCE_S, traceparent=None)
        )
        await is_asked.wait()
        server.kill()
        server.start()
        assert await asking == b"hi"
        assert asked == [b"hi", b"hi"]
        is_over.set()


async def test_a_question_that_goes_with_the_connection_is_asked_again(
    nats_server: NatsServer,
) -> None:
    async def itself(bus: NatsBus) -> Requests:
        return bus

    await check_asked_again(nats_server, itself)


async def test_a_question_without_a_connection_waits_for_one_but_not_for_ever(
    nats_server: NatsServer,
) -> None:
    async with open_bus(nats_server.url) as bus:
        gone = asyncio.Event()
        bus.on_disconnect(gone.set)
        nats_server.kill()
        await gone.wait()
        nats_server.start()
        with pytest.raises(Unavailable, match=r"nobody|in time"):
            await bus.request("echo", b"", timeout_s=0.5, traceparent=None)


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux gives up such sockets"
)
async def test_a_server_that_takes_nothing_in_is_given_up(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More waits to be sent than the kernel takes, and a ping would wait behind it."""
    monkeypatch.setattr(connection, "PING_S", 0.5)
    async with open_bus(nats_server.url) as bus:
        gone = asyncio.Event()
        os.kill(nats_server.pid, signal.SIGSTOP)
        bus.on_disconnect(gone.set)
        for _ in range(15):
            bus.publish("noise", bytes(1_000_000))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await gone.wait()
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
