"""Group commit in the client: all waiting appends of a process in one call.

One for each process and shard, on a connection of its own. Appends that arrive while a
call is under way gather for the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg
from msgspec import Struct

from chassis.failpoints import fp
from eventcore.adapters.database import translated
from eventcore.errors import Unavailable
from eventcore.ports import CommandOutcome

MAX_EVENTS = 500
MAX_BYTES = 4_000_000
MAX_WAITING = 10_000
"""Appends in the list; more are refused, because they would only time out."""

_APPEND = "SELECT * FROM log.append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)"


class Row(Struct, frozen=True):
    """One event as it is stored."""

    id: UUID
    type: str
    data: bytes


class Append(Struct, eq=False):
    """One append, or one answer without events, on its way to the database."""

    stream: UUID
    expected: int
    rows: Sequence[Row]
    meta: bytes | None
    epoch: int | None
    outcome: CommandOutcome | None
    size: int
    """Bytes of all rows and the answer, about."""
    stored: asyncio.Future[bool]
    """False: this append was refused, whatever became of the others."""


class Batcher:
    """Hands waiting appends to the database, as many as there are at a time."""

    def __init__(
        self,
        shard: int,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        committed: Callable[[int], None],
    ) -> None:
        self._shard = shard
        self._connect = connect
        self._committed = committed
        self._waiting: list[Append] = []
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None
        self._statement: asyncpg.prepared_stmt.PreparedStatement | None = None

    async def append(self, append: Append) -> bool:
        """Return whether *append* was stored.

        While it waits it may be cancelled; once it is under way, it goes on.

        Raises:
            Unavailable: The outcome is unknown, or too many are waiting.

        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("too many appends are waiting for the database")
        self._waiting.append(append)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await append.stored

    async def close(self) -> None:
        """Finish what waits, then close the connection."""
        if self._task is not None:
            await self._task
        self._disconnect()

    async def _drain(self) -> None:
        try:
            while batch := self._take():
                await self._store(batch)
        finally:
            self._task = None

    def _take(self) -> list[Append]:
        """Take at most one append of each stream, so that none meets another one."""
        batch: list[Append] = []
        rest: list[Append] = []
        streams: set[UUID] = set()
        events = size = 0
        for append in self._waiting:
            if append.stored.done():  # cancelled while it waited
                continue
            events += len(append.rows)
            size += append.size
            is_full = bool(batch) and (events > MAX_EVENTS or size > MAX_BYTES)
            if is_full or append.stream in streams:
                # A later append of this stream must not overtake it.
                streams.add(append.stream)
                rest.append(append)
                continue
            streams.add(append.stream)
            batch.append(append)
        self._waiting = rest
        return batch

    async def _store(self, batch: list[Append]) -> None:
        """Settle every append of *batch*; never raises."""
        try:
            stored = await self._call(batch)
        except Unavailable as error:
            self._disconnect()
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            # One append that the database cannot take must not take the others with it.
            if len(batch) == 1:
                _fail(batch, error)
                return
            for append in batch:
                await self._store([append])
        else:
            self._settle(batch, stored)

    def _settle(self, batch: list[Append], stored: set[UUID]) -> None:
        for append in batch:
            if not append.stored.done():  # its caller may have been cancelled
                append.stored.set_result(append.stream in stored or not append.rows)
        if stored:
            self._committed(self._shard)

    async def _call(self, batch: list[Append]) -> set[UUID]:
        """Return the streams to which something was added."""
        with translated():
            if self._statement is None:
                self._connection = await self._connect()
                self._statement = await self._connection.prepare(_APPEND)
            fp("append.before_commit")
            rows = await self._statement.fetch(self._shard, *_arrays(batch))
            fp("append.after_commit")
            return {row[0] for row in rows}

    def _disconnect(self) -> None:
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None:
            connection.terminate()


def _arrays(batch: list[Append]) -> list[list[object]]:
    """Return the arguments of log.append after the shard."""
    events: list[tuple[object, ...]] = []
    answers: list[tuple[object, ...]] = []
    for append in batch:
        outcome = append.outcome
        command = None if outcome is None else outcome.command_id
        for seq, row in enumerate(append.rows, append.expected + 1):
            events.append(
                (
                    *(append.stream, append.expected, seq, append.epoch, command),
                    *(row.id, row.type, row.data, append.meta),
                )
            )
        if outcome is not None:
            first = append.rows[0].id if append.rows else None
            answers.append(
                (
                    *(append.stream, command, append.expected + 1, first),
                    outcome.answer,
                )
            )
    return [*_columns(events, 9), *_columns(answers, 5)]


def _columns(rows: list[tuple[object, ...]], width: int) -> list[list[object]]:
    if not rows:
        return [[] for _ in range(width)]
    return [list(column) for column in zip(*rows, strict=True)]


def _fail(batch: list[Append], error: Exception) -> None:
    for append in batch:
        if not append.stored.done():
            append.stored.set_exception(error)
