"""The only controller there is: every project is its own."""

from collections.abc import Callable, Collection
from uuid import UUID

from typing_extensions import override

from sandbox.ports import Owner, Owners


class Alone(Owners):
    """Nobody else ever has anything."""

    @property
    @override
    def me(self) -> UUID | None:
        return None

    @override
    def is_ours(self, project_id: UUID) -> bool:
        return True

    @property
    @override
    def held(self) -> Collection[UUID]:
        return ()

    @override
    async def claim(self, project_id: UUID) -> Owner | None:
        return None

    @override
    async def release(self, project_id: UUID) -> None:
        pass

    @override
    async def run(self, lost: Callable[[UUID], None]) -> None:
        pass

    @override
    async def close(self) -> None:
        pass
