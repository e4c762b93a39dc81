"""Bringing read models up to the log without waiting for the stream."""

from collections.abc import Sequence
from uuid import UUID

from api.ports import Agent, ProjectStore
from contracts.envelope import Recorded
from eventcore.errors import Rejected

_ANY_SHARD = 0
"""Nothing is kept for a shard where there is no checkpoint."""


class CatchUp:
    """Folds what the agent's log has and the read models lack."""

    def __init__(self, store: ProjectStore, agent: Agent) -> None:
        self._store = store
        self._agent = agent

    async def page(self, project_id: UUID, after: int) -> Sequence[Recorded]:
        """Return a page of the project's log; none where the agent knows none.

        Raises:
            Unavailable: No agent answers.

        """
        try:
            return (await self._agent.history(project_id, after)).events
        except Rejected:
            return ()

    async def project(self, project_id: UUID) -> None:
        """Fold all that is missing of one project.

        Raises:
            Unavailable: The database or the agent does not answer.

        """
        position = await self._store.position(project_id)
        while page := await self.page(project_id, position):
            await self._store.fold(_ANY_SHARD, page, None)
            position = max(page[-1].seq, await self._store.position(project_id))

    async def outdated(self) -> None:
        """Fold anew what an older version of the fold has made.

        Raises:
            Unavailable: The database or the agent does not answer.

        """
        for project_id in await self._store.outdated():
            await self.project(project_id)
