"""Altering the log's SQL in a scratch database: mutants, and windows held open."""

import re

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
    mutant = definition.replace(
        _END_OF_INSERT, f"{_END_OF_INSERT}\n  PERFORM pg_sleep({seconds});"
    )
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
