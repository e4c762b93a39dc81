"""Following the stream into a read model that holds its checkpoint, on real servers."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from uuid import UUID, uuid4

import asyncpg
import pytest
from typing_extensions import override

from contracts import subjects
from contracts.envelope import Recorded
from eventcore.adapters.database import connect as connect_database
from eventcore.adapters.database import translated
from eventcore.adapters.feed import JetStreamFeed
from eventcore.adapters.jetstream import StreamSettings
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.adapters.postgres import PostgresStore, open_store
from eventcore.adapters.relay import Relay
from eventcore.errors import Unavailable
from eventcore.ports import Checkpoint, Gap, ReadModel
from eventcore.projection import Projection, fresh
from standalone.servers import nats_users
from tests.contract.event_stores import append, posted
from tests.integration.eventcore import sql
from tests.integration.eventcore.streams import is_empty, until_relayed
from tests.support.polling import until
from tests.support.servers import NatsServer, server_folder

TABLES = """
CREATE SCHEMA model;
CREATE TABLE model.seen (project_id uuid, seq int, PRIMARY KEY (project_id, seq));
CREATE TABLE model.version (project_id uuid PRIMARY KEY, seq int NOT NULL);
CREATE TABLE model.checkpoint (shard int PRIMARY KEY, created text, sequence bigint);
"""
KEEP_VERSION = """
INSERT INTO model.version VALUES ($1, $2)
ON CONFLICT (project_id) DO UPDATE SET seq = EXCLUDED.seq
"""
KEEP_CHECKPOINT = """
INSERT INTO model.checkpoint VALUES ($1, $2, $3)
ON CONFLICT (shard) DO UPDATE
  SET created = EXCLUDED.created, sequence = EXCLUDED.sequence
"""


class SeenEvents(ReadModel):
    """Which events were folded; one folded twice would violate the primary key."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.gaps: list[Gap] = []

    @override
    async def checkpoint(self, shard: int) -> Checkpoint | None:
        with translated():
            row = await self._connection.fetchrow(
                "SELECT created, sequence FROM model.checkpoint WHERE shard = $1", shard
            )
        return None if row is None else Checkpoint(*row)

    @override
    async def fold(
        self, shard: int, events: Sequence[Recorded], checkpoint: Checkpoint | None
    ) -> list[Gap]:
        connection = self._connection
        with translated():
            async with connection.transaction():
                rows = await connection.fetch(
                    "SELECT project_id, seq FROM model.version"
                    " WHERE project_id = ANY($1) FOR UPDATE",
                    list({event.project_id for event in events}),
                )
                wanted, gaps = fresh(events, dict(rows))
                self.gaps += gaps
                if gaps:
                    return gaps
                keys = [(event.project_id, event.seq) for event in wanted]
                await connection.executemany(
                    "INSERT INTO model.seen VALUES ($1, $2)", keys
                )
                await connection.executemany(KEEP_VERSION, list(dict(keys).items()))
                if checkpoint is not None:
                    await connection.execute(
                        *(KEEP_CHECKPOINT, shard, checkpoint.stream_created),
                        checkpoint.sequence,
                    )
        return []


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    async with open_store(postgres) as it:
        yield it


@pytest.fixture
async def model(postgres: str) -> AsyncIterator[SeenEvents]:
    await sql.alter(postgres, TABLES)
    connection = await connect_database(postgres)
    yield SeenEvents(connection)
    await connection.close()


@asynccontextmanager
async def running(*works: Relay | Projection) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(work.run()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def projection(bus: NatsBus, model: SeenEvents, store: PostgresStore) -> Projection:
    async def fetch(project_id: UUID, after: int) -> Sequence[Recorded]:
        return await store.read(project_id, after=after, limit=7)

    return Projection(0, JetStreamFeed(bus), model, fetch)


async def write(store: PostgresStore, streams: list[UUID], rounds: int) -> None:
    async def write_one(stream: UUID) -> None:
        version = (await store.replay(stream, limit=100_000)).version
        for _ in range(rounds):
            version = await append(store, stream, posted("x"), expected=version)

    await asyncio.gather(*(write_one(stream) for stream in streams))


async def until_folded(dsn: str) -> None:
    query = """
    SELECT project_id, seq FROM log.event EXCEPT SELECT project_id, seq FROM model.seen
    """

    async def is_folded() -> bool:
        return not await sql.fetch(dsn, query)

    await until(is_folded, "the read model has seen the whole log")


async def test_a_read_model_follows_the_log(
    postgres: str, nats_url: str, store: PostgresStore, model: SeenEvents
) -> None:
    streams = [uuid4() for _ in range(10)]
    await write(store, streams, rounds=30)
    async with (
        open_bus(nats_url) as bus,
        running(Relay(postgres, nats_url), projection(bus, model, store)),
    ):
        await write(store, streams, rounds=30)
        await until_folded(postgres)
    assert model.gaps == []


async def test_it_goes_on_where_it_was(
    postgres: str, nats_url: str, store: PostgresStore, model: SeenEvents
) -> None:
    streams = [uuid4() for _ in range(3)]
    async with running(Relay(postgres, nats_url)):
        for _ in range(3):
            async with (
                open_bus(nats_url) as bus,
                running(projection(bus, model, store)),
            ):
                await write(store, streams, rounds=5)
                await until_folded(postgres)
            await write(store, streams, rounds=5)
        await until_relayed(postgres, nats_url)
        kept = await model.checkpoint(0)
        async with (
            open_bus(nats_url) as bus,
            aclosing(JetStreamFeed(bus).follow(0, kept)) as batches,
        ):
            batch = await anext(batches)
    assert kept is not None
    assert batch.checkpoint.sequence > kept.sequence
    assert min(event.seq for event in batch.events) > 20


async def test_it_survives_a_killed_server(
    postgres: str, nats_server: NatsServer, store: PostgresStore, model: SeenEvents
) -> None:
    streams = [uuid4() for _ in range(5)]
    async with (
        open_bus(nats_server.url) as bus,
        running(Relay(postgres, nats_server.url), projection(bus, model, store)),
    ):
        await write(store, streams, rounds=10)
        await until_folded(postgres)
        nats_server.kill()
        await write(store, streams, rounds=10)
        nats_server.start()
        await write(store, streams, rounds=10)
        await until_folded(postgres)


async def test_it_survives_a_stream_that_was_made_again(
    postgres: str, nats_server: NatsServer, store: PostgresStore, model: SeenEvents
) -> None:
    streams = [uuid4() for _ in range(5)]
    async with (
        open_bus(nats_server.url) as bus,
        running(Relay(postgres, nats_server.url), projection(bus, model, store)),
    ):
        await write(store, streams, rounds=10)
        await until_folded(postgres)
        nats_server.kill()
        assert nats_server.program.cwd is not None
        shutil.rmtree(nats_server.program.cwd / "jetstream")
        nats_server.start()
        await write(store, streams, rounds=10)
        await until_folded(postgres)


async def test_what_the_stream_has_forgotten_is_fetched_from_the_log(
    postgres: str, nats_url: str, store: PostgresStore, model: SeenEvents
) -> None:
    stream = uuid4()
    short = StreamSettings(max_age_s=0.2, duplicate_window_s=0.2)
    async with running(Relay(postgres, nats_url, settings=short)):
        await write(store, [stream], rounds=20)
        await until_relayed_and_gone(postgres, nats_url)
        async with open_bus(nats_url) as bus, running(projection(bus, model, store)):
            await write(store, [stream], rounds=1)
            await until_folded(postgres)
    assert Gap(stream, 0) in model.gaps


async def until_relayed_and_gone(dsn: str, servers: str) -> None:
    async def is_there() -> bool:
        with suppress(AssertionError):
            return not await is_empty(servers)
        return False

    async def is_gone() -> bool:
        return await is_empty(servers)

    await until(is_there, "something is relayed")
    await until(is_gone, "and forgotten")
    assert await sql.fetch(dsn, "SELECT FROM log.event LIMIT 1")


async def test_without_a_stream_the_feed_is_unavailable(nats_url: str) -> None:
    async with open_bus(nats_url) as bus:
        with pytest.raises(Unavailable):
            await anext(JetStreamFeed(bus).follow(0, None))


async def test_a_slow_follower_gets_everything_in_order(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    stream, count = uuid4(), 400
    for version in range(0, count, 40):
        # More than the server sends before it waits for the follower.
        events = [posted("x" * 20_000) for _ in range(40)]
        await append(store, stream, *events, expected=version)
    seen: list[int] = []
    async with open_bus(nats_url) as bus, running(Relay(postgres, nats_url)):
        await until_relayed(postgres, nats_url)
        async with aclosing(JetStreamFeed(bus).follow(0, None)) as batches:
            while len(seen) < count:
                batch = await anext(batches)
                seen += [event.seq for event in batch.events]
                await asyncio.sleep(0.01)
    assert seen == list(range(1, count + 1))


async def test_the_apis_permissions_are_enough(
    postgres: str, store: PostgresStore
) -> None:
    passwords = dict.fromkeys(subjects.PERMISSIONS, "secret")
    users = nats_users.authorization(passwords, system_password="other")  # noqa: S106
    with server_folder() as folder, NatsServer(folder, authorization=users) as server:
        relay = Relay(postgres, server.nats.url("agent", "secret"), user="agent")
        async with running(relay):
            await write(store, [uuid4()], rounds=5)

            async def is_relayed() -> bool:
                return relay.status.position == 5

            await until(is_relayed, "the events are relayed")
            seen: list[Recorded] = []
            url = server.nats.url("api", "secret")
            async with (
                open_bus(url, user="api") as bus,
                aclosing(JetStreamFeed(bus).follow(0, None)) as batches,
            ):
                while len(seen) < 5:
                    seen += (await anext(batches)).events
    assert [event.seq for event in seen] == [1, 2, 3, 4, 5]
