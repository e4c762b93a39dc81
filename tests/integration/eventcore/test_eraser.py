"""What is left of a deleted project in the log and its stream, and when."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from nats.js.api import StreamConfig

from contracts import codec, subjects
from contracts.project import (
    DailyUsage,
    ModelCallCounted,
    ModelCallEnded,
    ProjectDeleted,
    ProjectErased,
    ProjectEvent,
    Usage,
)
from eventcore.adapters import relay as relay_module
from eventcore.adapters.connection import connect
from eventcore.adapters.eraser import Eraser
from eventcore.adapters.postgres import PostgresStore, open_store
from eventcore.adapters.relay import Relay
from eventcore.errors import WrongExpectedVersion
from eventcore.ports import Snapshot
from tests.contract.event_stores import (
    CONTEXT,
    CREATED,
    STARTED,
    append,
    outcome,
    posted,
)
from tests.integration.eventcore import sql
from tests.integration.eventcore.streams import read_stream
from tests.integration.eventcore.test_relay import running
from tests.support.polling import until
from tests.support.servers import as_role

RUN = STARTED.run_id
COSTLY: list[ProjectEvent] = [
    ModelCallEnded(RUN, "implement", 0, 1, "complete", "m", Usage(10, 20, 0.5)),
    ModelCallCounted(RUN, "implement", 0, 1, "m", Usage(1, 2, 0.25)),
]


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    async with open_store(as_role(postgres, "agent")) as it:
        yield it


async def deleted(store: PostgresStore) -> UUID:
    """Return a project with something in every table, which was deleted."""
    stream = uuid4()
    events = [CREATED, STARTED, *COSTLY, posted("secret"), ProjectDeleted()]
    await store.append(
        stream, events, expected=0, context=CONTEXT, outcome=outcome(b"secret")
    )
    await store.save_snapshot(stream, Snapshot(6, "x", b"secret"))
    assert await store.take(stream, "secret", 10) is not None
    return stream


def eraser(dsn: str, grace_s: float = 0.0) -> Eraser:
    return Eraser(as_role(dsn, "agent"), grace_s, lambda _: None)


async def tables_with(dsn: str, stream: UUID) -> set[str]:
    """Return the tables of the log that have a row of a project."""
    names = await sql.fetch(
        dsn,
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'log' AND column_name = 'project_id'",
    )
    found = "SELECT FROM log.{} WHERE project_id = $1"
    return {
        str(name)
        for (name,) in names
        if await sql.fetch(dsn, found.format(name), stream)
    }


async def test_one_event_is_left_with_the_next_version_and_all_costs(
    postgres: str, store: PostgresStore
) -> None:
    stream = await deleted(store)
    await sql.alter(postgres, sql.RELAYED)
    await eraser(postgres).erase_due()
    assert await tables_with(postgres, stream) == {"event"}
    (left,) = await store.read(stream)
    assert left.seq == 7
    assert left.meta is None
    spent = DailyUsage(left.at.date(), "m", 1, 11, 22, 0.75)
    event = codec.decode_event(left.type, left.data)
    assert event == ProjectErased(7, CREATED.owner_id, [spent])
    assert (await store.replay(stream)).version == 7
    rows = await sql.fetch(postgres, "SELECT cost_usd FROM log.spend")
    assert [row["cost_usd"] for row in rows] == [0.75]


async def test_the_id_is_not_given_again_and_nothing_late_comes_in(
    postgres: str, store: PostgresStore
) -> None:
    stream = await deleted(store)
    await sql.alter(postgres, sql.RELAYED)
    await eraser(postgres).erase_due()
    for expected in (0, 1, 5, 6):
        with pytest.raises(WrongExpectedVersion):
            await append(store, stream, CREATED, expected=expected)
    await store.save_snapshot(stream, Snapshot(6, "x", b"secret"))
    assert await store.load_snapshot(stream) is None


async def test_nothing_is_erased_before_its_time_or_before_it_was_published(
    postgres: str, store: PostgresStore
) -> None:
    stream = await deleted(store)
    await eraser(postgres).erase_due()
    assert len(await store.read(stream)) == 6
    await sql.alter(postgres, sql.RELAYED)
    await eraser(postgres, 3600).erase_due()
    assert len(await store.read(stream)) == 6


async def test_a_project_that_goes_on_cannot_be_erased_by_anybody(
    postgres: str, store: PostgresStore
) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, posted("x"), expected=0)
    await sql.alter(postgres, sql.RELAYED)
    await sql.fetch(postgres, "INSERT INTO log.deletion VALUES ($1, now())", stream)
    (answer,) = await sql.fetch(
        postgres, "SELECT log.erase($1, '-1 day', $2)", stream, b"{}"
    )
    assert answer[0] is False
    for statement in (
        "DELETE FROM log.event",
        "UPDATE log.event SET data = ''",
        "TRUNCATE log.event",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append only"):
            await sql.alter(postgres, statement)


async def test_an_end_stays_the_end_of_its_stream(
    postgres: str, store: PostgresStore
) -> None:
    stream = await deleted(store)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append only"):
        await sql.alter(postgres, "DELETE FROM log.event WHERE seq = 6")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="erases"):
        await append(store, stream, ProjectErased(7, CREATED.owner_id, []), expected=6)


async def test_one_role_may_erase_and_by_the_function_alone(postgres: str) -> None:
    may = await sql.fetch(
        postgres,
        "SELECT rolname FROM pg_roles WHERE NOT rolsuper AND has_function_privilege("
        "rolname, 'log.erase(uuid, interval, bytea)', 'EXECUTE')",
    )
    assert [row["rolname"] for row in may] == ["agent"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await sql.alter(as_role(postgres, "agent"), "DELETE FROM log.event")


async def erase_relayed(dsn: str, relay: Relay, count: int) -> None:
    """Erase what is deleted, and wait until *count* events were relayed."""

    async def is_kept() -> bool:
        query = "SELECT FROM log.relay_checkpoint WHERE position = $1"
        return bool(await sql.fetch(dsn, query, count))

    await until(is_kept, "the checkpoint is written")
    await eraser(dsn).erase_due()

    async def is_told() -> bool:
        return relay.status.position > count

    await until(is_told, "the end is relayed")


async def test_the_stream_keeps_the_end_alone_and_all_of_the_others(
    postgres: str, nats_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "COMPARE_S", 0)
    other = uuid4()
    async with running(Relay(postgres, nats_url)) as relay:
        await append(store, other, CREATED, expected=0)
        gone = await deleted(store)
        await append(store, other, posted("x"), expected=1)
        await erase_relayed(postgres, relay, 8)
        await append(store, other, posted("y"), expected=2)

        async def goes_on() -> bool:
            return relay.status.position == 10

        await until(goes_on, "the relay goes on")
        stored = await read_stream(nats_url)
    events = [(one.project_id, one.seq) for message in stored for one in message.events]
    assert events == [(other, 1), (other, 2), (gone, 7), (other, 3)]


async def test_a_stream_of_an_older_version_is_emptied_instead(
    postgres: str, nats_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "COMPARE_S", 0)
    (log_id,) = (await sql.fetch(postgres, "SELECT id FROM log.identity"))[0]
    client = await connect(nats_url)
    await client.jetstream().add_stream(
        StreamConfig(
            name=subjects.stream(0),
            subjects=[subjects.stream_subjects(0)],
            deny_purge=True,
            metadata={"atelier-log": str(log_id)},
        )
    )
    await client.close()
    other = uuid4()
    async with running(Relay(postgres, nats_url)) as relay:
        await append(store, other, CREATED, expected=0)
        gone = await deleted(store)
        await erase_relayed(postgres, relay, 7)
        await append(store, other, posted("y"), expected=1)

        async def goes_on() -> bool:
            return relay.status.position == 9

        await until(goes_on, "the relay goes on")
        stored = await read_stream(nats_url)
    events = [(one.project_id, one.seq) for message in stored for one in message.events]
    assert events == [(gone, 7), (other, 2)]
