"""The pool of connections, and transactions that say on whose behalf they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from eventcore.adapters.database import translated

_CONNECT_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 10.0
"""Longer than the server's own limits: it only ends waits for a dead peer."""
_MAX_CONNECTIONS = 10

_SERVER_SETTINGS = {
    "application_name": "api",
    "search_path": "pg_catalog",
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}


def sql(*parts: str) -> str:
    """Return one statement of parts that are constants; values are parameters."""
    return " ".join(parts)


async def create_pool(dsn: str) -> asyncpg.Pool:
    """Return a pool that opens connections as they are needed, and none before."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=_MAX_CONNECTIONS,
        timeout=_CONNECT_TIMEOUT_S,
        command_timeout=_COMMAND_TIMEOUT_S,
        server_settings=_SERVER_SETTINGS,
    )


@asynccontextmanager
async def naming(pool: asyncpg.Pool, **keys: str) -> AsyncIterator[asyncpg.Connection]:
    """Lend a transaction that sees the rows of *keys*, and no others.

    ``user_id=...`` becomes the setting ``app.user_id`` that row security compares with;
    it ends with the transaction, so that a pooled connection carries nothing over.

    Raises:
        Unavailable: The database does not answer.

    """
    with translated():
        async with pool.acquire() as connection, connection.transaction():
            for name, value in keys.items():
                await connection.execute(
                    "SELECT set_config($1, $2, true)", f"app.{name}", value
                )
            yield connection


@asynccontextmanager
async def projecting(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """Lend a transaction that sees and writes the read models of everybody.

    Raises:
        Unavailable: The database does not answer.

    """
    with translated():
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL ROLE api_projector")
            yield connection


async def check(pool: asyncpg.Pool) -> None:
    """Return when the database answers and has the tables of the api.

    Raises:
        Unavailable: It does not answer.
        asyncpg.PostgresError: The tables are not there.

    """
    with translated():
        await pool.fetch(
            "SELECT FROM identity.api_token, views.usage, hooks.webhook, vault.variable"
            " LIMIT 0"
        )
