"""The log, its snapshots and its leases in Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
from msgspec import Raw
from typing_extensions import override

from contracts import codec
from contracts.envelope import Context, Recorded
from contracts.project import ProjectEvent
from contracts.subjects import shard_of
from eventcore.adapters.batcher import Append, Batcher, Row
from eventcore.adapters.database import connect, create_pool, translated
from eventcore.errors import AlreadyAnswered, Fenced, WrongExpectedVersion
from eventcore.ports import (
    CommandOutcome,
    EventStore,
    Lease,
    LeaseStore,
    Snapshot,
    SnapshotStore,
)

MAX_DATA_BYTES = 8_000_000
"""Largest event, as JSON: a file of 1 MiB of control characters fits."""

_READ = """
SELECT id, seq, type, at, data, meta FROM log.event
 WHERE project_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_REPLAY = """
SELECT data FROM log.event WHERE project_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_SHARD = "SELECT shard FROM log.event WHERE project_id = $1 AND seq = 1"
_ANSWER = "SELECT answer FROM log.command WHERE project_id = $1 AND id = $2"
_EPOCH = "SELECT epoch FROM log.lease WHERE project_id = $1"
_OURS = """
SELECT type, data FROM log.event
 WHERE project_id = $1 AND seq > $2 AND epoch = $3 ORDER BY seq LIMIT $4
"""
_LOAD_SNAPSHOT = "SELECT seq, schema, state FROM log.snapshot WHERE project_id = $1"
_SAVE_SNAPSHOT = """
INSERT INTO log.snapshot AS s (project_id, seq, schema, state) VALUES ($1, $2, $3, $4)
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

    """
    pool = await create_pool(dsn, pool_size)
    try:
        store = PostgresStore(dsn, pool, shards, committed)
        try:
            yield store
        finally:
            await store.close()
    finally:
        pool.terminate()


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
        self._shard_of: dict[UUID, int] = {}

    async def close(self) -> None:
        """Finish the appends that are waiting."""
        for batcher in self._batchers.values():
            await batcher.close()

    # --- EventStore -----------------------------------------------------------------

    @override
    async def read(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[Recorded]:
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
    ) -> list[bytes]:
        with translated():
            rows = await self._pool.fetch(_REPLAY, stream, after, limit)
        return [row[0] for row in rows]

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
        if not events:
            raise ValueError("an append needs at least one event")
        batcher = self._batcher(await self._shard(stream, is_new=expected == 0))
        rows = [
            Row(uuid4(), codec.event_type(one), codec.encode(one)) for one in events
        ]
        append = _append(stream, expected, rows, context, epoch, outcome)
        if not await batcher.append(append):
            await self._explain(append)
        return expected + len(rows)

    @override
    async def answer_of(self, stream: UUID, command_id: UUID) -> bytes | None:
        with translated():
            answer: bytes | None = await self._pool.fetchval(
                _ANSWER, stream, command_id
            )
            return answer

    @override
    async def record_rejection(self, stream: UUID, outcome: CommandOutcome) -> bytes:
        batcher = self._batcher(await self._shard(stream, is_new=False))
        await batcher.append(_append(stream, 0, [], None, None, outcome))
        answer = await self.answer_of(stream, outcome.command_id)
        return outcome.answer if answer is None else answer

    async def _explain(self, append: Append) -> None:
        """Raise why *append* was refused; return if it had been stored before."""
        stream, outcome, epoch = append.stream, append.outcome, append.epoch
        if outcome is not None:
            answer = await self.answer_of(stream, outcome.command_id)
            if answer is not None:
                raise AlreadyAnswered(answer)
        if epoch is not None:
            with translated():
                ours = await self._pool.fetch(
                    _OURS, stream, append.expected, epoch, len(append.rows)
                )
                holder = await self._pool.fetchval(_EPOCH, stream)
            # After an unknown outcome a driver appends the same again.
            if [tuple(row) for row in ours] == [(r.type, r.data) for r in append.rows]:
                return
            if holder != epoch:
                raise Fenced(stream, epoch)
        raise WrongExpectedVersion(stream, append.expected)

    def _batcher(self, shard: int) -> Batcher:
        batcher = self._batchers.get(shard)
        if batcher is None:
            batcher = Batcher(shard, lambda: connect(self._dsn), self._committed)
            self._batchers[shard] = batcher
        return batcher

    async def _shard(self, stream: UUID, *, is_new: bool) -> int:
        """Return the shard of the stream's first event, or the one it will get."""
        default = shard_of(stream, self._shards)
        if is_new:
            return default
        shard = self._shard_of.get(stream)
        if shard is None:
            with translated():
                shard = await self._pool.fetchval(_SHARD, stream)
            if shard is None:
                return default
            if len(self._shard_of) >= _MAX_KNOWN_SHARDS:
                self._shard_of.clear()
            self._shard_of[stream] = shard
        return shard

    # --- SnapshotStore --------------------------------------------------------------

    @override
    async def load_snapshot(self, stream: UUID) -> Snapshot | None:
        with translated():
            row = await self._pool.fetchrow(_LOAD_SNAPSHOT, stream)
        return None if row is None else Snapshot(*row)

    @override
    async def save_snapshot(self, stream: UUID, snapshot: Snapshot) -> None:
        with translated():
            await self._pool.execute(
                *(_SAVE_SNAPSHOT, stream, snapshot.seq, snapshot.schema, snapshot.state)
            )

    # --- LeaseStore -----------------------------------------------------------------

    @override
    async def take(self, stream: UUID, owner: str, ttl_s: float) -> Lease | None:
        ttl, shard = timedelta(seconds=ttl_s), shard_of(stream, self._shards)
        with translated():
            epoch = await self._pool.fetchval(_TAKE, stream, shard, owner, ttl)
        return None if epoch is None else Lease(stream, epoch)

    @override
    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        ttl = timedelta(seconds=ttl_s)
        with translated():
            renewed = await self._pool.fetchval(_RENEW, lease.stream, lease.epoch, ttl)
        return renewed is not None

    @override
    async def release(self, lease: Lease) -> None:
        with translated():
            await self._pool.execute(_RELEASE, lease.stream, lease.epoch)

    @override
    async def open_work(self, limit: int) -> list[UUID]:
        with translated():
            rows = await self._pool.fetch(_OPEN_WORK, limit)
        return [UUID(int=row[0].int) for row in rows]


_MAX_KNOWN_SHARDS = 100_000
_decode_meta = codec.decoder(Context).decode


def _append(
    stream: UUID,
    expected: int,
    rows: list[Row],
    context: Context | None,
    epoch: int | None,
    outcome: CommandOutcome | None,
) -> Append:
    size = sum(len(row.data) for row in rows)
    if size > MAX_DATA_BYTES and any(len(r.data) > MAX_DATA_BYTES for r in rows):
        raise ValueError(f"an event is larger than {MAX_DATA_BYTES} bytes")
    meta = None if context is None else codec.encode(context)
    if outcome is not None:
        size += len(outcome.answer)
    stored = asyncio.get_running_loop().create_future()
    return Append(stream, expected, rows, meta, epoch, outcome, size, stored)
