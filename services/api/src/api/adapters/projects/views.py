"""The read models of projects in schema ``views``, as one user may see them."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.domain.file_content import told
from api.domain.listing import Listed, Sort, Wanted
from api.domain.project_fold import FileRow, GrantRow, ProjectRow
from api.ports import ProjectViews
from eventcore.adapters.database import translated

_OF_USER = """
SELECT id, name, description, status, preview_url, sandbox_id, user_id, created_at,
       updated_at, count(*) OVER () AS total
  FROM views.project
 WHERE user_id = $1
   AND ($2 = '' OR strpos(lower(name), lower($2)) > 0
        OR strpos(lower(description), lower($2)) > 0)
 ORDER BY
"""
_ORDERS: dict[Sort, str] = {
    "-created": "created_at DESC, id",
    "created": "created_at, id",
    "-updated": "updated_at DESC, id",
    "updated": "updated_at, id",
    "-name": "lower(name) DESC, created_at DESC, id",
    "name": "lower(name), created_at DESC, id",
}
_PAGE = "LIMIT $3 OFFSET $4"
_ONE = """
SELECT id, name, description, status, preview_url, sandbox_id, user_id, created_at,
       updated_at
  FROM views.project
 WHERE user_id = $1 AND id = $2
"""
_FILES = """
SELECT id, project_id, path, content, encoding, created_at, updated_at,
       encode(sha256(content), 'hex') AS sha256
  FROM views.file
 WHERE user_id = $1 AND project_id = $2
 ORDER BY path
"""
_FILE = """
SELECT id, project_id, path, content, encoding, created_at, updated_at,
       encode(sha256(content), 'hex') AS sha256
  FROM views.file
 WHERE user_id = $1 AND project_id = $2 AND id = $3
"""
_FILE_AT = """
SELECT id, project_id, path, content, encoding, created_at, updated_at,
       encode(sha256(content), 'hex') AS sha256
  FROM views.file
 WHERE user_id = $1 AND project_id = $2 AND path = $3
"""
_GRANTS = """
SELECT service, access, granted_at FROM views.service_grant
 WHERE user_id = $1 AND project_id = $2
 ORDER BY service
"""
_POSITION = "SELECT seq FROM views.position WHERE project_id = $1"


class PostgresProjectViews(ProjectViews):
    """Reads under row security; the conditions say once more what it enforces."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def projects(self, user_id: UUID, wanted: Wanted) -> Listed:
        statement = sql(_OF_USER, _ORDERS[wanted.sort], _PAGE)
        values = (user_id, wanted.search, wanted.limit, wanted.offset)
        async with naming(self._pool, user_id=str(user_id)) as connection:
            rows = await connection.fetch(statement, *values)
            total = rows[0]["total"] if rows else 0
            if wanted.offset and not rows:  # beyond the last one
                first = await connection.fetchrow(statement, *values[:2], 1, 0)
                total = first["total"] if first else 0
        return Listed([_project(row) for row in rows], total)

    @override
    async def project(self, user_id: UUID, project_id: UUID) -> ProjectRow | None:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            row = await connection.fetchrow(_ONE, user_id, project_id)
        return ProjectRow(**row) if row else None

    @override
    async def files(self, user_id: UUID, project_id: UUID) -> list[FileRow]:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            rows = await connection.fetch(_FILES, user_id, project_id)
        return [_file(row) for row in rows]

    @override
    async def file(
        self, user_id: UUID, project_id: UUID, file_id: UUID
    ) -> FileRow | None:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            row = await connection.fetchrow(_FILE, user_id, project_id, file_id)
        return _file(row) if row else None

    @override
    async def file_at(
        self, user_id: UUID, project_id: UUID, path: str
    ) -> FileRow | None:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            row = await connection.fetchrow(_FILE_AT, user_id, project_id, path)
        return _file(row) if row else None

    @override
    async def grants(self, user_id: UUID, project_id: UUID) -> list[GrantRow]:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            rows = await connection.fetch(_GRANTS, user_id, project_id)
        return [GrantRow(**row) for row in rows]

    @override
    async def position(self, project_id: UUID) -> int:
        with translated():
            return await self._pool.fetchval(_POSITION, project_id) or 0


def _project(row: asyncpg.Record) -> ProjectRow:
    return ProjectRow(**{name: row[name] for name in ProjectRow.__struct_fields__})


def _file(row: asyncpg.Record) -> FileRow:
    # Decoded here and not by the database, whose text cannot hold NUL.
    return FileRow(**{**row, "content": told(row["content"], row["encoding"])})
