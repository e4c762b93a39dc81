"""Which commands run for which project, in every runtime."""

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any, Generic, TypeVar
from uuid import UUID

from sandbox.adapters.keeping.kept import Endable
from sandbox.ports import RuntimeFailed

K = TypeVar("K", bound=Endable)


class Running(Generic[K]):
    """The commands that one instance of the service has started and not seen end."""

    def __init__(self) -> None:
        self._of: dict[UUID, set[K]] = {}
        self._closed = False

    @property
    def by_project(self) -> Mapping[UUID, set[K]]:
        """Return what runs for each project that has had anything."""
        return self._of

    def all(self) -> list[K]:
        """Return everything that runs."""
        return [one for mine in self._of.values() for one in mine]

    def admit(self) -> None:
        """Let a command start.

        Raises:
            RuntimeFailed: Everything has been ended for good.

        """
        if self._closed:
            raise RuntimeFailed("The sandbox service is stopping.")

    def keep(
        self, project_id: UUID, kept: K, to_its_end: Awaitable[None]
    ) -> Coroutine[Any, Any, None]:
        """Count *kept* as running from now on; what is returned sees *to_its_end*."""
        mine = self._of.setdefault(project_id, set())
        mine.add(kept)
        return _seen_to(mine, kept, to_its_end)

    def hand_over(self, spare: UUID, project_id: UUID) -> None:
        """Count the commands of *spare* as the project's."""
        mine = self._of.pop(spare, set())
        mine |= self._of.get(project_id, set())
        self._of[project_id] = mine

    async def stop(self, project_id: UUID) -> None:
        """End what runs for a project."""
        for kept in list(self._of.get(project_id, ())):
            await kept.stop()
        self._of.pop(project_id, None)

    async def close(self) -> None:
        """End everything, and admit nothing any more."""
        self._closed = True
        await asyncio.gather(*(kept.stop() for kept in self.all()))


async def _seen_to(mine: set[K], kept: K, to_its_end: Awaitable[None]) -> None:
    try:
        await to_its_end
    finally:
        # The set itself, which may be another project's by now.
        mine.discard(kept)
