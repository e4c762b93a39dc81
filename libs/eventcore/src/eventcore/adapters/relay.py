"""The relay: publishes the log of a shard to its stream, in order and exactly once.

The stream is the checkpoint: its last message says how far the log was published, and
every message is stored only right after the one that it names. Whatever goes wrong, the
relay reads the stream's end again and goes on from there.

Any number of processes run one; an advisory lock lets one of them work, which saves
work and nothing else: two relays at once, or one that wakes up late, cannot do harm.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import NoReturn

import asyncpg
import msgspec
from msgspec import Struct, structs
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis import logs
from chassis.failpoints import fp
from chassis.tracing import span
from contracts import codec, subjects
from contracts.envelope import Context
from eventcore.adapters.connection import connect as connect_nats
from eventcore.adapters.connection import subscribe
from eventcore.adapters.database import connect as connect_database
from eventcore.adapters.database import hang_up, translated
from eventcore.adapters.jetstream import (
    Chain,
    ChainBroken,
    StreamEnd,
    StreamSettings,
    empty_stream,
    ensure_stream,
    read_end,
    read_position,
)
from eventcore.adapters.messages import COLUMNS, Outgoing, messages
from eventcore.errors import Unavailable

ROWS = 500
MAX_BATCH_BYTES = 4_000_000
POLL_S = 1.0
"""A poke comes sooner; it may get lost."""
COMPARE_S = 10.0
"""How often the stream's end is compared with what was published."""
RETRY_S = 0.2
FROZEN_S = 10.0
"""A relay that does not ask the database for so long loses its lock to another one."""
LATE_S = 5.0
"""An event that waits longer is worth a warning."""
PENDING_BYTES = 16 << 20

_LOCK = 7002
_LIMIT_IDLENESS = "SELECT set_config('idle_session_timeout', $1, false)"
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"
_LOG_ID = "SELECT id FROM log.identity"
_CHECKPOINT = """
SELECT stream_created, last_seq, position FROM log.relay_checkpoint WHERE shard = $1
"""
# A relay that has just started knows of nothing that was published; the row is as good,
# give or take some seconds.
_WAITING = """
SELECT extract(epoch FROM clock_timestamp() - e.at) FROM log.event e
 WHERE e.shard = $1 AND e.position > greatest($2::bigint, (
         SELECT c.position FROM log.relay_checkpoint c WHERE c.shard = $1), 0)
 ORDER BY e.position LIMIT 1
"""
_SAVE_CHECKPOINT = """
INSERT INTO log.relay_checkpoint (shard, stream_created, last_seq, position)
VALUES ($1, $2, $3, $4)
ON CONFLICT (shard) DO UPDATE SET stream_created = EXCLUDED.stream_created,
  last_seq = EXCLUDED.last_seq, position = EXCLUDED.position, at = clock_timestamp()
"""
# The window stops the batch at its bytes; sizes are known without reading the values.
_READ = f"""
SELECT {COLUMNS} FROM (
  SELECT e.*, sum(octet_length(data)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING)
              - octet_length(data) AS before
    FROM (SELECT * FROM log.event WHERE shard = $1 AND position > $2
          ORDER BY position LIMIT {ROWS}) e) w
 WHERE before < {MAX_BATCH_BYTES}
 ORDER BY position
"""  # noqa: S608 - constants of this module

_context = codec.decoder(Context)
_log = logs.get(__name__)


class _HasToBeEmpty(ChainBroken):
    """A stream of an older version cannot drop messages of one subject alone."""


class RelayStatus(Struct):
    """What a relay does, for metrics and readiness."""

    is_leader: bool = False
    position: int = 0
    """How far the log is known to be in the stream."""
    oldest_waiting_s: float = 0.0
    """Age of the oldest event that the last read found unpublished."""


class Relay:
    """Publishes one shard's events while it holds the shard's lock."""

    def __init__(
        self,
        dsn: str,
        servers: str,
        *,
        user: str | None = None,
        shard: int = 0,
        settings: StreamSettings | None = None,
        frozen_s: float = FROZEN_S,
    ) -> None:
        """*dsn* must lead to the database directly: a lock belongs to a connection."""
        self.status = RelayStatus()
        self._dsn = dsn
        self._servers = servers
        self._user = user
        self._shard = shard
        self._settings = settings or StreamSettings()
        self._frozen_s = frozen_s
        self._poll_s = min(POLL_S, frozen_s / 4)

    async def run(self) -> NoReturn:
        """Relay for ever, or wait until this process may."""
        told = ""
        while True:
            try:
                async with self._connected() as connection:
                    await self._lock(connection)
                    await self._measure(connection)
                    await self.relay(connection)
            except Unavailable as error:
                if str(error) != told:
                    told = str(error)
                    _log.warning("relay waits", shard=self._shard, reason=told)
            await asyncio.sleep(RETRY_S)

    async def relay(self, connection: asyncpg.Connection) -> NoReturn:
        """Publish what *connection* reads until it breaks; needs no lock to be exact.

        Raises:
            Unavailable: The database or the bus is away.

        """
        while True:
            # A connection that comes back would send what it holds before the stream's
            # end was read. So it does not come back: a new one is made.
            session = _Session(
                connection, self._shard, self._settings, self.status, self._poll_s
            )
            client = await connect_nats(
                self._servers,
                user=self._user,
                name="relay",
                pending_bytes=PENDING_BYTES,
                allow_reconnect=False,
                disconnected=session.lose,
            )
            try:
                await session.run(client)
            finally:
                await client.close()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await connect_database(self._dsn)
        try:
            yield connection
        finally:
            self.status.is_leader = False
            await hang_up(connection)

    async def _lock(self, connection: asyncpg.Connection) -> None:
        """Return when this connection holds the lock of the shard."""
        with translated():
            # A process that stands still keeps its connection, but not for long.
            await connection.execute(_LIMIT_IDLENESS, f"{int(self._frozen_s * 1000)}ms")
            while not await connection.fetchval(  # noqa: ASYNC110 - held elsewhere
                _TRY_LOCK, _LOCK, self._shard
            ):
                await asyncio.sleep(self._poll_s)
        self.status.is_leader = True
        _log.info("relay leads", shard=self._shard)

    async def _measure(self, connection: asyncpg.Connection) -> None:
        """Say how long events have waited: while NATS is away nobody else does."""
        with translated():
            waiting_s = await connection.fetchval(
                _WAITING, self._shard, self.status.position
            )
        self.status.oldest_waiting_s = float(waiting_s or 0.0)


class _Session:
    """One connection to NATS and what was published over it."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        shard: int,
        settings: StreamSettings,
        status: RelayStatus,
        poll_s: float,
    ) -> None:
        self._connection = connection
        self._shard = shard
        self._settings = settings
        self._status = status
        self._poll_s = poll_s
        self._chain: Chain | None = None
        self._poked = asyncio.Event()

    async def lose(self) -> None:
        """Stop waiting for answers over a connection that is gone."""
        if self._chain is not None:
            self._chain.fail("the connection is gone")

    async def run(self, client: Client) -> None:
        """Publish until *client* is disconnected."""
        with translated():
            log_id = str(await self._connection.fetchval(_LOG_ID))
        await self._listen(client)
        stuck_at, stuck_since = -1, 0.0
        while client.is_connected:
            await ensure_stream(client, self._shard, self._settings, log_id)
            end = await read_end(client, self._shard)
            position = await self._resume_at(client, end, log_id)
            if position != stuck_at:
                stuck_at, stuck_since = position, time.monotonic()
            elif time.monotonic() - stuck_since > self._settings.duplicate_window_s:
                _log.error("relay is stuck", shard=self._shard, position=position)
            chain = self._chain = Chain(client, end.last_sequence, position)
            await chain.open()
            try:
                await self._publish(client, chain, end)
            except _HasToBeEmpty:
                await self._empty(client, chain, end)
            except ChainBroken as error:
                _log.info("relay reads the stream's end again", reason=str(error))
            finally:
                await chain.close()
            await asyncio.sleep(RETRY_S)

    async def _listen(self, client: Client) -> None:
        async def on_poke(_: Msg) -> None:
            self._poked.set()

        await subscribe(client, subjects.poke(self._shard), on_poke)

    async def _resume_at(self, client: Client, end: StreamEnd, log_id: str) -> int:
        """Return the position in the log up to which the stream has it."""
        name = subjects.stream(self._shard)
        if end.log_id != log_id:
            raise Unavailable(
                f"stream {name} was filled from another database: delete it, and it is "
                "made again from this one"
            )
        if end.messages:
            position = await read_position(client, self._shard, end.last_sequence)
            if position is None:
                raise Unavailable(f"the last message of stream {name} is not a relay's")
            return position
        if end.last_sequence == 0:
            return 0
        # Everything has expired. What the row does not know of is published again.
        with translated():
            row = await self._connection.fetchrow(_CHECKPOINT, self._shard)
        if row is None or row["stream_created"] != end.created:
            return 0
        return int(row["position"])

    async def _publish(self, client: Client, chain: Chain, end: StreamEnd) -> NoReturn:
        """Publish what there is, then what comes.

        Raises:
            ChainBroken: The stream's end has to be read again.
            Unavailable: The database or the bus is away.

        """
        read_up_to = chain.position
        compared_at = time.monotonic()
        while True:
            rows = await self._read(read_up_to)
            while rows:
                self._note_age(rows)
                read_up_to = rows[-1]["position"]
                reading = asyncio.create_task(self._read(read_up_to))
                try:
                    fp("relay.before_publish")
                    with _span(self._shard, rows):
                        await self._send(chain, end, messages(self._shard, rows))
                    fp("relay.after_publish")
                    self._status.position = chain.position
                finally:
                    # A query that is cut off would leave the connection unusable.
                    rows = await reading
                if time.monotonic() - compared_at > COMPARE_S:
                    break  # also when there is always more: it is read again below
            await chain.settle()
            fp("relay.after_ack")
            self._status.position = chain.position
            if time.monotonic() - compared_at > COMPARE_S:
                await self._compare(client, chain, end.created)
                compared_at = time.monotonic()
            if not rows:
                self._status.oldest_waiting_s = 0.0
                await self._wait()

    async def _send(self, chain: Chain, end: StreamEnd, batch: list[Outgoing]) -> None:
        """Publish *batch*, up to what erases where the stream has to be emptied first.

        Raises:
            ChainBroken: The stream's end has to be read again.

        """
        begin = next((n for n, one in enumerate(batch) if one.erases), None)
        if end.may_erase or begin is None:
            await chain.publish(batch)
            return
        if begin:
            await chain.publish(batch[:begin])
        await chain.settle()
        if end.messages or chain.head != end.last_sequence:
            raise _HasToBeEmpty("what is erased is still in the stream")
        await chain.publish(
            [structs.replace(one, erases=False) for one in batch[begin:]]
        )

    async def _empty(self, client: Client, chain: Chain, end: StreamEnd) -> None:
        """Let the stream have nothing, and the row say where to go on."""
        with suppress(ChainBroken):
            await self._compare(client, chain, end.created)
            await empty_stream(client, self._shard)
            _log.info("stream emptied", shard=self._shard)

    async def _read(self, position: int) -> list[asyncpg.Record]:
        with translated():
            rows: list[asyncpg.Record] = await self._connection.fetch(
                _READ, self._shard, position
            )
            return rows

    async def _compare(self, client: Client, chain: Chain, created: str) -> None:
        end = await read_end(client, self._shard)
        if (end.created, end.last_sequence) != (created, chain.head):
            raise ChainBroken("the stream is not as it was left")
        with translated():
            await self._connection.execute(
                _SAVE_CHECKPOINT, self._shard, created, chain.head, chain.position
            )

    async def _wait(self) -> None:
        """Wait for a poke, but not for long: it may get lost."""
        try:
            async with asyncio.timeout(self._poll_s):
                await self._poked.wait()
        except TimeoutError:
            return
        finally:
            self._poked.clear()

    def _note_age(self, rows: list[asyncpg.Record]) -> None:
        age_s = time.time() - rows[0]["at"].timestamp()
        if age_s > LATE_S >= self._status.oldest_waiting_s:
            _log.warning("events wait for the relay", shard=self._shard, age_s=age_s)
        self._status.oldest_waiting_s = age_s


def _span(shard: int, rows: list[asyncpg.Record]) -> AbstractContextManager[object]:
    """Return the span of a batch, in the trace of what made its first event."""
    traceparent: str | None = None
    if rows[0]["meta"] is not None:
        with suppress(msgspec.MsgspecError):
            traceparent = _context.decode(rows[0]["meta"]).traceparent
    return span("publish", traceparent, shard=shard, events=len(rows))
