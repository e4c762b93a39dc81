"""Events and progress for services outside, of the projects that they have grants for.

Each service is told on subjects that its credentials reach and no others. Like all on
the bus it is a hint: what is missing is in the log, and a service that finds a gap
between two seqs asks for it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NoReturn
from uuid import UUID

from typing_extensions import override

from api.application import metrics
from api.ports import GrantSource, ProjectStore
from chassis import logs
from contracts import codec, public, subjects
from contracts.envelope import Recorded
from contracts.project import (
    AccessGranted,
    AccessRevoked,
    ProjectDeleted,
    ProjectErased,
)
from eventcore.errors import Unavailable
from eventcore.ports import Bus, Checkpoint, Gap, Headers, ReadModel, Subscription

LOOK_S = 1.0
"""How soon progress follows a grant, and ends with it."""

_CHANGING = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (AccessGranted, AccessRevoked, ProjectDeleted, ProjectErased)
)
_log = logs.get(__name__)


class Telling(ReadModel):
    """The read models, and word of what was folded into them.

    Who may hear it is read from them again whenever an event changes that: an event
    that comes twice, long after a grant has ended, must not bring it back.
    """

    def __init__(self, store: ProjectStore, grants: GrantSource, bus: Bus) -> None:
        self._store = store
        self._grants = grants
        self._bus = bus
        self._services: dict[UUID, frozenset[str]] = {}

    async def begin(self) -> None:
        """Learn of all grants.

        Raises:
            Unavailable: The database does not answer.

        """
        self._services = await self._grants.all()

    @override
    async def checkpoint(self, shard: int) -> Checkpoint | None:
        return await self._store.checkpoint(shard)

    @override
    async def fold(
        self, shard: int, events: Sequence[Recorded], checkpoint: Checkpoint | None
    ) -> list[Gap]:
        gaps = await self._store.fold(shard, events, checkpoint)
        if not gaps:
            metrics.folded(events)
            await self._tell(events)
        return gaps

    async def _tell(self, events: Iterable[Recorded]) -> None:
        for recorded in events:
            project_id = recorded.project_id
            told = self._services.get(project_id, frozenset())
            if recorded.type in _CHANGING:
                now = await self._grants.of(project_id)
                self._services[project_id] = now
                told |= now  # whoever loses its grant hears of that as the last thing
            if told:
                body = codec.encode([public.without_secrets(recorded)])
            for service in sorted(told):
                self._bus.publish(subjects.service_event(service, project_id), body)


class ProgressForwarder:
    """Passes on progress of granted projects; one process at a time does."""

    def __init__(self, grants: GrantSource, bus: Bus) -> None:
        self._grants = grants
        self._bus = bus
        self._services: dict[UUID, frozenset[str]] = {}
        self._watching: dict[UUID, Subscription] = {}

    async def run(self) -> NoReturn:
        """Follow the grants for ever."""
        try:
            while True:
                try:
                    await self._look()
                except Unavailable as error:
                    _log.warning("grants are not known", reason=str(error))
                await asyncio.sleep(LOOK_S)
        finally:
            for project_id in list(self._watching):
                await self._watching.pop(project_id).close()

    async def _look(self) -> None:
        self._services = await self._grants.all()
        for project_id in self._watching.keys() - self._services.keys():
            await self._watching.pop(project_id).close()
        for project_id in self._services.keys() - self._watching.keys():
            self._watching[project_id] = await self._bus.listen(
                subjects.progress_of(project_id), self._pass_on
            )

    def _pass_on(self, subject: str, body: bytes, _: Headers) -> None:
        project, kind = subject.split(".")[1:]
        project_id = UUID(project)
        for service in self._services.get(project_id, frozenset()):
            told = subjects.service_progress(service, project_id, kind)
            self._bus.publish(told, body)
