"""What the gateway needs from the other services, and how each of it may fail."""

from typing import Protocol
from uuid import UUID

from contracts.project import ProjectCommand
from contracts.requests import History, OpenFile, ProjectView


class Refused(Exception):
    """The agent said no; *code* is one of the public contract."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Unavailable(Exception):
    """Another service does not answer; wait and ask again."""


class Projects(Protocol):
    """The projects of one user, asked and commanded; every method may raise Refused."""

    async def view(self, user_id: UUID, project_id: UUID) -> ProjectView:
        """Return what the project is now."""
        ...

    async def history(
        self, user_id: UUID, project_id: UUID, *, after: int, limit: int
    ) -> History:
        """Return recorded events above *after*, in order, at most *limit*."""
        ...

    async def open_file(self, project_id: UUID) -> OpenFile | None:
        """Return the file that is being written; None where no run is driven."""
        ...

    async def command(
        self, user_id: UUID, project_id: UUID, command: ProjectCommand
    ) -> ProjectView:
        """Give a command; return the project after it."""
        ...


class Sessions(Protocol):
    """Who is signed in."""

    async def user_of(self, token: str) -> UUID | None:
        """Return the user of a session cookie, None where it is not valid."""
        ...
