"""Servers of yours: asked once, before anything stands on them."""

import asyncio

import asyncpg
from nats.aio.client import Client
from nats.errors import Error

from standalone.errors import CannotStart

_TIMEOUT_S = 10.0


async def reach_database(url: str) -> None:
    """Connect once to the database that DATABASE_URL names.

    Raises:
        CannotStart: It does not let us in within 10 s.

    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            connection = await asyncpg.connect(url)
            await connection.close()
    except TimeoutError:
        raise CannotStart(_silent("DATABASE_URL", "database")) from None
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise CannotStart(f"DATABASE_URL leads to no database: {exc}.") from exc


async def reach_nats(urls: str) -> None:
    """Connect once to one of the servers that NATS_URL names, with commas between.

    Raises:
        CannotStart: None lets us in within 10 s.

    """
    client = Client()
    heard: list[Exception] = []

    async def hear(error: Exception) -> None:
        heard.append(error)

    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await client.connect(
                [url.strip() for url in urls.split(",")],
                allow_reconnect=False,
                connect_timeout=2,
                error_cb=hear,
                max_reconnect_attempts=1,
            )
            await client.close()
    except TimeoutError:
        raise CannotStart(_silent("NATS_URL", "NATS server")) from None
    except (OSError, ValueError, Error) as exc:
        reason = next((str(one) for one in reversed(heard) if str(one)), str(exc))
        raise CannotStart(f"NATS_URL leads to no NATS server: {reason}.") from exc


def _silent(name: str, what: str) -> str:
    return f"{name} leads to no {what}: nobody answered in time."
