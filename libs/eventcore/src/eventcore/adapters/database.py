"""Connections to Postgres, and its errors in the words of this package."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from eventcore.errors import Unavailable

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 10.0
"""Longer than the server's own limits: it only ends waits for a dead peer."""

SERVER_SETTINGS = {
    "application_name": "eventcore",
    # Every query here walks along an index. Without these, a plan that is cached while
    # the log has one page, and statistics say so, scans all of it when it has grown,
    # and a relay whose statistics are old sorts all that it has not published.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "search_path": "pg_catalog",
    "lock_timeout": "500ms",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}

# What passes when asked again later: 08 connection, 53 resources, 57 operator
# intervention, 55P03 lock not available, 40 serialization and deadlock, 25006 a copy
# that has not taken the place of its primary yet.
_TRANSIENT_CLASSES = ("08", "53", "57", "55P03", "40", "25006")


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable for what may pass by itself; let everything else through."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "").startswith(_TRANSIENT_CLASSES):
            raise Unavailable(f"the database does not answer: {error}") from error
        raise
    except ValueError:
        raise  # asyncpg's DataError: an argument that is wrong stays wrong
    except (
        *(OSError, TimeoutError, asyncpg.InterfaceError),
        asyncpg.InternalClientError,  # a connection that was lost between two calls
    ) as error:
        raise Unavailable(f"the database does not answer: {error!r}") from error


async def connect(dsn: str) -> asyncpg.Connection:
    """Return a direct connection of its own.

    Raises:
        Unavailable: The database does not answer.

    """
    with translated():
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            server_settings=SERVER_SETTINGS,
        )


async def hang_up(connection: asyncpg.Connection | asyncpg.Pool) -> None:
    """Close *connection*, politely where the database still listens."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()


async def create_pool(dsn: str, max_size: int) -> asyncpg.Pool:
    """Return a pool that opens connections as they are needed, and none before."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=SERVER_SETTINGS,
    )
