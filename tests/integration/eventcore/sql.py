"""Altering the log's SQL in a scratch database: mutants, and windows held open."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.support.servers import MIGRATIONS

RELAYED = """
INSERT INTO log.relay_checkpoint
SELECT 0, 'now', 1, coalesce(max(position), 0) FROM log.event
ON CONFLICT (shard) DO UPDATE SET position = excluded.position
"""
"""What the relay notes every ten seconds, noted now."""
LOCK_OF_APPEND = "PERFORM pg_advisory_xact_lock(7001, _shard);"
LOCK_OF_TAKE = re.compile(
    r"PERFORM pg_advisory_xact_lock\(7001, coalesce\(.*?\)\);", re.DOTALL
)
VERSION_IS_EXPECTED = re.compile(
    r"coalesce\(\(SELECT x\.seq FROM log\.event x.*?\), 0\) = n\.e", re.DOTALL
)
EPOCH_IS_THE_LEASES = re.compile(r"\(n\.f IS NULL OR .*?= n\.f\)", re.DOTALL)
COMMAND_IS_NEW = re.compile(r"\(n\.c IS NULL OR .*?IS NULL\)", re.DOTALL)
VERSION_BY_EXISTS = """
NOT EXISTS (SELECT FROM log.event x WHERE x.project_id = n.p AND x.seq = n.e + 1)
AND (n.e = 0 OR EXISTS (
  SELECT FROM log.event x WHERE x.project_id = n.p AND x.seq = n.e))
"""

_END_OF_INSERT = "  GET DIAGNOSTICS _stored = ROW_COUNT;"
_PATIENTLY = "PERFORM set_config('lock_timeout', '0', true);"
_GATE = "PERFORM pg_advisory_xact_lock_shared(7002, 0);"
_WAITING = """
SELECT pid FROM pg_locks
 WHERE locktype = 'advisory' AND classid = $1 AND NOT granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Gate:
    """What every `gated` append stands before until it is opened."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def waiting(self) -> list[int]:
        """Return the server's processes that stand before it."""
        return await self._waiting(7002)

    async def waiting_for_a_shard(self) -> list[int]:
        """Return those that wait for whoever writes to a shard."""
        return await self._waiting(7001)

    async def open(self) -> None:
        """Let everybody through."""
        await self._connection.execute("SELECT pg_advisory_unlock(7002, 0)")

    async def _waiting(self, kind: int) -> list[int]:
        rows = await self._connection.fetch(_WAITING, kind)
        return [row["pid"] for row in rows]


@asynccontextmanager
async def gate(dsn: str) -> AsyncIterator[Gate]:
    """Lend a gate that is shut; its statement may stand before it for five seconds."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock(7002, 0)")
        yield Gate(connection)
    finally:
        await connection.close()


def function(name: str) -> str:
    """Return the definition of a function of schema log, as one that replaces it."""
    text = (MIGRATIONS / "0001_event_log.sql").read_text()
    found = re.search(rf"CREATE (FUNCTION log\.{name}\(.*?\n\$\$;)", text, re.DOTALL)
    assert found is not None, f"log.{name} is not in the migration"
    return f"CREATE OR REPLACE {found[1]}"


def without(definition: str, part: str | re.Pattern[str]) -> str:
    """Return *definition* with *part* cut out."""
    pattern = re.escape(part) if isinstance(part, str) else part
    mutant, count = re.subn(pattern, "", definition)
    assert count == 1, f"{part} is there {count} times"
    return mutant


def lingering(definition: str, seconds: str) -> str:
    """Return log.append standing still between its insert and its commit."""
    return _before_commit(definition, f"PERFORM pg_sleep({seconds});")


def gated(definition: str) -> str:
    """Return log.append standing before its commit as long as somebody holds it."""
    return _before_commit(definition, f"{_PATIENTLY} {_GATE}")


def patient(definition: str) -> str:
    """Return a function that waits for the lock of a shard without end."""
    mutant = definition.replace("BEGIN\n", f"BEGIN\n  {_PATIENTLY}\n", 1)
    assert mutant != definition
    return mutant


def _before_commit(definition: str, statement: str) -> str:
    mutant = definition.replace(_END_OF_INSERT, f"{_END_OF_INSERT}\n  {statement}")
    assert mutant != definition
    return mutant


def replacing(definition: str, part: re.Pattern[str], other: str) -> str:
    """Return *definition* with *other* in the place of *part*."""
    mutant, count = part.subn(other, definition)
    assert count == 1, f"{part} is there {count} times"
    return mutant


async def alter(dsn: str, *definitions: str) -> None:
    """Execute *definitions* as the owner of the database."""
    connection = await asyncpg.connect(dsn)
    try:
        for definition in definitions:
            await connection.execute(definition)
    finally:
        await connection.close()


async def fetch(dsn: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Return what the owner of the database sees."""
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()
