"""Bring the embedded database to where the services find it."""

from collections.abc import Mapping

import asyncpg

from standalone.errors import CannotStart
from standalone.servers.embedded import OWNER, Postgres

# For each service's role: no statement, lock or open transaction of a service that
# hangs may hold up the others.
_ROLE_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "search_path": "pg_catalog",
}
_CONNECTIONS = 40
_LOGIN = f"ALTER ROLE %I LOGIN PASSWORD %L CONNECTION LIMIT {_CONNECTIONS}"
_SET = "ALTER ROLE %I SET %I = %L"


async def answers(postgres: Postgres) -> bool:
    """Tell whether the server takes connections.

    Raises:
        CannotStart: It does, but not with our password.

    """
    try:
        connection = await asyncpg.connect(postgres.dsn("postgres"), timeout=5)
    except (
        asyncpg.InvalidPasswordError,
        asyncpg.InvalidAuthorizationSpecificationError,
    ):
        raise CannotStart(
            "The database was made with other secrets than those in secrets.json: put "
            "back the file that belongs to it, or move the data directory away."
        ) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close()
    return True


async def create_database(postgres: Postgres) -> None:
    """Make our database unless it is there, closed to roles that nobody let in."""
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        there = await connection.fetchval(
            "SELECT true FROM pg_database WHERE datname = $1", OWNER
        )
        if not there:
            await connection.execute(f"CREATE DATABASE {OWNER}")
    finally:
        await connection.close()


async def let_in(dsn: str, passwords: Mapping[str, str]) -> None:
    """Give each role its password and limits, and the right to connect to *dsn*."""
    connection = await asyncpg.connect(dsn)
    try:
        name = await connection.fetchval("SELECT current_database()")
        await _execute(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", name)
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for role, password in passwords.items():
            await _execute(connection, _LOGIN, role, password)
            for setting, value in _ROLE_SETTINGS.items():
                await _execute(connection, _SET, role, setting, value)
            await _execute(connection, "GRANT CONNECT ON DATABASE %I TO %I", name, role)
    finally:
        await connection.close()


async def _execute(connection: asyncpg.Connection, template: str, *values: str) -> None:
    """Run a statement that takes no parameters, quoted by the server itself."""
    question = "SELECT format($1, VARIADIC $2::text[])"
    await connection.execute(await connection.fetchval(question, template, values))
