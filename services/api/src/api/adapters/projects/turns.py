"""Turns by advisory locks of Postgres, which end with their connection."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
from typing_extensions import override

from api.ports import Turns
from chassis import logs
from eventcore.adapters.database import connect, translated
from eventcore.errors import Unavailable

POLL_S = 1.0
"""How often a process that waits asks for the lock."""
BEAT_S = 2.0
"""How often the one that has it makes sure that it still has."""
FROZEN = "10s"
"""One that stands still for so long loses it to another."""

# Advisory locks belong to one database: 7000 is the migrator's, 7002 the relay's, 7004
# is held while money is reserved.
_LOCK = 7003
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"

_log = logs.get(__name__)


class PostgresTurns(Turns):
    """Holds the lock on a connection of its own."""

    def __init__(self, dsn: str) -> None:
        """*dsn* must lead to the database directly, not to a pool of it."""
        self._dsn = dsn

    @override
    async def hold(self, shard: int, work: Callable[[], Awaitable[None]]) -> None:
        connection = await connect(self._dsn)
        try:
            await _lock(connection, shard)
            _log.info("projecting", shard=shard)
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(_run(work))
                tasks.create_task(_end_with(connection, working))
            _log.info("projecting no more", shard=shard)
        finally:
            connection.terminate()


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _lock(connection: asyncpg.Connection, shard: int) -> None:
    with translated():
        await connection.execute(
            "SELECT set_config('idle_session_timeout', $1, false)", FROZEN
        )
        # Nothing in this process could tell when another one lets go of it.
        while not await connection.fetchval(_TRY_LOCK, _LOCK, shard):  # noqa: ASYNC110 - as said
            await asyncio.sleep(POLL_S)


async def _end_with(
    connection: asyncpg.Connection, working: "asyncio.Task[None]"
) -> None:
    """Cancel *working* when the connection, and with it the lock, is lost."""
    try:
        while not working.done():
            await asyncio.wait([working], timeout=BEAT_S)
            with translated():
                await connection.fetchval("SELECT 1")
    except Unavailable as error:
        _log.warning("the turn is lost", reason=str(error))
        working.cancel()
