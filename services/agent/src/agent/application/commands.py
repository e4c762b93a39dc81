"""Answering commands: any worker may, and each command has one answer.

Ids of commands are no secrets: events name their causes. So an answer is given to
whoever gave the command and to nobody else, as long as they may read the project.
"""

from typing import TypeAlias, cast
from uuid import UUID

from msgspec import Struct

from agent.domain.project import Order, check_access
from agent.domain.state import Project
from agent.domain.views import project_view
from contracts import codec, subjects
from contracts.codec import AnyEvent
from contracts.envelope import Context
from contracts.project import (
    Actor,
    DeleteProject,
    PostMessage,
    ProjectEvent,
    StartRun,
    StopRun,
)
from contracts.requests import (
    Accepted,
    CommandAnswer,
    CommandRequest,
    RefusalCode,
    Refused,
)
from eventcore.errors import Rejected
from eventcore.execute import Executor
from eventcore.ports import Bus

Projects: TypeAlias = Executor[Project, Order, ProjectEvent, AnyEvent]
"""All projects: load one, execute a command on it, append to it."""


class _Done(Struct, frozen=True, tag="done"):
    """What is stored of an accepted command; its project is read when asked."""

    version: int
    by: Actor | None = None
    """Who gave the command; None in what was stored before that was noted."""


class _No(Refused, frozen=True, tag="refused"):
    """What is stored of a refused command."""

    by: Actor | None = None


_stored = codec.decoder(_Done | _No)


class Commands:
    """Executes commands and tells the run's driver that something has changed."""

    def __init__(self, projects: Projects, bus: Bus) -> None:
        self._projects = projects
        self._bus = bus

    async def answer(
        self, request: CommandRequest, traceparent: str | None
    ) -> CommandAnswer:
        """Return the answer to the command, the first one if it was given before.

        Raises:
            Unavailable: Ask again with the same id.

        """
        try:
            stored, current = await self._answer(request, traceparent)
        except Rejected as rejection:
            return refused(rejection)
        project_id = request.project_id
        if isinstance(stored, _No):
            return Refused(stored.code, stored.message)
        self._bus.publish(subjects.project_poke(project_id), b"")
        if current.run is not None:
            self._bus.publish(subjects.RUN_POKE, b"")
        return Accepted(stored.version, project_view(project_id, current))

    async def _answer(
        self, request: CommandRequest, traceparent: str | None
    ) -> tuple[_Done | _No, Project]:
        """Return what is stored of the command, and the project as it is now."""
        project_id, actor = request.project_id, request.actor
        answer = await self._projects.execute(
            project_id,
            Order(actor, request.command),
            command_id=request.id,
            context=Context(
                actor=actor,
                causation_id=request.id,
                correlation_id=await self._correlation(request),
                traceparent=traceparent,
            ),
            accept=lambda after: codec.encode(_Done(after.version, actor)),
            refuse=lambda no: codec.encode(_No(_code(no), no.message, actor)),
        )
        stored = _stored.decode(answer)
        current = (await self._projects.load(project_id)).state
        _check_may_have(stored, current, actor)
        return stored, current

    async def _correlation(self, request: CommandRequest) -> UUID:
        """Return the id of the run, or of what the command belongs to, or its own."""
        command = request.command
        if isinstance(command, StartRun | PostMessage | StopRun | DeleteProject):
            current = await self._projects.load(request.project_id)
            if current.state.run is not None:
                return current.state.run.id
        if isinstance(command, StartRun | PostMessage):
            return command.run_id
        return request.correlation_id or request.id


def _check_may_have(stored: _Done | _No, project: Project, actor: Actor) -> None:
    """Return if *actor* may have the answer, with the project as it is now.

    Raises:
        Rejected: The project is not theirs to read any more, or the command was not.

    """
    is_owner = actor == Actor("user", str(project.owner_id))
    if not (is_owner and project.deleted):  # who deletes a project may hear of it again
        check_access(project, actor, "read")
    is_known = stored.by is not None or actor.kind == "service"
    if is_known and stored.by != actor:
        raise Rejected("invalid_message_data", "This id was used for another command.")


def refused(rejection: Rejected) -> Refused:
    """Return a decision against a request as its answer."""
    return Refused(_code(rejection), rejection.message)


def _code(rejection: Rejected) -> RefusalCode:
    return cast("RefusalCode", rejection.code)
