"""Group commit in the client: all waiting appends of a process in one call.

One for each process and shard, on a connection of its own. Appends that arrive while a
call is under way gather for the next one.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
from asyncpg.pgproto import pgproto
from msgspec import Struct

from chassis.failpoints import fp
from eventcore.adapters.database import hang_up, translated
from eventcore.errors import Unavailable
from eventcore.ports import CommandOutcome

MAX_EVENTS = 500
MAX_BYTES = 4_000_000
MAX_WAITING = 10_000
"""Appends in the list; more are refused, because they would only time out."""

APPEND = "SELECT * FROM log.append($1, $2, $3)"


class Append(Struct, eq=False):
    """One append, or one answer without events, on its way to the database."""

    stream: pgproto.UUID
    expected: int
    types: Sequence[str]
    data: Sequence[bytes]
    meta: bytes | None
    epoch: int | None
    outcome: CommandOutcome | None
    size: int
    """Bytes of all data and the answer."""
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
        self._statement: asyncpg.prepared_stmt.PreparedStatement

    def submit(self, append: Append) -> None:
        """Have *append* stored; its future tells whether it was.

        While it waits the future may be cancelled; once it is under way, it goes on.

        Raises:
            Unavailable: Too many are waiting.

        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("too many appends are waiting for the database")
        self._waiting.append(append)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())

    async def close(self) -> None:
        """Finish what waits, then close the connection."""
        if self._task is not None:
            await self._task
        if self._connection is not None:
            await hang_up(self._connection)

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
        streams: set[pgproto.UUID] = set()
        events = size = 0
        for append in self._waiting:
            if append.stored.done():  # cancelled while it waited
                continue
            events += len(append.data)
            size += append.size
            is_full = events > MAX_EVENTS or size > MAX_BYTES
            if (is_full and batch) or append.stream in streams:
                rest.append(append)
            else:
                batch.append(append)
            # A later append of this stream must not overtake this one.
            streams.add(append.stream)
        self._waiting = rest
        return batch

    async def _store(self, batch: list[Append]) -> None:
        """Settle every append of *batch*; never raises."""
        try:
            refused = await self._call(batch)
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
            for append in batch:
                if not append.stored.done():  # its caller may have been cancelled
                    append.stored.set_result(append.stream not in refused)
            self._committed(self._shard)

    async def _call(self, batch: list[Append]) -> set[pgproto.UUID]:
        """Return the streams whose append was refused."""
        with translated():
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
                try:
                    self._statement = await self._connection.prepare(APPEND)
                except BaseException:
                    self._disconnect()
                    raise
            fp("append.before_commit")
            rows = await self._statement.fetch(self._shard, *arguments_of(batch))
            fp("append.after_commit")
            return {row[0] for row in rows}

    def _disconnect(self) -> None:
        """Drop the connection; the next call makes another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def arguments_of(batch: list[Append]) -> tuple[list[object], list[object]]:
    """Return the events and answers of *batch* as log.append takes them."""
    events: list[object] = []
    answers: list[object] = []
    ids = _new_ids(sum(len(append.data) for append in batch))
    for append in batch:
        stream, epoch, meta = append.stream, append.epoch, append.meta
        expected = seq = append.expected
        outcome, command = append.outcome, None
        if outcome is not None:
            command = outcome.command_id
            first = ids[len(events)] if append.data else None
            answers.append((stream, command, expected + 1, first, outcome.answer))
        for type_, data in zip(append.types, append.data, strict=True):
            seq += 1
            id_ = ids[len(events)]
            events.append(
                (stream, expected, seq, epoch, command, id_, type_, data, meta)
            )
    return events, answers


def _new_ids(count: int) -> list[pgproto.UUID]:
    """Return random UUIDs (version 4); many at once are cheaper."""
    noise = bytearray(os.urandom(16 * count))
    for start in range(0, 16 * count, 16):
        noise[start + 6] = noise[start + 6] & 0x0F | 0x40
        noise[start + 8] = noise[start + 8] & 0x3F | 0x80
    raw = bytes(noise)
    return [pgproto.UUID(raw[start : start + 16]) for start in range(0, 16 * count, 16)]


def _fail(batch: list[Append], error: Exception) -> None:
    for append in batch:
        if not append.stored.done():
            append.stored.set_exception(error)
