"""What the gateway needs from the world, and how each of it may fail."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from contracts.project import ProjectCommand
from contracts.requests import History, OpenFile, ProjectView
from eventcore.ports import Subscription


class Refused(Exception):
    """The agent said no; *code* is one of the public contract."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Unavailable(Exception):
    """Another service does not answer; wait and ask again."""


class Client(Protocol):
    """The other end of a socket. Nothing that is written waits in here for long."""

    __slots__ = ()

    is_slow: bool
    """Whether it has not taken what was written last: write no more for now."""

    def write(self, data: bytes) -> None:
        """Write whole frames, as they are on the wire; never waits, never fails."""
        ...

    async def until_ready(self) -> None:
        """Wait until it is not slow any more, or gone."""
        ...

    def close(self, code: int) -> None:
        """Say goodbye with *code*, after all that was written."""
        ...


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


class Credential(Struct, frozen=True):
    """What a client showed to say who it is; never logged."""

    secret: str
    project_id: UUID | None = None
    """The project that a token of the address has to be for; None: a session cookie."""


class Sessions(Protocol):
    """Who is signed in."""

    async def user_of(
        self, credential: Credential, *, again: bool = False
    ) -> UUID | None:
        """Return the user whose it is, None where it is not valid.

        *again*: it was valid when the socket was opened, and what matters is whether
        the session behind it still lives.

        Raises:
            Unavailable: The api does not answer.

        """
        ...


class Hearing(Protocol):
    """Messages of the bus, without a promise that none is missing."""

    async def listen(self, subject: str, hear: Callable[[bytes], None]) -> Subscription:
        """Call *hear* with the body of each message; from the return on all come."""
        ...
