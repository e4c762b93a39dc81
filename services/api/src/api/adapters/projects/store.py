"""The read models of projects in schema ``views``, as the projector writes them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import projecting
from api.adapters.delivery.queue import enqueue
from api.domain.project_fold import ProjectFold, ProjectRow
from api.ports import ProjectStore
from chassis import logs
from contracts.codec import AnyEvent, Undecodable, decode_event
from contracts.envelope import Recorded
from eventcore.adapters.database import translated
from eventcore.ports import Checkpoint, Gap
from eventcore.projection import fresh

MODEL = 2
"""Version of the fold: raise it when stored rows are to be made anew from the log."""

_PLACES = """
INSERT INTO views.position (project_id, seq)
SELECT one, 0 FROM unnest($1::uuid[]) AS places(one)
ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT project_id, seq FROM views.position
 WHERE project_id = ANY($1) ORDER BY project_id FOR UPDATE
"""
_PROJECTS = """
SELECT id, name, description, status, preview_url, sandbox_id, user_id, created_at,
       updated_at
  FROM views.project WHERE id = ANY($1)
"""
_SAVE_PROJECT = """
INSERT INTO views.project (id, name, description, status, preview_url, sandbox_id,
                           user_id, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO UPDATE
   SET (name, description, status, preview_url, sandbox_id, updated_at)
     = (excluded.name, excluded.description, excluded.status, excluded.preview_url,
        excluded.sandbox_id, excluded.updated_at)
"""
_SAVE_FILE = """
INSERT INTO views.file (project_id, path, id, user_id, content, encoding, created_at,
                        updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (project_id, path) DO UPDATE
   SET (content, encoding, updated_at)
     = (excluded.content, excluded.encoding, excluded.updated_at)
"""
_END_FILES = "DELETE FROM views.file WHERE project_id = $1 AND path = ANY($2)"
_END_VARIABLES = "DELETE FROM vault.variable WHERE project_id = ANY($1)"
_END_USAGE = "DELETE FROM views.usage WHERE project_id = ANY($1)"
_END_ANSWERS = "DELETE FROM identity.answered WHERE project_id = ANY($1)"
_ADD_USAGE = """
INSERT INTO views.usage AS kept (project_id, user_id, day, model, calls, prompt_tokens,
                                 completion_tokens, cost_usd)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (project_id, day, model) DO UPDATE
   SET (calls, prompt_tokens, completion_tokens, cost_usd)
     = (kept.calls + excluded.calls, kept.prompt_tokens + excluded.prompt_tokens,
        kept.completion_tokens + excluded.completion_tokens,
        kept.cost_usd + excluded.cost_usd)
"""
_SAVE_GRANT = """
INSERT INTO views.service_grant (project_id, service, access, user_id, granted_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (project_id, service) DO UPDATE
   SET (access, granted_at) = (excluded.access, excluded.granted_at)
"""
_END_GRANT = "DELETE FROM views.service_grant WHERE project_id = $1 AND service = $2"
_MOVE = """
UPDATE views.position AS place SET seq = moved.seq
  FROM unnest($1::uuid[], $2::bigint[]) AS moved(project_id, seq)
 WHERE place.project_id = moved.project_id
"""
_SAVE_CHECKPOINT = """
INSERT INTO views.checkpoint (shard, stream_created, stream_seq, model)
VALUES ($1, $2, $3, $4)
ON CONFLICT (shard) DO UPDATE
   SET (stream_created, stream_seq, model)
     = (excluded.stream_created, excluded.stream_seq, excluded.model)
"""

_log = logs.get(__name__)


class PostgresProjectStore(ProjectStore):
    """Folds under a lock on each project's position, so that writers may meet."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def fold(
        self, shard: int, events: Sequence[Recorded], checkpoint: Checkpoint | None
    ) -> list[Gap]:
        async with projecting(self._pool) as connection:
            folds = await _load(connection, sorted({one.project_id for one in events}))
            wanted, gaps = fresh(events, {one: folds[one].seq for one in folds})
            if gaps:
                return gaps
            for recorded in wanted:
                folds[recorded.project_id].add(recorded, _readable(recorded))
            await _save(connection, folds)
            await enqueue(connection, wanted)
            if checkpoint is not None:
                await connection.execute(
                    _SAVE_CHECKPOINT,
                    *(shard, checkpoint.stream_created, checkpoint.sequence, MODEL),
                )
        return []

    @override
    async def position(self, project_id: UUID) -> int:
        with translated():
            seq = await self._pool.fetchval(
                "SELECT seq FROM views.position WHERE project_id = $1", project_id
            )
        return seq or 0

    @override
    async def checkpoint(self, shard: int) -> Checkpoint | None:
        async with projecting(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT stream_created, stream_seq FROM views.checkpoint"
                " WHERE shard = $1",
                shard,
            )
        return Checkpoint(*row) if row else None

    @override
    async def outdated(self) -> list[UUID]:
        async with projecting(self._pool) as connection:
            old = await connection.fetchval(
                "SELECT count(*) FROM views.checkpoint WHERE model <> $1", MODEL
            )
            if old:
                # As long as it takes: nobody waits for this but readers of nothing.
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute("DELETE FROM views.project")
                await connection.execute("DELETE FROM views.usage")
                await connection.execute("UPDATE views.position SET seq = 0")
                await connection.execute("DELETE FROM views.checkpoint")
            rows = await connection.fetch(
                "SELECT project_id FROM views.position WHERE seq = 0"
            )
        return [row["project_id"] for row in rows]


async def _load(
    connection: asyncpg.Connection, ids: list[UUID]
) -> dict[UUID, ProjectFold]:
    """Lock the projects, always in the same order, and return what is stored."""
    await connection.execute(_PLACES, ids)
    places = await connection.fetch(_LOCK, ids)
    rows = await connection.fetch(_PROJECTS, ids)
    projects = {row["id"]: ProjectRow(**row) for row in rows}
    folds = {}
    for project_id, seq in places:
        project = projects.get(project_id)
        owner_id = project.user_id if project else None
        folds[project_id] = ProjectFold(seq, project, owner_id=owner_id)
    return folds


def _readable(recorded: Recorded) -> AnyEvent | None:
    """Return the event, or None where it is damaged: it must not stop all others."""
    try:
        return decode_event(recorded.type, recorded.data)
    except Undecodable as error:
        _log.error(
            "event skipped",
            project=str(recorded.project_id),
            seq=recorded.seq,
            reason=str(error),
        )
        return None


async def _save(
    connection: asyncpg.Connection, folds: Mapping[UUID, ProjectFold]
) -> None:
    deleted = [one for one, fold in folds.items() if fold.deleted]
    await connection.execute("DELETE FROM views.project WHERE id = ANY($1)", deleted)
    await connection.execute(_END_VARIABLES, deleted)
    erased = [one for one, fold in folds.items() if fold.erased]
    await connection.execute(_END_USAGE, erased)
    await connection.execute(_END_ANSWERS, erased)
    projects = [fold.project for fold in folds.values() if fold.project]
    await connection.executemany(
        _SAVE_PROJECT,
        [
            (
                *(one.id, one.name, one.description, one.status, one.preview_url),
                *(one.sandbox_id, one.user_id, one.created_at, one.updated_at),
            )
            for one in projects
        ],
    )
    await _save_files(connection, folds)
    await _save_grants(connection, folds)
    await _save_usage(connection, folds)
    positions = {one: fold.seq for one, fold in folds.items()}
    await connection.execute(_MOVE, list(positions), list(positions.values()))


async def _save_files(
    connection: asyncpg.Connection, folds: Mapping[UUID, ProjectFold]
) -> None:
    for project_id, fold in folds.items():
        if fold.gone:
            await connection.execute(_END_FILES, project_id, list(fold.gone))
    await connection.executemany(
        _SAVE_FILE,
        [
            (
                *(project_id, path, file.id, fold.project.user_id),
                *(file.data, file.encoding, file.created_at, file.updated_at),
            )
            for project_id, fold in folds.items()
            if fold.project
            for path, file in fold.files.items()
        ],
    )


async def _save_usage(
    connection: asyncpg.Connection, folds: Mapping[UUID, ProjectFold]
) -> None:
    await connection.executemany(
        _ADD_USAGE,
        [
            (
                *(project_id, fold.owner_id, day, model, spent.calls),
                *(spent.prompt_tokens, spent.completion_tokens, spent.cost_usd),
            )
            for project_id, fold in folds.items()
            for (day, model), spent in fold.usage.items()
        ],
    )


async def _save_grants(
    connection: asyncpg.Connection, folds: Mapping[UUID, ProjectFold]
) -> None:
    for project_id, fold in folds.items():
        for service, grant in fold.grants.items():
            if grant is None:
                await connection.execute(_END_GRANT, project_id, service)
            elif fold.project is not None:
                owner = fold.project.user_id
                await connection.execute(
                    _SAVE_GRANT,
                    *(project_id, service, grant.access, owner, grant.granted_at),
                )
