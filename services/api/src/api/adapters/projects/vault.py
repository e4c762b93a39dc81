"""Variables and secrets of apps, in schema ``vault``."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.domain.variable import NewVariable, Variable
from api.ports import Vault

_COLUMNS = "name, value AS sealed, secret, updated_at"
_ALL = sql(
    "SELECT", _COLUMNS, "FROM vault.variable WHERE project_id = $1 ORDER BY name"
)
_PUT = sql(
    """
INSERT INTO vault.variable AS kept (project_id, user_id, name, value, secret)
SELECT $1, $2, $3, $4, $5
 WHERE (SELECT count(*) FROM vault.variable WHERE project_id = $1 AND name <> $3) < $6
ON CONFLICT (project_id, name) DO UPDATE
   SET (value, secret, updated_at)
     = (excluded.value, excluded.secret, clock_timestamp())
RETURNING
""",
    _COLUMNS,
)
_REMOVE = (
    "DELETE FROM vault.variable WHERE project_id = $1 AND name = $2 RETURNING true"
)


class PostgresVault(Vault):
    """Keeps what was sealed before it came here."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def all(self, user_id: UUID, project_id: UUID) -> list[Variable]:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            rows = await connection.fetch(_ALL, project_id)
        return [Variable(**row) for row in rows]

    @override
    async def put(self, variable: NewVariable, limit: int) -> Variable | None:
        async with naming(self._pool, user_id=str(variable.user_id)) as connection:
            row = await connection.fetchrow(
                _PUT,
                *(variable.project_id, variable.user_id, variable.name),
                *(variable.sealed, variable.secret, limit),
            )
        return Variable(**row) if row else None

    @override
    async def remove(self, user_id: UUID, project_id: UUID, name: str) -> bool:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            return bool(await connection.fetchval(_REMOVE, project_id, name))

    @override
    async def of_app(self, project_id: UUID) -> list[Variable]:
        async with naming(self._pool, project_id=str(project_id)) as connection:
            rows = await connection.fetch(_ALL, project_id)
        return [Variable(**row) for row in rows]
