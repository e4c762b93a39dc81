"""Each service reaches what it needs on the embedded servers, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from typing_extensions import override

from contracts.subjects import PERMISSIONS, inbox_prefix
from standalone.servers.nats_users import authorization
from tests.support.servers import NatsServer, as_role, server_folder, settle

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
        await settle(client)
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
        await settle(client)
        await asyncio.sleep(0.05)
    assert len(errors) == len(verbs)


@pytest.mark.parametrize("subject", [">", "_INBOX_agent.>", "cmd.>"])
async def test_nobody_listens_to_what_is_not_for_them(
    server: NatsServer, subject: str
) -> None:
    errors: list[str] = []
    async with connected(server, "gateway", errors) as client:
        await client.subscribe(subject)
        await settle(client)
        await asyncio.sleep(0.05)
    assert any("permissions violation" in error for error in errors)


async def test_a_command_is_asked_for_and_answered(server: NatsServer) -> None:
    async with connected(server, "agent") as agent, connected(server, "api") as api:

        async def answer(message: Msg) -> None:
            await message.respond(b"done")

        await agent.subscribe("cmd.*.*", queue="agent", cb=answer)
        await settle(agent)
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


BUCKETS = ("KV_sandboxes", "KV_screenshots")
STREAMS = ("EVT_0", *BUCKETS)
SENDS = {
    "agent": (
        *(
            EVENT,
            TEXT,
            f"progress.{PROJECT}.reply",
            "poke.0",
            f"sandbox.{PROJECT}.start",
        ),
        *(f"$JS.API.STREAM.INFO.{stream}" for stream in STREAMS),
        *(f"$JS.API.STREAM.CREATE.{stream}" for stream in STREAMS),
        "$JS.API.STREAM.UPDATE.EVT_0",
        *(f"$JS.API.STREAM.MSG.GET.{stream}" for stream in STREAMS),
    ),
    "api": (
        *(COMMAND, f"query.{PROJECT}.project", f"query.{PROJECT}.files"),
        f"query.{PROJECT}.manifest",
        *("models.list", "limits.get", "limits.set", "isolation.tell"),
        *(f"screenshot.{PROJECT}", f"opening.{PROJECT}", f"auth.ended.{PROJECT}"),
        *(f"svc.{service}.evt.{PROJECT}" for service in ("integration", "other")),
        *(
            f"svc.{service}.progress.{PROJECT}.log"
            for service in ("integration", "other")
        ),
        *(f"$JS.API.STREAM.INFO.{stream}" for stream in STREAMS),
        *("$JS.API.CONSUMER.CREATE.EVT_0", "$JS.API.CONSUMER.CREATE.EVT_0.x.evt"),
        *(
            "$JS.API.CONSUMER.DELETE.EVT_0.x",
            "$JS.API.CONSUMER.INFO.EVT_0.x",
            "$JS.FC.x",
        ),
    ),
    "gateway": (
        *(COMMAND, f"query.{PROJECT}.project", f"query.{PROJECT}.files"),
        f"query.{PROJECT}.manifest",
        *(f"live.{PROJECT}.open_file", "auth.verify", "auth.verify_socket"),
    ),
    "sandbox": (
        *(f"query.{PROJECT}.manifest", f"query.{PROJECT}.files"),
        *(f"progress.{PROJECT}.log", f"vars.{PROJECT}", f"peer.x.{PROJECT}.start"),
        *("$KV.sandboxes.x", "$KV.screenshots.x"),
        *(f"$JS.API.STREAM.INFO.{bucket}" for bucket in BUCKETS),
        *(f"$JS.API.STREAM.CREATE.{bucket}" for bucket in BUCKETS),
        *(f"$JS.API.STREAM.MSG.GET.{bucket}" for bucket in BUCKETS),
    ),
    "integration": (
        f"svc.integration.cmd.{PROJECT}.start_run",
        f"svc.integration.query.{PROJECT}.project",
    ),
}
NOBODY_SENDS = (
    *(f"_INBOX_{user}.x" for user in PERMISSIONS),
    *("_INBOX.x", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ"),
    *("$JS.ACK.EVT_0.x.1.1.1.1.1", "$JS.API.INFO", "$JS.API.STREAM.LIST"),
    *("$JS.API.STREAM.PURGE.EVT_0", "$JS.API.STREAM.SNAPSHOT.EVT_0"),
    *("$JS.API.STREAM.MSG.DELETE.EVT_0", "$KV.other.x", "anything"),
    *(f"svc.other.cmd.{PROJECT}.start_run", f"svc.other.query.{PROJECT}.project"),
)
HEARS = {
    "agent": (
        *("cmd.*.*", "query.*.*", "svc.*.cmd.*.*", "svc.*.query.*.*", "models.list"),
        *("limits.get", "limits.set", "live.*.open_file", "poke.*", COMMAND),
    ),
    "api": (
        *("auth.verify", "auth.verify_socket", "auth.ended.*", "vars.*"),
        *("evt.*.*", "progress.*.*"),
    ),
    "gateway": ("evt.*.*", "progress.*.*", "auth.ended.*"),
    "sandbox": (
        *("sandbox.*.*", "isolation.tell", "screenshot.*", "peer.*.*.*", "evt.*.*"),
        "opening.*",
    ),
    "integration": ("svc.integration.evt.*", "svc.integration.progress.*.*"),
}
NOBODY_HEARS = (
    *(">", "*.>", "_INBOX.>", "*.x", "svc.>", "svc.*.evt.*", "svc.other.evt.*"),
    *("$SYS.>", "$JS.>", "$JS.API.>", "$KV.>", "$JS.ACK.>", "$JS.EVENT.ADVISORY.>"),
    *("_R_.>", "evt.>", "cmd.>", "progress.>"),
)


def inboxes(user: str) -> set[str]:
    return {f"_INBOX_{user}.>", f"_INBOX_{user}.x.*"}


class Errors(list[str]):
    """What the server says to somebody, and the moment at which it says more."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    @override
    def append(self, told: str) -> None:
        super().append(told)
        self._more.set()

    async def until_told(self, word: str) -> None:
        async with asyncio.timeout(30):
            while not any(word in told for told in self):
                self._more.clear()
                await self._more.wait()


async def refused(
    server: NatsServer, user: str, verb: str, subjects: Iterable[str]
) -> set[str]:
    """Return on which subjects the server lets *user* not do what *verb* says.

    It says so in the order in which it was asked: after the last one, which is
    forbidden to everybody, nothing follows.
    """
    last = "refused.to.everybody"
    errors = Errors()
    async with connected(server, user, errors) as client:
        for subject in (*subjects, last):
            if verb == "publish":
                await client.publish(subject, b"")
            else:
                await client.subscribe(subject)
        await errors.until_told(last)
    told = [one for one in errors if "permissions violation" in one]
    return {
        subject
        for subject in subjects
        if any(f'"{subject.lower()}"' in one for one in told)
    }


@pytest.mark.parametrize("user", sorted(PERMISSIONS))
async def test_each_user_reaches_what_the_tables_say_and_nothing_else(
    server: NatsServer, user: str
) -> None:
    sent = {*NOBODY_SENDS}.union(*SENDS.values())
    assert await refused(server, user, "publish", sent) == sent - {*SENDS[user]}
    heard = {*NOBODY_HEARS}.union(*HEARS.values(), *map(inboxes, PERMISSIONS))
    own = {*HEARS[user]} | inboxes(user)
    assert await refused(server, user, "subscribe", heard) == heard - own


@pytest.mark.parametrize("user", sorted(PERMISSIONS))
def test_the_tables_know_all_that_is_allowed(user: str) -> None:
    allowed = PERMISSIONS[user]
    unknown = {
        pattern
        for pattern in allowed.publish
        if not any(matches(pattern, subject) for subject in SENDS[user])
    }
    assert unknown == set()
    assert {*allowed.subscribe} <= {*HEARS[user]} | inboxes(user)


def matches(pattern: str, subject: str) -> bool:
    """Tell whether NATS takes *subject* for one of *pattern*."""
    given, asked = subject.split("."), pattern.split(".")
    if asked[-1] == ">":
        given, asked = given[: len(asked) - 1], asked[:-1]
    pairs = zip(given, asked, strict=False)
    return len(given) == len(asked) and all(w in ("*", one) for one, w in pairs)


@pytest.mark.parametrize(
    ("user", "teller", "subject"),
    [
        ("gateway", "agent", EVENT),
        ("integration", "api", f"svc.integration.evt.{PROJECT}"),
    ],
)
async def test_who_serves_nothing_may_not_answer_either(
    server: NatsServer, user: str, teller: str, subject: str
) -> None:
    errors = Errors()
    async with (
        connected(server, teller) as tells,
        connected(server, user, errors) as hears,
    ):
        heard = await hears.subscribe(subject)
        await settle(hears)
        await tells.publish(subject, b"", reply="poke.forged")
        await (await heard.next_msg(timeout=30)).respond(b"")
        await errors.until_told("poke.forged")
