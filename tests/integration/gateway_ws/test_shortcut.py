"""The short way from NATS to a room brings what the long way would, in its order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.ports import Subscription
from gateway_ws.adapters.hearing import BusHearing
from gateway_ws.adapters.shortcut import Shortcut, short_way
from tests.support.polling import until
from tests.support.servers import NatsServer

MESSAGES = 2000


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[NatsBus, NatsBus]]:
    """Lend one who hears and one who speaks."""
    async with open_bus(url) as hears, open_bus(url) as speaks:
        yield hears, speaks


async def listen(
    bus: NatsBus, subject: str, hear: Callable[[bytes], None]
) -> Subscription:
    """Listen as a room does, and wait until the server knows of it."""
    subscription = await BusHearing(bus, short_way(bus)).listen(subject, hear)
    await bus.check()
    return subscription


async def settled(heard: list[bytes], count: int) -> None:
    await until(lambda: len(heard) >= count, f"{count} messages are heard")


async def test_nats_py_is_still_made_as_the_short_way_needs_it(nats_url: str) -> None:
    async with open_bus(nats_url) as bus:
        assert Shortcut.into(bus.client) is not None


async def test_all_sizes_come_whole_and_in_order_between_other_messages(
    nats_url: str,
) -> None:
    heard: list[bytes] = []
    async with two(nats_url) as (hears, speaks):
        subscription = await listen(hears, "room.*", heard.append)

        async def echo(_: str, body: bytes, __: object) -> bytes:
            return body

        await hears.serve("echo", "q", echo)
        bodies = [b"%d" % number * (number % 999) for number in range(MESSAGES)]
        bodies[1000] = b"x" * 1_000_000
        for number, body in enumerate(bodies):
            headers = {"H": "1"} if number % 7 == 0 else None
            await speaks.client.publish(f"room.{number}", body, headers=headers)
            if number % 100 == 0:
                answer = await speaks.request(
                    "echo", b"%d" % number, timeout_s=5, traceparent=None
                )
                assert answer == b"%d" % number
        await speaks.client.flush()
        await settled(heard, MESSAGES)
        await subscription.close()
        await speaks.client.publish("room.0", b"late")
        await speaks.client.flush()
        await hears.check()
    assert heard == bodies


async def test_a_new_connection_has_the_short_way_too(nats_server: NatsServer) -> None:
    heard: list[bytes] = []
    async with two(nats_server.url) as (hears, speaks):
        await listen(hears, "room", heard.append)
        back = asyncio.Event()
        hears.on_reconnect(back.set)
        nats_server.kill()
        nats_server.start()
        await asyncio.wait_for(back.wait(), 30)
        await until(lambda: speaks.is_connected, "whoever speaks is back too")
        for number in range(10):
            await speaks.client.publish("room", b"%d" % number)
        await settled(heard, 10)
        transport = vars(hears.client)["_transport"]
        assert "feed_data" in vars(vars(transport)["_io_reader"])
    assert heard == [b"%d" % number for number in range(10)]


async def test_a_bug_in_a_room_does_not_end_the_connection(nats_url: str) -> None:
    heard: list[bytes] = []

    def hear(body: bytes) -> None:
        heard.append(body)
        raise ValueError(body)

    async with two(nats_url) as (hears, speaks):
        await listen(hears, "room", hear)
        await speaks.client.publish("room", b"1")
        await speaks.client.publish("room", b"2")
        await settled(heard, 2)
        assert hears.is_connected


async def test_without_the_short_way_the_long_one_is_taken(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shortcut, "into", lambda _: None)
    heard: list[bytes] = []
    async with two(nats_url) as (hears, speaks):
        subscription = await listen(hears, "room", heard.append)
        await speaks.client.publish("room", b"1")
        await settled(heard, 1)
        await subscription.close()
    assert heard == [b"1"]
