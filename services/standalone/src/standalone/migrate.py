"""Bring a database to the newest schema: plain SQL files, forward only.

A file is `NNNN_purpose.sql` and opens with `-- migrate:up`. It runs in one transaction,
unless the header says `-- migrate:up transaction:false`, where it holds one statement
that cannot run in one. Before the first file the roles of the services exist, so that
files can grant to them; they cannot log in until somebody gives them a password.

Any number of migrators may run at once: one applies, the others wait and find nothing
left to do. They poll the lock, because waiting in it and `CREATE INDEX CONCURRENTLY`
deadlock.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from standalone.errors import CannotStart

MIGRATIONS = Path(__file__).resolve().parents[4] / "migrations"
"""Those of the checkout."""
SERVICE_ROLES = ("agent", "api")
"""Roles of the services that have tables; the others never reach the database."""

# An advisory lock belongs to one database; the event log uses 7001.
_TRY_LOCK = "SELECT pg_try_advisory_lock(7000)"
_POLL_S = 0.1
_FILE_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+\.sql")
_HEADER = re.compile(r"-- migrate:up(?P<alone> transaction:false)?\s*$", re.MULTILINE)

_TABLE = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  sha256     text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

_ROLE = """
DO $$
BEGIN
  CREATE ROLE {role} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- roles belong to the whole cluster: another database made it
END
$$
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its text, and whether it needs no transaction around it."""

    version: int
    name: str
    sql: str
    in_transaction: bool

    @property
    def sha256(self) -> str:
        """Fingerprint that tells an edited file from the one that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path) -> list[Migration]:
    """Return the migrations in *folder*, in the order in which they apply.

    Raises:
        CannotStart: A file has no number, no header, or the number of another one.

    """
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        sql = path.read_text(encoding="utf-8")
        name, header = _FILE_NAME.fullmatch(path.name), _HEADER.search(sql)
        if name is None or header is None:
            raise CannotStart(
                f"{path.name} is no migration: it needs a name like 0001_purpose.sql "
                f"and the line `-- migrate:up`."
            )
        version = int(name["version"])
        if version in found:
            raise CannotStart(
                f"Two migrations have number {version}: {found[version].name} and "
                f"{path.name}."
            )
        found[version] = Migration(version, path.name, sql, header["alone"] is None)
    return list(found.values())


async def migrate(dsn: str, folder: Path, *, wait_s: float = 60.0) -> list[str]:
    """Apply what is missing in *dsn*'s database; return the names of these files.

    Raises:
        CannotStart: A file fails, was edited after it was applied, another migrator
            holds the lock for longer than *wait_s*, or the database is out of reach.

    """
    migrations = read_migrations(folder)
    try:
        connection = await asyncpg.connect(dsn)
        try:
            await _lock(connection, wait_s)
            return await _apply(connection, migrations)
        finally:
            await connection.close()  # which gives the lock back
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise CannotStart(f"The database cannot be brought up to date: {exc}") from exc


async def _lock(connection: asyncpg.Connection, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            # Nothing in this process could tell when another one lets go of it.
            while not await connection.fetchval(_TRY_LOCK):  # noqa: ASYNC110 - as said
                await asyncio.sleep(_POLL_S)
    except TimeoutError as exc:
        raise CannotStart(
            f"Another process has been changing the database's tables for {wait_s:g} s."
        ) from exc


async def _apply(
    connection: asyncpg.Connection, migrations: list[Migration]
) -> list[str]:
    await connection.execute(_TABLE)
    rows = await connection.fetch("SELECT version, sha256 FROM schema_migrations")
    applied = {row["version"]: row["sha256"] for row in rows}
    for migration in migrations:
        if applied.get(migration.version, migration.sha256) != migration.sha256:
            raise CannotStart(
                f"{migration.name} was edited after it was applied: put it back, and "
                f"make the change in a new file."
            )
    missing = [one for one in migrations if one.version not in applied]
    await _create_roles(connection)
    for migration in missing:
        await _apply_one(connection, migration)
    return [migration.name for migration in missing]


async def _create_roles(connection: asyncpg.Connection) -> None:
    existing = await connection.fetch(
        "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", SERVICE_ROLES
    )
    for role in set(SERVICE_ROLES) - {row["rolname"] for row in existing}:
        await connection.execute(_ROLE.format(role=role))


async def _apply_one(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        if migration.in_transaction:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(migration.sql)
                await _record(connection, migration)
        else:
            await connection.execute(migration.sql)
            await _record(connection, migration)
    except asyncpg.PostgresError as exc:
        raise CannotStart(f"{migration.name} failed: {exc}") from exc


async def _record(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.sha256,
    )
