"""What the api needs from the world, and every error each part may raise."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from api.domain.account import Account, NewSession, Session
from api.domain.project_fold import FileRow, ProjectRow
from contracts.requests import Accepted, CommandRequest, History
from eventcore.ports import ReadModel


class Agent(Protocol):
    """Who decides about projects and owns their log."""

    async def command(self, request: CommandRequest) -> Accepted:
        """Return the answer to a command.

        Raises:
            Rejected: The answer is no; the code is one of ``RefusalCode``.
            Unavailable: The outcome is unknown: the same request again is safe.

        """
        ...

    async def history(self, project_id: UUID, after: int) -> History:
        """Return a page of the project's log with what comes after *after*.

        Raises:
            Rejected: The agent knows no such project.
            Unavailable: No agent answers.

        """
        ...


class ProjectViews(Protocol):
    """The read models of projects, as one user sees them.

    Every method raises Unavailable when the database does not answer.
    """

    async def projects(self, user_id: UUID) -> list[ProjectRow]:
        """Return the user's projects, the newest first."""
        ...

    async def project(self, user_id: UUID, project_id: UUID) -> ProjectRow | None:
        """Return a project; None also for somebody else's."""
        ...

    async def files(self, user_id: UUID, project_id: UUID) -> list[FileRow]:
        """Return a project's files ordered by path; none of somebody else's."""
        ...

    async def file(
        self, user_id: UUID, project_id: UUID, file_id: UUID
    ) -> FileRow | None:
        """Return a file; None also for one of somebody else's project."""
        ...

    async def file_at(
        self, user_id: UUID, project_id: UUID, path: str
    ) -> FileRow | None:
        """Return the file at *path*; None also for one of somebody else's project."""
        ...

    async def position(self, project_id: UUID) -> int:
        """Return the version up to which the project is folded; 0 if not at all."""
        ...


class ProjectStore(ReadModel, Protocol):
    """The read models as the projector sees them: all of them, to write."""

    async def position(self, project_id: UUID) -> int:
        """Return the version up to which the project is folded; 0 if not at all."""
        ...

    async def outdated(self) -> list[UUID]:
        """Empty what an older version of the fold has made; return its projects.

        Their positions are 0 from then on, and all checkpoints are void.
        """
        ...


class Accounts(Protocol):
    """Accounts and sessions.

    Every method raises Unavailable when the database does not answer.
    """

    async def add(self, account: Account) -> bool:
        """Store a new account; False when the address is taken."""
        ...

    async def by_email(self, email: str) -> Account | None:
        """Return the account of an address."""
        ...

    async def set_password_hash(self, account_id: UUID, password_hash: str) -> None:
        """Replace the hash of an unchanged password."""
        ...

    async def add_session(self, session: NewSession, replaces: bytes | None) -> Session:
        """Begin a session, and end the one whose token has the digest *replaces*.

        Expired sessions of the account are removed on the way.
        """
        ...

    async def session(self, token_sha256: bytes) -> tuple[Session, Account] | None:
        """Return a session that is valid now, and whose it is."""
        ...

    async def renew_session(
        self, token_sha256: bytes, life: timedelta
    ) -> Session | None:
        """Let a session that is valid now live for *life* from now on."""
        ...

    async def end_session(self, token_sha256: bytes) -> None:
        """End a session, if there is one."""
        ...


class Passwords(Protocol):
    """Hashing that is slow on purpose, a bounded number at a time."""

    async def hash(self, password: str) -> str:
        """Return a salted hash.

        Raises:
            Unavailable: Too many are waiting.

        """
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password fits; takes as long when there is no hash.

        Raises:
            Unavailable: Too many are waiting.

        """
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether today's parameters would give another hash."""
        ...


class PageFile(Struct, frozen=True):
    """A file of the built web client, as it is sent."""

    content: bytes
    media_type: str
    encoding: str | None
    """How *content* is compressed, in the words of Content-Encoding."""
    etag: str


class PageFiles(Protocol):
    """The built web client."""

    def find(self, path: str, accepted: str) -> PageFile | None:
        """Return a file by its path below the root, such as ``assets/index.js``.

        Of its forms it is the smallest that *accepted*, an Accept-Encoding, allows.
        None where there is no such file, or no client has been built yet.
        """
        ...


class Turns(Protocol):
    """One process at a time."""

    async def hold(self, shard: int, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the turn, then run *work*; return when the turn is lost.

        Raises:
            Unavailable: The database does not answer.

        """
        ...
