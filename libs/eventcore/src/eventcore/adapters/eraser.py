"""Erases what was recorded of deleted projects, when all have heard of their end.

The database decides what may be erased, and does it in one transaction: whoever is
killed over it leaves nothing half done. What is left in the log is one event, and the
relay's message of it takes the place of all that the stream has of the project.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn
from uuid import UUID

import asyncpg

from chassis import logs
from chassis.failpoints import fp
from contracts import codec
from contracts.project import (
    DailyUsage,
    ModelCallCounted,
    ModelCallEnded,
    ProjectCreated,
    ProjectErased,
)
from eventcore.adapters.database import connect, hang_up, translated
from eventcore.errors import Unavailable

LOOK_S = 60.0
"""How often, at most, is looked for what is due."""
ERASING_S = 120.0
"""Longer than the largest project takes: no reader or writer waits for it."""

_CALLS = ("model_call.ended", "model_call.counted")
_DUE = """
SELECT d.project_id FROM log.deletion d
 WHERE d.at <= clock_timestamp() - $1::interval ORDER BY d.at LIMIT 100
"""
_LAST = """
SELECT seq, shard FROM log.event WHERE project_id = $1 ORDER BY seq DESC LIMIT 1
"""
_FIRST = "SELECT data FROM log.event WHERE project_id = $1 AND seq = 1"
_SPENT = """
SELECT type, at, data FROM log.event WHERE project_id = $1 AND type = ANY($2)
 ORDER BY seq
"""
_NO_HURRY = "SELECT set_config('statement_timeout', $1, true)"
_ERASE = "SELECT log.erase($1, $2, $3)"
_NOBODY = UUID(int=0)

_log = logs.get(__name__)


class Eraser:
    """Erases as soon as *grace_s* have passed; any number of processes may."""

    def __init__(
        self, dsn: str, grace_s: float, committed: Callable[[int], None]
    ) -> None:
        """Tell *committed* the shard, to wake its relay; it must not block."""
        self._dsn = dsn
        self._grace = timedelta(seconds=grace_s)
        self._look_s = min(LOOK_S, max(0.1, grace_s / 4))
        self._committed = committed

    async def run(self) -> NoReturn:
        """Erase for ever."""
        while True:
            try:
                await self.erase_due()
            except Unavailable as error:
                _log.warning("nothing is erased now", reason=str(error))
            await asyncio.sleep(self._look_s)

    async def erase_due(self) -> None:
        """Erase all that is due.

        Raises:
            Unavailable: The database does not answer; what was begun is begun again.

        """
        connection = await connect(self._dsn)
        try:
            with translated():
                due = await connection.fetch(_DUE, self._grace)
            for row in due:
                project_id = UUID(int=row[0].int)
                try:
                    with translated():
                        await self._erase(connection, project_id)
                except asyncpg.PostgresError:  # the others are erased all the same
                    _log.exception("cannot be erased", project=str(project_id))
        finally:
            await hang_up(connection)

    async def _erase(self, connection: asyncpg.Connection, project_id: UUID) -> None:
        async with connection.transaction():
            await connection.execute(_NO_HURRY, f"{int(ERASING_S)}s")
            last = await connection.fetchrow(_LAST, project_id)
            if last is None:
                return
            end = ProjectErased(
                version=last["seq"] + 1,
                owner_id=_owner_of(await connection.fetchval(_FIRST, project_id)),
                usage=_usage_of(await connection.fetch(_SPENT, project_id, _CALLS)),
            )
            is_erased = await connection.fetchval(
                *(_ERASE, project_id, self._grace, codec.encode(end)),
                timeout=ERASING_S,
            )
            fp("erase.before_commit")
        fp("erase.after_commit")
        if is_erased:
            _log.info("project erased", project=str(project_id))
            self._committed(last["shard"])


def _owner_of(data: bytes | None) -> UUID:
    try:
        event = codec.decode_stored(data or b"")
    except codec.Undecodable:
        return _NOBODY
    return event.owner_id if isinstance(event, ProjectCreated) else _NOBODY


def _usage_of(rows: Iterable[tuple[str, datetime, bytes]]) -> list[DailyUsage]:
    sums: dict[tuple[date, str], DailyUsage] = {}
    for type_, at, data in rows:
        try:
            event = codec.decode_event(type_, data)
        except codec.Undecodable:  # it counted nowhere
            continue
        if not isinstance(event, ModelCallEnded | ModelCallCounted):
            continue
        key, usage = (at.astimezone(UTC).date(), event.model), event.usage
        so_far = sums.get(key, DailyUsage(*key, 0, 0, 0, 0.0))
        sums[key] = DailyUsage(
            *key,
            so_far.calls + isinstance(event, ModelCallEnded),
            so_far.prompt_tokens + (usage.prompt_tokens or 0),
            so_far.completion_tokens + (usage.completion_tokens or 0),
            so_far.cost_usd + (usage.cost_usd or 0.0),
        )
    return list(sums.values())
