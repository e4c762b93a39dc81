"""Bring the embedded database to where the services find it."""

from collections.abc import Mapping

import asyncpg

from standalone.embedded import OWNER, Postgres
from standalone.errors import CannotStart

# For each service's role: no statement, lock or open transaction of a service that
# hangs may hold up the others.
_ROLE_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "search_path": "pg_catalog",
}
_CONNECTIONS = 40


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


async def let_in(postgres: Postgres, passwords: Mapping[str, str]) -> None:
    """Give each role its password and limits, and the right to connect."""
    connection = await asyncpg.connect(postgres.dsn())
    try:
        await connection.execute(f"REVOKE ALL ON DATABASE {OWNER} FROM PUBLIC")
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for role, password in passwords.items():
            await connection.execute(_statements(role, password))
    finally:
        await connection.close()


def _statements(role: str, password: str) -> str:
    # Passwords are ours and of URL-safe characters; utility statements take no
    # parameters.
    limits = "; ".join(
        f"ALTER ROLE {role} SET {name} = '{value}'"
        for name, value in _ROLE_SETTINGS.items()
    )
    return (
        f"ALTER ROLE {role} LOGIN PASSWORD '{password}' "
        f"CONNECTION LIMIT {_CONNECTIONS}; {limits}; "
        f"GRANT CONNECT ON DATABASE {OWNER} TO {role}"
    )
