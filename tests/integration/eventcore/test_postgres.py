"""The store in Postgres when things go wrong, and who may do what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts import codec
from contracts.envelope import Context
from contracts.project import MAX_FILE_BYTES, Actor, FileWritten
from contracts.subjects import shard_of
from eventcore.adapters import batcher
from eventcore.adapters.postgres import PostgresStore, open_store
from eventcore.errors import Unavailable
from tests.contract.event_stores import CONTEXT, CREATED, append, outcome, posted
from tests.integration.eventcore import sql
from tests.support.polling import until
from tests.support.servers import MIGRATIONS, PostgresServer, as_role, server_folder


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    async with open_store(as_role(postgres, "agent")) as it:
        yield it


async def in_a_commit(gate: sql.Gate) -> int:
    """Return the server's process of an append that stands before its commit."""
    await until(gate.waiting, "an append stands before its commit")
    (pid,) = await gate.waiting()
    return pid


# --- failures -------------------------------------------------------------------------


async def test_an_append_that_the_database_refuses_takes_no_other_with_it(
    store: PostgresStore,
) -> None:
    streams = [uuid4() for _ in range(3)]
    oversized = Context(Actor("user", "x"), traceparent="x" * 70_000)
    contexts = [CONTEXT, oversized, CONTEXT]
    results = await asyncio.gather(
        *(
            store.append(stream, [CREATED], expected=0, context=context)
            for stream, context in zip(streams, contexts, strict=True)
        ),
        return_exceptions=True,
    )
    assert [results[0], results[2]] == [1, 1]
    assert isinstance(results[1], asyncpg.CheckViolationError)


async def test_an_event_that_no_message_could_carry_is_a_mistake(
    store: PostgresStore,
) -> None:
    with pytest.raises(ValueError, match="larger than"):
        await append(store, uuid4(), posted("x" * 8_000_001), expected=0)


async def test_a_file_of_control_characters_is_stored(store: PostgresStore) -> None:
    stream, content = uuid4(), "\x01" * MAX_FILE_BYTES
    event = FileWritten(uuid4(), "a.txt", content, "user")
    await append(store, stream, event, expected=0)
    (data,) = (await store.replay(stream)).data
    assert codec.decode_stored(data) == event


async def test_a_lost_connection_leaves_the_outcome_open_and_the_same_call_safe(
    postgres: str, store: PostgresStore
) -> None:
    await sql.alter(postgres, sql.gated(sql.function("append")))
    stream, answer = uuid4(), outcome()

    async def create() -> int:
        return await store.append(
            stream, [CREATED], expected=0, context=CONTEXT, outcome=answer
        )

    async with sql.gate(postgres) as gate:
        creating = asyncio.ensure_future(create())
        pid = await in_a_commit(gate)
        await sql.fetch(postgres, "SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(Unavailable):
            await creating
    assert await create() == 1
    assert len(await store.read(stream)) == 1


async def test_a_caller_that_goes_away_cancels_nothing_that_is_under_way(
    postgres: str, store: PostgresStore
) -> None:
    await sql.alter(postgres, sql.gated(sql.function("append")))
    stream, waiting = uuid4(), uuid4()
    async with sql.gate(postgres) as gate:
        under_way = asyncio.ensure_future(append(store, stream, CREATED, expected=0))
        await in_a_commit(gate)
        still_waiting = asyncio.ensure_future(
            append(store, waiting, CREATED, expected=0)
        )
        await asyncio.sleep(0)
        under_way.cancel()
        still_waiting.cancel()
        await asyncio.wait([under_way, still_waiting])
    assert await append(store, uuid4(), CREATED, expected=0) == 1
    assert len(await store.read(stream)) == 1
    assert await store.read(waiting) == []


async def test_too_many_waiting_appends_are_refused(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "MAX_WAITING", 3)
    results = await asyncio.gather(
        *(append(store, uuid4(), CREATED, expected=0) for _ in range(4)),
        return_exceptions=True,
    )
    assert results[:3] == [1, 1, 1]
    assert isinstance(results[3], Unavailable)


async def test_appends_of_one_stream_keep_their_order(store: PostgresStore) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    appends = [append(store, stream, posted("x"), expected=n) for n in range(1, 10)]
    assert await asyncio.gather(*appends) == list(range(2, 11))


async def test_many_small_appends_go_in_few_calls(postgres: str) -> None:
    calls: list[int] = []
    async with open_store(postgres, committed=calls.append) as store:
        await asyncio.gather(
            *(append(store, uuid4(), CREATED, expected=0) for _ in range(200))
        )
    assert len(calls) < 20
    assert set(calls) == {0}


async def append_until_it_fails(store: PostgresStore, stream: UUID) -> int:
    """Return the last version that was confirmed."""
    version = 0
    with suppress(Unavailable):
        while True:
            version = await append(store, stream, posted("x"), expected=version)
    return version


async def test_a_killed_database_comes_back_with_all_that_it_confirmed() -> None:
    with server_folder() as folder, PostgresServer(folder) as server:
        server.make_template()
        with server.database() as dsn:
            async with open_store(dsn) as store:
                stream = uuid4()
                appending = asyncio.ensure_future(append_until_it_fails(store, stream))
                await until_there_are(store, stream, 10)
                # Its children may still answer for a moment.
                server.kill()
                confirmed = await appending
                server.start()
                await until_there_are(store, stream, confirmed)
                stored = (await store.replay(stream, limit=100_000)).version
                assert stored in {confirmed, confirmed + 1}
                assert await append(store, stream, CREATED, expected=stored) > stored


async def until_there_are(store: PostgresStore, stream: UUID, count: int) -> None:
    async def are_there() -> bool:
        with suppress(Unavailable):
            return (await store.replay(stream, limit=100_000)).version >= count
        return False

    await until(are_there, f"{count} events")


# --- shards ---------------------------------------------------------------------------


async def test_a_store_without_its_tables_does_not_open(empty_postgres: str) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with open_store(empty_postgres):
            pass


async def test_a_project_keeps_the_shard_that_it_was_created_with(
    postgres: str,
) -> None:
    streams = [uuid4() for _ in range(8)]
    for shards, version in ((1, 0), (4, 1), (4, 2)):
        async with open_store(postgres, shards=shards) as store:
            for stream in streams:
                await append(store, stream, posted("x"), expected=version)
                await store.take(stream, "worker", 0)
    rows = await sql.fetch(postgres, "SELECT DISTINCT shard FROM log.event")
    assert [row["shard"] for row in rows] == [0]


async def test_new_projects_are_spread_over_the_shards(postgres: str) -> None:
    committed: list[int] = []
    async with open_store(postgres, shards=4, committed=committed.append) as store:
        streams = [uuid4() for _ in range(12)]
        for stream in streams:
            await append(store, stream, CREATED, expected=0)
    rows = await sql.fetch(postgres, "SELECT project_id, shard FROM log.event")
    assert {row["project_id"]: row["shard"] for row in rows} == {
        stream: shard_of(stream, 4) for stream in streams
    }
    assert set(committed) == {row["shard"] for row in rows}


# --- who may do what ------------------------------------------------------------------

CHANGES = [
    "UPDATE log.event SET type = 'x'",
    "DELETE FROM log.event",
    "TRUNCATE log.event",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["agent", "api", None])
async def test_nobody_changes_an_event(
    postgres: str, store: PostgresStore, change: str, role: str | None
) -> None:
    await append(store, uuid4(), CREATED, expected=0)
    connection = await asyncpg.connect(as_role(postgres, role) if role else postgres)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(change)
    await connection.close()


@pytest.mark.parametrize(
    "table",
    ["event", "command", "lease", "snapshot", "work", "relay_checkpoint", "identity"],
)
async def test_the_api_reads_nothing_of_the_log(postgres: str, table: str) -> None:
    connection = await asyncpg.connect(as_role(postgres, "api"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch(f"SELECT FROM log.{table}")
    await connection.close()


async def test_the_log_is_made_where_there_are_no_roles(empty_postgres: str) -> None:
    text = (MIGRATIONS / "0001_event_log.sql").read_text()
    connection = await asyncpg.connect(empty_postgres)
    async with connection.transaction():
        await connection.execute(text.replace("'agent'", "'nobody_of_that_name'"))
    await connection.close()
    async with open_store(empty_postgres) as store:
        assert await append(store, UUID(int=1), CREATED, expected=0) == 1
