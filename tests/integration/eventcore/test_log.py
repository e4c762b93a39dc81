"""What holds the log together, and that it falls apart without each part of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg.pgproto import pgproto

from eventcore.adapters.batcher import APPEND, Append, arguments_of
from eventcore.adapters.database import SERVER_SETTINGS, connect
from eventcore.adapters.postgres import PostgresStore, open_store
from eventcore.errors import AlreadyAnswered, Fenced, WrongExpectedVersion
from tests.contract.event_stores import CONTEXT, CREATED, append, outcome, posted
from tests.integration.eventcore import sql
from tests.support.polling import until
from tests.support.servers import as_role
from tests.unit.eventcore.counter import Close, Conversations, Say, execute, executor


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    async with open_store(as_role(postgres, "agent")) as it:
        yield it


@asynccontextmanager
async def stores(dsn: str, count: int) -> AsyncIterator[list[PostgresStore]]:
    """Lend stores with connections of their own, as so many processes have them."""
    contexts = [open_store(as_role(dsn, "agent")) for _ in range(count)]
    try:
        yield [await context.__aenter__() for context in contexts]
    finally:
        for context in contexts:
            await context.__aexit__(None, None, None)


# --- the order of positions is the order of commits -----------------------------------


async def follow_positions(dsn: str, writing: asyncio.Task[None]) -> list[int]:
    """Read as a relay does, `position > last`, until all has been written."""
    connection = await asyncpg.connect(dsn)
    seen = [0]
    is_over = False
    while not is_over:
        is_over = writing.done()
        rows = await connection.fetch(
            "SELECT position FROM log.event WHERE position > $1 ORDER BY position",
            seen[-1],
        )
        seen += [row["position"] for row in rows]
    await connection.close()
    return seen[1:]


async def write(writers: list[PostgresStore], events: int) -> None:
    async def write_one(store: PostgresStore) -> None:
        stream = uuid4()
        for version in range(events):
            await append(store, stream, posted("x"), expected=version)

    await asyncio.gather(*(write_one(store) for store in writers))


@pytest.mark.parametrize("is_locked", [True, False], ids=["as it is", "without lock"])
async def test_a_reader_of_positions_beside_eight_writers_misses_none(
    postgres: str, *, is_locked: bool
) -> None:
    definition = sql.lingering(sql.function("append"), "random() * 0.002")
    if not is_locked:
        definition = sql.without(definition, sql.LOCK_OF_APPEND)
    await sql.alter(postgres, definition)
    async with stores(postgres, 8) as writers:
        writing = asyncio.ensure_future(write(writers, 50))
        seen = await follow_positions(postgres, writing)
        await writing
    stored = await sql.fetch(postgres, "SELECT position FROM log.event ORDER BY 1")
    assert len(stored) == 8 * 50
    assert (seen == [row["position"] for row in stored]) is is_locked


# --- the fence ------------------------------------------------------------------------


@pytest.mark.parametrize("is_locked", [True, False], ids=["as it is", "without lock"])
async def test_nothing_of_an_old_epoch_comes_after_a_takeover(
    postgres: str, *, is_locked: bool
) -> None:
    take = sql.patient(sql.function("take_lease"))
    await sql.alter(
        postgres,
        sql.gated(sql.function("append")),
        take if is_locked else sql.without(take, sql.LOCK_OF_TAKE),
    )
    stream = uuid4()
    async with stores(postgres, 2) as (old, new), sql.gate(postgres) as gate:
        lease = await old.take(stream, "old", 0)
        assert lease is not None
        late = asyncio.ensure_future(
            old.append(stream, [CREATED], expected=0, context=CONTEXT, epoch=1)
        )
        await until(gate.waiting, "an append stands before its commit")
        taking = asyncio.ensure_future(version_at_takeover(new, stream))

        async def taken_or_stopped() -> bool:
            return taking.done() or bool(await gate.waiting_for_a_shard())

        await until(taken_or_stopped, "the other one takes the lease, or has to wait")
        await gate.open()
        await late
        assert (len(await new.read(stream)) == await taking) is is_locked


async def version_at_takeover(store: PostgresStore, stream: UUID) -> int:
    assert await store.take(stream, "new", 30) is not None
    return len(await store.read(stream))


async def test_a_driver_is_fenced_when_the_lease_went_between_load_and_append(
    store: PostgresStore,
) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    old = await store.take(stream, "old", 0)
    loaded = len(await store.read(stream))
    new = await store.take(stream, "new", 30)
    assert old is not None
    assert new is not None
    with pytest.raises(Fenced):
        await store.append(
            *(stream, [posted("late")]),
            expected=loaded,
            context=CONTEXT,
            epoch=old.epoch,
        )
    assert len(await store.read(stream)) == 1


# --- each part of the predicate is needed ---------------------------------------------


async def refuses_a_version_ahead(store: PostgresStore, stream: UUID) -> bool:
    try:
        await append(store, stream, posted("x"), expected=5)
    except WrongExpectedVersion:
        return True
    return False


async def refuses_an_old_epoch(store: PostgresStore, stream: UUID) -> bool:
    await store.take(stream, "one", 0)
    await store.take(stream, "other", 30)
    try:
        await store.append(stream, [posted("x")], expected=1, context=CONTEXT, epoch=1)
    except Fenced:
        return True
    return False


async def refuses_a_command_again(store: PostgresStore, stream: UUID) -> bool:
    answer = outcome()
    await store.record_rejection(stream, answer)
    try:
        await store.append(
            stream, [posted("x")], expected=1, context=CONTEXT, outcome=answer
        )
    except AlreadyAnswered:
        return True
    return False


@pytest.mark.parametrize(
    ("part", "is_refused"),
    [
        (sql.VERSION_IS_EXPECTED, refuses_a_version_ahead),
        (sql.EPOCH_IS_THE_LEASES, refuses_an_old_epoch),
        (sql.COMMAND_IS_NEW, refuses_a_command_again),
    ],
    ids=["version", "epoch", "command"],
)
async def test_each_part_of_the_predicate_is_needed(
    postgres: str,
    store: PostgresStore,
    part: re.Pattern[str],
    is_refused: Callable[[PostgresStore, UUID], Awaitable[bool]],
) -> None:
    one, other = uuid4(), uuid4()
    await append(store, one, CREATED, expected=0)
    await append(store, other, CREATED, expected=0)
    assert await is_refused(store, one)
    await sql.alter(postgres, sql.replacing(sql.function("append"), part, "true"))
    assert not await is_refused(store, other)


# --- commands are answered once -------------------------------------------------------


async def ask_two_workers(
    dsn: str, command: Say | Close, *, first: Say | Close | None = None
) -> tuple[list[bytes], int]:
    """Give one command to two workers at once; return answers and new events."""
    async with stores(dsn, 2) as (one, other):
        workers: list[Conversations] = [executor(one), executor(other)]
        stream, command_id = uuid4(), uuid4()
        if first is not None:
            await execute(workers[0], stream, first)
        before = len(await one.read(stream))
        answers = await asyncio.gather(
            *(execute(worker, stream, command, command_id) for worker in workers)
        )
        return answers, len(await one.read(stream)) - before


async def test_two_workers_give_a_command_one_answer(postgres: str) -> None:
    assert await ask_two_workers(postgres, Say("a", 3)) == ([b"3 at 3"] * 2, 3)


async def test_two_workers_reject_a_command_alike(postgres: str) -> None:
    answers, added = await ask_two_workers(postgres, Say("a"), first=Close())
    assert (answers, added) == ([b"closed", b"closed"], 0)


async def test_many_workers_lose_no_command(postgres: str) -> None:
    async with stores(postgres, 3) as three:
        stream = uuid4()
        answers = await asyncio.gather(
            *(execute(executor(store), stream, Say("a")) for store in three)
        )
    assert sorted(answers) == [b"1 at 1", b"2 at 2", b"3 at 3"]


# --- the plan is cached while the table is small --------------------------------------

FILL = """
INSERT INTO log.event (shard, project_id, seq, id, type, data)
SELECT 0, gen_random_uuid(), 1, gen_random_uuid(), 'message.posted', '{}'
  FROM generate_series(1, 100000)
"""
ROWS_READ = """
SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'event')
     + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'event')
"""


async def rows_read_by_appends(dsn: str) -> int:
    """Append to sixteen streams in one call, before and after the log grows."""
    connection = await connect(dsn)
    await connection.execute("SET statement_timeout = 0")
    statement = await connection.prepare(APPEND)
    streams = [uuid4() for _ in range(16)]
    for version in range(21):
        # Statistics make the planner plan anew; a few calls later the plan stays.
        if version == 3:
            await sql.alter(dsn, "ANALYZE log.event")
        if version == 20:
            await sql.alter(dsn, FILL)
        await statement.fetch(0, *arguments(streams, version))
    await connection.close()

    async def has_ended() -> bool:  # and told what it has read
        query = "SELECT FROM pg_stat_activity WHERE application_name = 'eventcore'"
        return not await sql.fetch(dsn, f"{query} AND datname = current_database()")

    await until(has_ended, "the connection ends")
    ((rows_read,),) = await sql.fetch(dsn, ROWS_READ)
    return int(rows_read)


def arguments(streams: list[UUID], version: int) -> tuple[list[object], list[object]]:
    loop = asyncio.get_running_loop()
    return arguments_of(
        [
            Append(
                *(pgproto.UUID(stream.bytes), version, ["x"], [b"{}"], b"{}"),
                *(None, None, 0, loop.create_future()),
            )
            for stream in streams
        ]
    )


async def test_appends_read_few_rows_after_the_log_has_grown(postgres: str) -> None:
    assert await rows_read_by_appends(postgres) < 10_000


async def test_appends_that_probe_by_exists_read_all_of_the_log(postgres: str) -> None:
    append_ = sql.function("append")
    await sql.alter(
        postgres, sql.replacing(append_, sql.VERSION_IS_EXPECTED, sql.VERSION_BY_EXISTS)
    )
    assert await rows_read_by_appends(postgres) > 100_000


async def test_appends_whose_plan_may_scan_read_all_of_the_log(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(SERVER_SETTINGS, "enable_seqscan")
    assert await rows_read_by_appends(postgres) > 100_000
