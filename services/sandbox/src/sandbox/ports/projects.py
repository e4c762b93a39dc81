"""Projects as others know them: their files, their controllers, how they look."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from contracts.requests import Manifest, Variables


class ProjectGone(Exception):
    """The project was deleted, or there never was one."""


class ProjectFiles(Protocol):
    """Those who know what a project consists of."""

    async def manifest(self, project_id: UUID) -> Manifest:
        """Return what the folder should hold.

        Raises:
            ProjectGone: It should not exist.
            Unavailable: Nobody answers.

        """
        ...

    async def variables(self, project_id: UUID) -> Variables:
        """Return what the app finds in its environment.

        Raises:
            Unavailable: Nobody answers.

        """
        ...

    async def contents(
        self, project_id: UUID, paths: Sequence[str]
    ) -> dict[str, bytes]:
        """Return those *paths* that exist, as many as fit into an answer.

        Raises:
            ProjectGone: It should not exist.
            Unavailable: Nobody answers.

        """
        ...


class Owner(Struct, frozen=True):
    """One of several controllers."""

    id: UUID
    host: str
    """Where the others reach its previews."""
    port: int


class Owners(Protocol):
    """Which controller has which project; nobody but that one touches its sandbox."""

    @property
    def me(self) -> UUID | None:
        """Our own name, by which the others ask us; None where there are none."""
        ...

    def is_ours(self, project_id: UUID) -> bool:
        """Whether it is ours at this moment."""
        ...

    @property
    def held(self) -> Collection[UUID]:
        """Return what is to be given back as soon as it is not used."""
        ...

    async def claim(self, project_id: UUID) -> Owner | None:
        """Take a project that nobody has; return who has it, None for ourselves.

        Raises:
            Unavailable: That cannot be known now.

        """
        ...

    async def release(self, project_id: UUID) -> None:
        """Give a project back; nothing of it may be running."""
        ...

    async def run(self, lost: Callable[[UUID], None]) -> None:
        """Keep what is ours, until cancelled; *lost* is called for what no longer is.

        What runs for it has to end at once then: another controller may begin.
        """
        ...

    async def close(self) -> None:
        """Give everything back, and take nothing any more."""
        ...


class Pictures(Protocol):
    """How apps look, where several controllers have to know it of each other's."""

    async def keep(self, project_id: UUID, jpeg: bytes) -> None:
        """Put a picture in the place of the one before, if that can be done now."""
        ...

    async def find(self, project_id: UUID) -> bytes | None:
        """Return the last picture; None where none can be had now."""
        ...

    async def forget(self, project_id: UUID) -> None:
        """Let go of the picture of a project that has come to its end.

        Raises:
            Unavailable: That cannot be done now.

        """
        ...
