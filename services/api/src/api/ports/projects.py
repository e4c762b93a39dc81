"""Projects: the agent, and the read models."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Protocol
from uuid import UUID

from api.domain.listing import Listed, Wanted
from api.domain.project_fold import FileRow, GrantRow, ProjectRow
from api.domain.usage import Report
from contracts.requests import (
    Accepted,
    CommandRequest,
    History,
    Limits,
    Models,
    ProjectView,
    SpendLimits,
)
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

    async def history(
        self,
        project_id: UUID,
        after: int,
        *,
        limit: int = 200,
        user_id: UUID | None = None,
    ) -> History:
        """Return a page of the project's log with what comes after *after*.

        On behalf of *user_id*, whose project it has to be; None: of the api itself. It
        may hold fewer events than *limit* though there are more.

        Raises:
            Rejected: The agent knows no such project, or it is somebody else's.
            Unavailable: No agent answers.

        """
        ...

    async def project(self, project_id: UUID, user_id: UUID) -> ProjectView:
        """Return a project of this user, as the log has it now.

        Raises:
            Rejected: The agent knows no such project, or it is somebody else's.
            Unavailable: No agent answers.

        """
        ...

    async def models(self) -> Models:
        """Return the language models that can be chosen.

        Raises:
            Unavailable: No agent answers, or the provider does not.

        """
        ...

    async def limits(self) -> Limits:
        """Return what language models may cost here.

        Raises:
            Unavailable: No agent answers.

        """
        ...

    async def set_limits(self, limits: SpendLimits, administrator_id: UUID) -> Limits:
        """Let these hold from now on, in the name of an administrator.

        Raises:
            Rejected: One of them is fixed where Atelier was started.
            Unavailable: The outcome is unknown: the same again is safe.

        """
        ...


class UsageViews(Protocol):
    """What language models have cost, as one user sees it.

    The days are in UTC, both of them included. Every method raises Unavailable when the
    database does not answer.
    """

    async def of_user(self, user_id: UUID, first: date, last: date) -> Report:
        """Return what was spent on all projects, deleted ones too."""
        ...

    async def of_project(
        self, user_id: UUID, project_id: UUID, first: date, last: date
    ) -> Report:
        """Return what was spent on a project; nothing for somebody else's."""
        ...


class ProjectViews(Protocol):
    """The read models of projects, as one user sees them.

    Every method raises Unavailable when the database does not answer.
    """

    async def projects(self, user_id: UUID, wanted: Wanted) -> Listed:
        """Return those of the user's projects that are wanted."""
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

    async def grants(self, user_id: UUID, project_id: UUID) -> list[GrantRow]:
        """Return the services that may use a project, by name."""
        ...

    async def position(self, project_id: UUID) -> int:
        """Return the version up to which the project is folded; 0 if not at all."""
        ...


class GrantSource(Protocol):
    """Which services outside may follow which projects.

    Every method raises Unavailable when the database does not answer.
    """

    async def all(self) -> dict[UUID, frozenset[str]]:
        """Return the services of each project that has any."""
        ...

    async def of(self, project_id: UUID) -> frozenset[str]:
        """Return the services of one project."""
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


class Turns(Protocol):
    """One process at a time."""

    async def hold(self, shard: int, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the turn, then run *work*; return when the turn is lost.

        Raises:
            Unavailable: The database does not answer.

        """
        ...
