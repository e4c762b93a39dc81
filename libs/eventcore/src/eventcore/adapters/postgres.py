"""The log, its snapshots and its leases in Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
from asyncpg.pgproto import pgproto
from msgspec import Raw
from typing_extensions import override

from contracts import codec
from contracts.envelope import Context, Recorded
from contracts.project import ProjectEvent
from contracts.subjects import shard_of
from eventcore.adapters.batcher import Append, Batcher
from eventcore.adapters.database import (
    connect,
    create_pool,
    hang_up,
    translated,
)
from eventcore.errors import AlreadyAnswered, Fenced, WrongExpectedVersion
from eventcore.ports import (
    CommandOutcome,
    EventStore,
    Lease,
    LeaseStore,
    Replayed,
    Snapshot,
    SnapshotStore,
)

MAX_DATA_BYTES = 8_000_000
"""Largest event, as JSON: a file of 1 MiB of control characters fits."""

MAX_PAGE_BYTES = 8_000_000
"""Where a page of events ends before its limit, by the event that crosses it."""

_CHECK = "SELECT FROM log.event, log.command, log.lease, log.work LIMIT 0"
# The window ends a page at its bytes; sizes are known without reading the values.
_PAGE = f"""
FROM (
  SELECT e.*, sum(octet_length(data)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING)
              - octet_length(data) AS before
    FROM (SELECT id, seq, type, at, data, meta FROM log.event
           WHERE project_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) e) w
 WHERE before < {MAX_PAGE_BYTES} ORDER BY seq
"""  # noqa: S608 - a constant of this module
_READ = f"SELECT id, seq, type, at, data, meta {_PAGE}"
_REPLAY = f"SELECT data, seq {_PAGE}"
_SHARD = "SELECT shard FROM log.event WHERE project_id = $1 ORDER BY seq LIMIT 1"
_ANSWER = "SELECT answer FROM log.command WHERE project_id = $1 AND id = $2"
_EPOCH = "SELECT epoch FROM log.lease WHERE project_id = $1"
_OURS = """
SELECT type, data FROM log.event
 WHERE project_id = $1 AND seq > $2 AND epoch = $3 ORDER BY seq LIMIT $4
"""
_LOAD_SNAPSHOT = "SELECT seq, schema, state FROM log.snapshot WHERE project_id = $1"
# Of what was erased meanwhile there is none.
_SAVE_SNAPSHOT = """
INSERT INTO log.snapshot AS s (project_id, seq, schema, state)
SELECT $1::uuid, $2::integer, $3::text, $4::bytea
  FROM log.event WHERE project_id = $1 AND seq = $2
ON CONFLICT (project_id) DO UPDATE
  SET seq = EXCLUDED.seq, schema = EXCLUDED.schema, state = EXCLUDED.state,
      at = clock_timestamp()
  WHERE s.seq < EXCLUDED.seq
"""
_TAKE = "SELECT log.take_lease($1, $2, $3, $4)"
_RENEW = """
UPDATE log.lease SET until = clock_timestamp() + $3
 WHERE project_id = $1 AND epoch = $2 RETURNING true
"""
_RELEASE = """
UPDATE log.lease SET until = clock_timestamp() WHERE project_id = $1 AND epoch = $2
"""
_OPEN_WORK = """
SELECT w.project_id FROM log.work w LEFT JOIN log.lease l USING (project_id)
 WHERE l.until IS NULL OR l.until <= clock_timestamp() ORDER BY w.since LIMIT $1
"""


@asynccontextmanager
async def open_store(
    dsn: str,
    *,
    shards: int = 1,
    pool_size: int = 4,
    committed: Callable[[int], None] = lambda _: None,
) -> AsyncIterator["PostgresStore"]:
    """Lend a store on the database of *dsn*.

    New projects are spread over *shards*; existing ones keep the one they have.
    *committed* is told the shard after each commit, to wake its relay; it must not
    block. *pool_size* is the number of connections beside one per shard.

    Raises:
        Unavailable: The database does not answer.
        asyncpg.PostgresError: The tables of the log are not there, or not for us.

    """
    pool = await create_pool(dsn, pool_size)
    try:
        store = PostgresStore(dsn, pool, shards, committed)
        await store.check()
        try:
            yield store
        finally:
            await store.close()
    finally:
        await hang_up(pool)


class PostgresStore(EventStore[ProjectEvent], SnapshotStore, LeaseStore):
    """All ports of the log on one database; made by `open_store`."""

    def __init__(
        self,
        dsn: str,
        pool: asyncpg.Pool,
        shards: int,
        committed: Callable[[int], None],
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._shards = shards
        self._committed = committed
        self._batchers: dict[int, Batcher] = {}
        self._known: dict[UUID, Batcher] = {}
        """Batchers by stream, because a stream never changes its shard."""

    async def close(self) -> None:
        """Finish the appends that are waiting."""
        for batcher in self._batchers.values():
            await batcher.close()

    async def check(self) -> None:
        """Return when the log can be read, for readiness.

        Raises:
            Unavailable: The database does not answer.
            asyncpg.PostgresError: The tables are not there, or not for us.

        """
        with translated():
            await self._pool.fetch(_CHECK)

    # --- EventStore -----------------------------------------------------------------

    @override
    async def read(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[Recorded]:
        """Return a page by key; it ends at its limit or its bytes."""
        with translated():
            rows = await self._pool.fetch(_READ, stream, after, limit)
        return [
            Recorded(
                id=UUID(int=id_.int),
                project_id=stream,
                seq=seq,
                type=type_,
                at=at,
                data=Raw(data),
                meta=None if meta is None else _decode_meta(meta),
            )
            for id_, seq, type_, at, data, meta in rows
        ]

    @override
    async def replay(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> Replayed:
        """Return a page of data alone, which is half the work of a whole row."""
        with translated():
            rows = await self._pool.fetch(_REPLAY, stream, after, limit)
        return Replayed([row[0] for row in rows], rows[-1][1] if rows else after)

    @override
    async def append(
        self,
        stream: UUID,
        events: Sequence[ProjectEvent],
        *,
        expected: int,
        context: Context,
        epoch: int | None = None,
        outcome: CommandOutcome | None = None,
    ) -> int:
        """Add events in the next call of the shard's batcher."""
        if not events:
            raise ValueError("an append needs at least one event")
        batcher = self._known.get(stream) or await self._find_batcher(
            stream, is_new=expected == 0
        )
        append = Append(
            pgproto.UUID(stream.bytes),
            expected,
            [_type_of(event) for event in events],
            [codec.encode(event) for event in events],
            codec.encode(context),
            epoch,
            outcome,
            0 if outcome is None else len(outcome.answer),
            asyncio.get_running_loop().create_future(),
        )
        for data in append.data:
            if len(data) > MAX_DATA_BYTES:
                raise ValueError(f"an event is larger than {MAX_DATA_BYTES} bytes")
            append.size += len(data)
        batcher.submit(append)
        if not await append.stored:
            await self._explain(append)
        elif expected == 0:
            self._remember(stream, batcher)
        return expected + len(events)

    @override
    async def answer_of(self, stream: UUID, command_id: UUID) -> bytes | None:
        """Return the answer by its key."""
        with translated():
            answer: bytes | None = await self._pool.fetchval(
                _ANSWER, stream, command_id
            )
            return answer

    @override
    async def record_rejection(self, stream: UUID, outcome: CommandOutcome) -> bytes:
        """Store the answer in the order of the shard, then read which one counts."""
        batcher = await self._find_batcher(stream, is_new=False)
        settled = asyncio.get_running_loop().create_future()
        size = len(outcome.answer)
        key = pgproto.UUID(stream.bytes)
        batcher.submit(Append(key, 0, [], [], None, None, outcome, size, settled))
        await settled
        answer = await self.answer_of(stream, outcome.command_id)
        return outcome.answer if answer is None else answer

    async def _explain(self, append: Append) -> None:
        """Raise why *append* was refused; return if it had been stored before."""
        stream, outcome, epoch = append.stream, append.outcome, append.epoch
        types_and_data = list(zip(append.types, append.data, strict=True))
        if outcome is not None:
            answer = await self.answer_of(stream, outcome.command_id)
            if answer is not None:
                raise AlreadyAnswered(answer)
        if epoch is not None:
            with translated():
                ours = await self._pool.fetch(
                    _OURS, stream, append.expected, epoch, len(append.data)
                )
                holder = await self._pool.fetchval(_EPOCH, stream)
            # After an unknown outcome a driver appends the same again.
            if [tuple(row) for row in ours] == types_and_data:
                return
            if holder != epoch:
                raise Fenced(stream, epoch)
        raise WrongExpectedVersion(stream, append.expected)

    async def _find_batcher(self, stream: UUID, *, is_new: bool) -> Batcher:
        """Return the batcher of the shard that the stream has, or will get."""
        batcher = self._known.get(stream)
        if batcher is not None:
            return batcher
        shard = None
        if not is_new:
            with translated():
                shard = await self._pool.fetchval(_SHARD, stream)
        if shard is None:
            return self._batcher(shard_of(stream, self._shards))
        batcher = self._batcher(shard)
        self._remember(stream, batcher)
        return batcher

    def _remember(self, stream: UUID, batcher: Batcher) -> None:
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[stream] = batcher

    def _batcher(self, shard: int) -> Batcher:
        batcher = self._batchers.get(shard)
        if batcher is None:
            batcher = Batcher(shard, lambda: connect(self._dsn), self._committed)
            self._batchers[shard] = batcher
        return batcher

    # --- SnapshotStore --------------------------------------------------------------

    @override
    async def load_snapshot(self, stream: UUID) -> Snapshot | None:
        """Return the row, whatever schema it has."""
        with translated():
            row = await self._pool.fetchrow(_LOAD_SNAPSHOT, stream)
        return None if row is None else Snapshot(*row)

    @override
    async def save_snapshot(self, stream: UUID, snapshot: Snapshot) -> None:
        """Keep the row with the higher seq."""
        with translated():
            await self._pool.execute(
                *(_SAVE_SNAPSHOT, stream, snapshot.seq, snapshot.schema, snapshot.state)
            )

    # --- LeaseStore -----------------------------------------------------------------

    @override
    async def take(self, stream: UUID, owner: str, ttl_s: float) -> Lease | None:
        """Take the lease under the lock of the stream's shard."""
        ttl, shard = timedelta(seconds=ttl_s), shard_of(stream, self._shards)
        with translated():
            epoch = await self._pool.fetchval(_TAKE, stream, shard, owner, ttl)
        return None if epoch is None else Lease(stream, epoch)

    @override
    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        """Move the end of the lease; needs no lock, for the epoch stays."""
        ttl = timedelta(seconds=ttl_s)
        with translated():
            renewed = await self._pool.fetchval(_RENEW, lease.stream, lease.epoch, ttl)
        return renewed is not None

    @override
    async def release(self, lease: Lease) -> None:
        """End the lease now."""
        with translated():
            await self._pool.execute(_RELEASE, lease.stream, lease.epoch)

    @override
    async def open_work(self, limit: int) -> list[UUID]:
        """Return the longest-waiting streams by the table of open runs."""
        with translated():
            rows = await self._pool.fetch(_OPEN_WORK, limit)
        return [UUID(int=row[0].int) for row in rows]


_MAX_KNOWN = 100_000
_decode_meta = codec.decoder(Context).decode
_types: dict[type[ProjectEvent], str] = {}


def _type_of(event: ProjectEvent) -> str:
    kind = type(event)
    type_ = _types.get(kind)
    if type_ is None:
        type_ = _types[kind] = codec.event_type(event)
    return type_
