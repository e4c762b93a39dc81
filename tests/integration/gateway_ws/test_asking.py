"""Questions by the short way get what the long way would bring, failures as well."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.errors import Unavailable
from gateway_ws.adapters.asking import SHORT_BYTES, ShortRequests
from gateway_ws.adapters.shortcut import short_way
from tests.integration.eventcore.test_lost_connections import check_asked_again
from tests.support.polling import until
from tests.support.servers import NatsServer

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture
async def asks(nats_url: str) -> AsyncIterator[NatsBus]:
    async with open_bus(nats_url) as bus:
        yield bus


@pytest.fixture
async def answers(nats_url: str) -> AsyncIterator[NatsBus]:
    """Somebody who answers with what was asked, or fails at it."""
    is_over = asyncio.Event()

    async def answer(_: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        if body == b"away":
            raise Unavailable("the database does not answer")
        if body == b"slow":
            await is_over.wait()
        return headers.get("traceparent", "").encode() + body

    async with open_bus(nats_url) as bus:
        await bus.serve("echo", "q", answer)
        yield bus
        is_over.set()


async def short(bus: NatsBus) -> ShortRequests:
    way = short_way(bus)
    assert way is not None
    return await ShortRequests.over(bus, way)


async def say(
    requests: ShortRequests,
    body: bytes,
    subject: str = "echo",
    trace: str | None = None,
    timeout_s: float = 30,
) -> bytes:
    return await requests.request(subject, body, timeout_s=timeout_s, traceparent=trace)


@pytest.mark.usefixtures("answers")
async def test_each_question_gets_its_own_answer(asks: NatsBus) -> None:
    requests = await short(asks)
    bodies = [b"%d" % number for number in range(500)] + [b"x" * (SHORT_BYTES + 1)]
    assert await asyncio.gather(*(say(requests, b) for b in bodies)) == bodies
    assert await say(requests, b"!", trace=TRACE) == TRACE.encode() + b"!"


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize(
    ("subject", "body", "why"),
    [
        ("nobody", b"", "nobody listens on nobody"),
        ("echo", b"away", "the database does not answer"),
        ("echo", b"slow", "no answer on echo in time"),
    ],
)
async def test_what_fails_says_why(
    asks: NatsBus, subject: str, body: bytes, why: str
) -> None:
    requests = await short(asks)
    with pytest.raises(Unavailable, match=why):
        await say(requests, body, subject, timeout_s=1 if body == b"slow" else 30)
    assert await say(requests, b"and goes on") == b"and goes on"


@pytest.mark.usefixtures("answers")
async def test_an_answer_behind_something_else_arrives_the_ordinary_way(
    asks: NatsBus,
) -> None:
    """What the library hears for itself comes between."""
    requests = await short(asks)
    await asks.listen("noise", lambda _, __, ___: None)
    for number in range(300):
        asks.publish("noise", b"x" * number)
        if number % 3:
            assert await say(requests, b"%d" % number) == b"%d" % number
        else:
            with pytest.raises(Unavailable, match="nobody listens"):
                await say(requests, b"", "nobody")


async def test_a_server_that_was_away_answers_again(nats_server: NatsServer) -> None:
    async def answer(_: str, body: bytes, __: Mapping[str, str]) -> bytes:
        return body

    async with open_bus(nats_server.url) as asks, open_bus(nats_server.url) as answers:
        await answers.serve("echo", "q", answer)
        requests = await short(asks)
        nats_server.kill()
        with pytest.raises(Unavailable):
            await say(requests, b"into the void", timeout_s=1)
        nats_server.start()
        await until(lambda: is_answered(requests), "an answer")


async def test_a_question_that_goes_with_the_connection_is_asked_again(
    nats_server: NatsServer,
) -> None:
    await check_asked_again(nats_server, short)


async def is_answered(requests: ShortRequests) -> bool:
    try:
        return await say(requests, b"again", timeout_s=1) == b"again"
    except Unavailable:
        return False
