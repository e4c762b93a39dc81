"""Where an answer goes is written by whoever asks, and sent with our permissions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import nats
import pytest
from nats.aio.client import Client

from contracts import subjects
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.ports import Headers
from standalone.servers.nats_users import authorization
from tests.support.servers import NatsServer, server_folder

NAME = "integration"
PROJECT = UUID(int=1)
ELSEWHERE = [
    f"evt.0.{PROJECT}",
    f"sandbox.{PROJECT}.start",
    f"cmd.{PROJECT}.stop_run",
    "$JS.API.STREAM.PURGE.EVT_0",
    "svc.other.evt.x",
    "_INBOX_api.x",
    "_INBOX.x",
    f"_INBOX_{NAME}x.y",
    f"_INBOX_{NAME}",
]


@pytest.fixture(scope="module")
def guarded() -> Iterator[NatsServer]:
    """A server on which everybody may do only what it needs."""
    passwords = {user: user for user in subjects.PERMISSIONS}
    users = authorization(passwords, system_password="system")  # noqa: S106 - a test's
    with server_folder() as folder, NatsServer(folder, authorization=users) as server:
        yield server


@pytest.fixture
async def agent(guarded: NatsServer) -> AsyncIterator[NatsBus]:
    async with open_bus(guarded.nats.url("agent", "agent"), user="agent") as bus:
        yield bus


@pytest.fixture
async def outsider(guarded: NatsServer) -> AsyncIterator[Client]:
    """A service that is none of ours, as it comes."""
    client = await nats.connect(
        guarded.nats.url(NAME, NAME), inbox_prefix="_INBOX_" + NAME
    )
    yield client
    await client.close()


async def answer(_: str, body: bytes, __: Headers) -> bytes:
    return b"to " + body


async def answered_at(agent: NatsBus, outsider: Client, reply: str) -> list[str]:
    """Return the subjects on which the agent has published, after a request."""
    sent: list[str] = []
    publish = agent.client.publish

    async def watched(subject: str, *args: Any, **more: Any) -> None:  # noqa: ANN401 - as they come
        sent.append(subject)
        await publish(subject, *args, **more)

    agent.client.publish = watched  # type: ignore[method-assign]
    subject = subjects.service_query(NAME, PROJECT, "project")
    await outsider.publish(subject, b"you", reply=reply)
    told = await outsider.request(subject, b"me", timeout=10)
    assert told.data == b"to me"
    return sent[:-1]


@pytest.mark.parametrize("reply", ELSEWHERE)
async def test_no_answer_goes_where_its_asker_may_not_listen(
    agent: NatsBus, outsider: Client, reply: str
) -> None:
    await agent.serve(subjects.SERVICE_QUERIES, "agent", answer)
    assert await answered_at(agent, outsider, reply) == []


async def test_an_answer_goes_to_the_inbox_of_its_asker(
    agent: NatsBus, outsider: Client
) -> None:
    await agent.serve(subjects.SERVICE_QUERIES, "agent", answer)
    inbox = f"_INBOX_{NAME}.{uuid4()}"
    assert await answered_at(agent, outsider, inbox) == [inbox]


async def test_an_event_cannot_be_forged_through_us(
    agent: NatsBus, outsider: Client, guarded: NatsServer
) -> None:
    heard: list[bytes] = []
    await agent.serve(subjects.SERVICE_QUERIES, "agent", answer)
    async with open_bus(guarded.nats.url("gateway", "gateway"), user="gateway") as bus:
        await bus.listen(subjects.events_of(PROJECT), lambda *one: heard.append(one[1]))
        subject = subjects.service_query(NAME, PROJECT, "project")
        await outsider.publish(subject, b"forged", reply=subjects.event(0, PROJECT))
        await outsider.request(subject, b"me", timeout=10)
        await bus.check()
        await asyncio.sleep(0)
    assert heard == []
