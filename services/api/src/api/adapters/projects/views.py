"""The read models of projects in schema ``views``, as one user may see them."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.domain.file_content import told
from api.domain.listing import Listed, Place, Sort, Wanted
from api.domain.project_fold import FileRow, GrantRow, ProjectRow
from api.ports import ProjectViews
from eventcore.adapters.database import translated

_MATCHING = """
  FROM views.project
 WHERE user_id = $1
   AND ($2 = '' OR strpos(lower(name), lower($2)) > 0
        OR strpos(lower(description), lower($2)) > 0)
"""
_TOTAL = sql("SELECT count(*)", _MATCHING)
_OF_USER = sql(
    """
SELECT id, name, description, status, preview_url, sandbox_id, user_id, created_at,
       updated_at, lower(name) AS folded
""",
    _MATCHING,
)
# What comes after a place (a time, a name and an id), and in what order.
_OLDER = "created_at < $5 OR created_at = $5 AND id > $7"
_ORDERS: dict[Sort, tuple[str, str]] = {
    "-created": (_OLDER, "created_at DESC, id"),
    "created": ("created_at > $5 OR created_at = $5 AND id > $7", "created_at, id"),
    "-updated": (
        "updated_at < $5 OR updated_at = $5 AND id > $7",
        "updated_at DESC, id",
    ),
    "updated": ("updated_at > $5 OR updated_at = $5 AND id > $7", "updated_at, id"),
    "-name": (
        f"lower(name) < $6 OR lower(name) = $6 AND ({_OLDER})",
        "lower(name) DESC, created_at DESC, id",
    ),
    "name": (
        f"lower(name) > $6 OR lower(name) = $6 AND ({_OLDER})",
        "lower(name), created_at DESC, id",
    ),
}
# Each parameter has to have a type where an order does not look at it.
_AFTER = "AND ($5::timestamptz IS NULL OR $6::text IS NULL OR $7::uuid IS NULL OR"
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
        condition, order = _ORDERS[wanted.sort]
        statement = sql(_OF_USER, _AFTER, condition, ") ORDER BY", order, _PAGE)
        limit, after = wanted.limit, wanted.after
        one_more = None if limit is None else limit + 1
        place = (after.at, after.name, after.id) if after else (None,) * 3
        async with naming(self._pool, user_id=str(user_id)) as connection:
            total = await connection.fetchval(_TOTAL, user_id, wanted.search)
            rows = await connection.fetch(
                *(statement, user_id, wanted.search, one_more, wanted.offset), *place
            )
        found = [_project(row) for row in rows[:limit]]
        if limit is None or len(rows) <= limit:
            return Listed(found, total)
        return Listed(found, total, _place(rows[limit - 1], wanted))

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


def _place(row: asyncpg.Record, wanted: Wanted) -> Place:
    """Return the place behind a project."""
    at = row["updated_at" if wanted.sort.endswith("updated") else "created_at"]
    return Place(at, row["folded"], row["id"])


def _project(row: asyncpg.Record) -> ProjectRow:
    return ProjectRow(**{name: row[name] for name in ProjectRow.__struct_fields__})


def _file(row: asyncpg.Record) -> FileRow:
    # Decoded here and not by the database, whose text cannot hold NUL.
    return FileRow(**{**row, "content": told(row["content"], row["encoding"])})
