"""Every table of the api, as the catalog names them: a row is its owner's alone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import Struct

from api.adapters.database import naming

OWNER, OTHER, PROJECT = UUID(int=1), UUID(int=2), UUID(int=3)
DIGEST = b"\1" * 32
SHARED = {
    *("views.position", "views.checkpoint"),  # numbers, and nothing of anybody
    *("identity.installation", "identity.administrator"),
}
"""Tables with nothing of any user. Every other one is closed to others, or fails."""
OF_PEOPLE = {"user_id", "account_id", "created_by"}
VALUES: dict[str, Any] = {
    "uuid": PROJECT,
    "text": "a",
    "bytea": DIGEST,
    "boolean": True,
    "bigint": 1,
    "double precision": 1.0,
    "date": date(2026, 1, 1),
    "timestamp with time zone": datetime(2026, 1, 1, tzinfo=UTC),
    "text[]": ["a"],
}
KEYS = {
    "user_id": str(OWNER),
    **dict.fromkeys(("session", "token", "code", "request"), DIGEST.hex()),
}
"""What the owner's requests name."""
CATALOG = """
SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity
  AS is_closed, array_agg(a.attname ORDER BY a.attnum) AS columns,
  array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   AND a.attnotnull AND (NOT a.atthasdef OR a.attname = 'scopes')
 WHERE c.relkind IN ('r', 'p')
   AND n.nspname IN ('identity', 'views', 'hooks', 'vault')
 GROUP BY c.oid, n.nspname
"""


class Table(Struct, frozen=True):
    """A table, and a row of the owner's in it."""

    name: str
    is_closed: bool
    row: Mapping[str, Any]

    @property
    def insert(self) -> str:
        """The statement that makes the row."""
        places = ", ".join(f"${place}" for place in range(1, len(self.row) + 1))
        return f"INSERT INTO {self.name} ({', '.join(self.row)}) VALUES ({places})"  # noqa: S608 - from the catalog


def row_of(table: str, columns: list[str], types: list[str]) -> dict[str, Any]:
    row = {one: VALUES[kind] for one, kind in zip(columns, types, strict=True)}
    people = OF_PEOPLE | ({"id"} if table == "identity.account" else set())
    return {one: OWNER if one in people else value for one, value in row.items()}


@pytest.fixture
async def tables(owner: asyncpg.Connection) -> list[Table]:
    """All tables that have something of somebody, with a row of the owner in each."""
    found = [
        Table(
            one["name"],
            one["is_closed"],
            row_of(one["name"], one["columns"], one["types"]),
        )
        for one in await owner.fetch(CATALOG)
        if one["name"] not in SHARED
    ]
    await owner.execute("SET session_replication_role = replica")  # no foreign keys
    for table in found:
        await owner.execute(table.insert, *table.row.values())
    return found


async def seen(pool: asyncpg.Pool, tables: list[Table], **keys: str) -> dict[str, int]:
    """Return how many rows whoever names *keys* sees, by table."""
    rows: dict[str, int] = {}
    async with naming(pool, **keys) as connection:
        for table in tables:
            count = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - from the catalog
            rows[table.name] = await connection.fetchval(count)
    return rows


async def attempt(pool: asyncpg.Pool, statement: str, *values: object) -> str:
    """Return what comes of a statement of somebody else."""
    try:
        async with naming(pool, user_id=str(OTHER)) as connection:
            return str(await connection.execute(statement, *values))
    except asyncpg.InsufficientPrivilegeError:
        return "refused"


async def test_row_security_is_on_for_the_owner_of_the_tables_too(
    tables: list[Table],
) -> None:
    assert [table.name for table in tables if not table.is_closed] == []
    assert len(tables) >= 13


async def test_who_names_nobody_sees_nothing(
    pool: asyncpg.Pool, tables: list[Table]
) -> None:
    assert set((await seen(pool, tables)).values()) == {0}


async def test_who_names_another_sees_nothing(
    pool: asyncpg.Pool, tables: list[Table]
) -> None:
    assert set((await seen(pool, tables, user_id=str(OTHER))).values()) == {0}


async def test_who_names_what_is_theirs_sees_it(
    pool: asyncpg.Pool, tables: list[Table]
) -> None:
    assert set((await seen(pool, tables, **KEYS)).values()) == {1}


async def test_another_changes_and_removes_nothing(
    pool: asyncpg.Pool, tables: list[Table], owner: asyncpg.Connection
) -> None:
    for table in tables:
        column = next(iter(table.row))
        change = f"UPDATE {table.name} SET {column} = {column}"  # noqa: S608 - from the catalog
        remove = f"DELETE FROM {table.name}"  # noqa: S608 - from the catalog
        assert await attempt(pool, change) in ("refused", "UPDATE 0"), table.name
        assert await attempt(pool, remove) in ("refused", "DELETE 0"), table.name
    for table in tables:
        count = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - from the catalog
        assert await owner.fetchval(count) == 1, table.name


async def test_another_puts_nothing_among_what_is_mine(
    pool: asyncpg.Pool, tables: list[Table], owner: asyncpg.Connection
) -> None:
    for table in tables:
        await owner.execute(f"DELETE FROM {table.name}")  # noqa: S608 - from the catalog
        made = await attempt(pool, table.insert, *table.row.values())
        assert made == "refused", table.name
