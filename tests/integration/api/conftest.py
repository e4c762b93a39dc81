"""The api's parts on a real database and a real bus."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.adapters import database
from eventcore.adapters.nats import NatsBus, open_bus
from tests.support.servers import as_role


@pytest.fixture
async def pool(postgres: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the api's own role."""
    pool = await database.create_pool(as_role(postgres, "api"))
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def owner(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no row security holds back."""
    connection = await asyncpg.connect(postgres)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[NatsBus]:
    """A connection to a bus of its own."""
    async with open_bus(nats_url) as bus:
        yield bus
