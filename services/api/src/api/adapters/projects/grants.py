"""Grants of all projects in schema ``views``, for whoever passes events on."""

from collections import defaultdict
from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import projecting
from api.ports import GrantSource


class PostgresGrantSource(GrantSource):
    """Reads as the projector does."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def all(self) -> dict[UUID, frozenset[str]]:
        async with projecting(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT project_id, service FROM views.service_grant"
            )
        found = defaultdict[UUID, set[str]](set)
        for row in rows:
            found[row["project_id"]].add(row["service"])
        return {one: frozenset(services) for one, services in found.items()}

    @override
    async def of(self, project_id: UUID) -> frozenset[str]:
        async with projecting(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT service FROM views.service_grant WHERE project_id = $1",
                project_id,
            )
        return frozenset(row["service"] for row in rows)
