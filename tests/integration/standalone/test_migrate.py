"""Migrations on a real Postgres."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from standalone.errors import CannotStart
from standalone.migrate import migrate
from tests.support.servers import MIGRATIONS

TABLE = "-- migrate:up\nCREATE TABLE {name} (id bigint PRIMARY KEY);\n"
INDEX = "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY by_id ON a (id);\n"


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_missing_files_are_applied_in_order(
    empty_postgres: str, tmp_path: Path
) -> None:
    write(tmp_path, m0001_a=TABLE.format(name="a"), m0002_index=INDEX)
    assert await migrate(empty_postgres, tmp_path) == ["0001_a.sql", "0002_index.sql"]
    assert await migrate(empty_postgres, tmp_path) == []


async def test_of_five_at_once_exactly_one_applies(
    empty_postgres: str, tmp_path: Path
) -> None:
    write(tmp_path, m0001_a=TABLE.format(name="a"), m0002_index=INDEX)
    runs = [migrate(empty_postgres, tmp_path) for _ in range(5)]
    applied = await asyncio.gather(*runs)
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 2]


async def test_a_file_that_fails_leaves_nothing_of_itself(
    empty_postgres: str, tmp_path: Path
) -> None:
    broken = TABLE.format(name="b") + "SELECT nonsense;\n"
    write(tmp_path, m0001_a=TABLE.format(name="a"), m0002_b=broken)
    with pytest.raises(CannotStart, match=r'^0002_b\.sql failed: column "nonsense"'):
        await migrate(empty_postgres, tmp_path)
    assert await tables(empty_postgres) == {"a", "schema_migrations"}


async def test_a_file_that_was_edited_afterwards_is_refused(
    empty_postgres: str, tmp_path: Path
) -> None:
    write(tmp_path, m0001_a=TABLE.format(name="a"))
    await migrate(empty_postgres, tmp_path)
    write(tmp_path, m0001_a=TABLE.format(name="b"), m0002_c=TABLE.format(name="c"))
    with pytest.raises(CannotStart, match="was edited after it was applied"):
        await migrate(empty_postgres, tmp_path)
    assert "c" not in await tables(empty_postgres)


async def test_a_migrator_that_waits_for_too_long_says_so(
    empty_postgres: str, tmp_path: Path
) -> None:
    holder = await asyncpg.connect(empty_postgres)
    await holder.execute("SELECT pg_advisory_lock(7000)")
    with pytest.raises(CannotStart, match="Another process"):
        await migrate(empty_postgres, tmp_path, wait_s=0.3)
    await holder.close()


@pytest.mark.parametrize(
    ("name", "sql"),
    [("1_a", TABLE), ("0001-a", TABLE), ("0001_a", "CREATE TABLE a ();")],
)
async def test_a_file_that_is_no_migration_is_refused(
    empty_postgres: str, tmp_path: Path, name: str, sql: str
) -> None:
    (tmp_path / f"{name}.sql").write_text(sql)
    with pytest.raises(CannotStart, match="is no migration"):
        await migrate(empty_postgres, tmp_path)


async def test_two_files_with_one_number_are_refused(
    empty_postgres: str, tmp_path: Path
) -> None:
    write(tmp_path, m0001_a=TABLE, m0001_b=TABLE)
    with pytest.raises(CannotStart, match="Two migrations have number 1"):
        await migrate(empty_postgres, tmp_path)


async def test_ours_apply_to_an_empty_database(empty_postgres: str) -> None:
    applied = await migrate(empty_postgres, MIGRATIONS)
    assert applied == sorted(path.name for path in MIGRATIONS.glob("*.sql"))
