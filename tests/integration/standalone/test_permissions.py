"""Each service reaches what it needs on the embedded servers, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from contracts.subjects import PERMISSIONS, inbox_prefix
from standalone.servers.nats_users import authorization
from tests.support.servers import NatsServer, as_role, server_folder

PASSWORDS = {user: f"password-of-{user}" for user in PERMISSIONS}
PROJECT = "01920000-0000-7000-8000-000000000000"


@pytest.fixture
def server() -> Iterator[NatsServer]:
    users = authorization(PASSWORDS, system_password="system")  # noqa: S106 - a test's
    with server_folder() as folder, NatsServer(folder, authorization=users) as started:
        yield started


@asynccontextmanager
async def connected(
    server: NatsServer, user: str | None, errors: list[str] | None = None
) -> AsyncIterator[Client]:
    async def on_error(error: Exception) -> None:
        if errors is not None:
            errors.append(str(error).lower())

    client = Client()
    try:
        await client.connect(
            server.nats.url(user, PASSWORDS.get(user or "", "")),
            inbox_prefix=inbox_prefix(user or "nobody"),
            error_cb=on_error,
            max_reconnect_attempts=0,
            allow_reconnect=False,
        )
        yield client
    finally:
        await client.close()


async def refused_publishes(server: NatsServer, user: str, *subjects: str) -> set[str]:
    errors: list[str] = []
    async with connected(server, user, errors) as client:
        for subject in subjects:
            await client.publish(subject, b"")
        await client.flush()
        await asyncio.sleep(0.05)  # the refusals come on the way of the pong
    return {subject for subject in subjects if any(subject in one for one in errors)}


async def test_nobody_comes_in_without_a_name(server: NatsServer) -> None:
    with pytest.raises(Error, match=r"(?i)authorization"):
        async with connected(server, None):
            pass


EVENT = f"evt.0.{PROJECT}"
COMMAND = f"cmd.{PROJECT}.start"
TEXT = f"progress.{PROJECT}.text"


@pytest.mark.parametrize("user", ["api", "gateway", "sandbox"])
async def test_only_the_agent_publishes_events(server: NatsServer, user: str) -> None:
    forged = (EVENT, TEXT)
    assert await refused_publishes(server, user, *forged) == set(forged)
    assert await refused_publishes(server, "agent", *forged) == set()


async def test_the_sandbox_gives_no_commands(server: NatsServer) -> None:
    assert await refused_publishes(server, "sandbox", COMMAND) == {COMMAND}


@pytest.mark.parametrize("user", sorted(PERMISSIONS))
async def test_nobody_deletes_or_purges_a_stream(server: NatsServer, user: str) -> None:
    verbs = ("$js.api.stream.delete.evt_0", "$js.api.stream.purge.evt_0")
    asked = tuple(verb.upper() for verb in verbs)
    errors: list[str] = []
    async with connected(server, user, errors) as client:
        for subject in asked:
            await client.publish(subject, b"")
        await client.flush()
        await asyncio.sleep(0.05)
    assert len(errors) == len(verbs)


@pytest.mark.parametrize("subject", [">", "_INBOX_agent.>", "cmd.>"])
async def test_nobody_listens_to_what_is_not_for_them(
    server: NatsServer, subject: str
) -> None:
    errors: list[str] = []
    async with connected(server, "gateway", errors) as client:
        await client.subscribe(subject)
        await client.flush()
        await asyncio.sleep(0.05)
    assert any("permissions violation" in error for error in errors)


async def test_a_command_is_asked_for_and_answered(server: NatsServer) -> None:
    async with connected(server, "agent") as agent, connected(server, "api") as api:

        async def answer(message: Msg) -> None:
            await message.respond(b"done")

        await agent.subscribe("cmd.*.*", queue="agent", cb=answer)
        await agent.flush()
        answered = await api.request(COMMAND, b"", timeout=5)
    assert answered.data == b"done"


async def test_the_agent_makes_the_stream_that_the_api_follows(
    server: NatsServer,
) -> None:
    async with connected(server, "agent") as agent, connected(server, "api") as api:
        made = await agent.request(
            "$JS.API.STREAM.CREATE.EVT_0",
            b'{"name":"EVT_0","subjects":["evt.0.*"],"storage":"file"}',
        )
        found = await api.request("$JS.API.STREAM.INFO.EVT_0", b"")
    assert b'"error"' not in made.data
    assert b'"error"' not in found.data


async def query_error(dsn: str, role: str, statement: str) -> str:
    connection = await asyncpg.connect(as_role(dsn, role))
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as exc:
        return type(exc).__name__
    finally:
        await connection.close()
    return ""


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("agent", "SELECT FROM identity.account"),
        ("agent", "SELECT FROM views.project"),
        ("api", "SELECT FROM log.event"),
        ("agent", "UPDATE log.event SET seq = 0"),
        ("agent", "DELETE FROM log.event"),
        ("agent", "TRUNCATE log.event"),
        ("api", "CREATE TABLE views.mine ()"),
        ("agent", "CREATE TABLE log.mine ()"),
        ("agent", "CREATE ROLE mine"),
        ("api", "COPY (SELECT 1) TO PROGRAM 'true'"),
    ],
)
async def test_a_role_does_not_reach_beyond_its_own(
    postgres: str, role: str, statement: str
) -> None:
    assert await query_error(postgres, role, statement) == "InsufficientPrivilegeError"


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("agent", "SELECT FROM log.event"),
        ("api", "SELECT FROM identity.account"),
        ("api", "SELECT FROM views.project"),
    ],
)
async def test_a_role_reaches_its_own(postgres: str, role: str, statement: str) -> None:
    assert await query_error(postgres, role, statement) == ""


async def test_only_the_sandbox_asks_for_the_variables_of_apps(
    server: NatsServer,
) -> None:
    subject = f"vars.{PROJECT}"
    for user in ("agent", "api", "gateway", "integration"):
        assert await refused_publishes(server, user, subject) == {subject}
    assert await refused_publishes(server, "sandbox", subject) == set()


@pytest.mark.parametrize("what", ["screenshot", "opening"])
async def test_only_the_api_asks_how_and_where_apps_look(
    server: NatsServer, what: str
) -> None:
    subject = f"{what}.{PROJECT}"
    for user in ("agent", "gateway", "sandbox", "integration"):
        assert await refused_publishes(server, user, subject) == {subject}
    assert await refused_publishes(server, "api", subject) == set()
