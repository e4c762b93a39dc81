"""Answering commands: any worker may, and each command has one answer."""

from typing import TypeAlias, cast
from uuid import UUID

from msgspec import Struct

from agent.domain.project import Order
from agent.domain.state import Project
from agent.domain.views import project_view
from contracts import codec, subjects
from contracts.codec import AnyEvent
from contracts.envelope import Context
from contracts.project import (
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
from eventcore.execute import Executor, Versioned
from eventcore.ports import Bus

Projects: TypeAlias = Executor[Project, Order, ProjectEvent, AnyEvent]
"""All projects: load one, execute a command on it, append to it."""


class _Done(Struct, frozen=True, tag="done"):
    """What is stored of an accepted command; its project is read when asked."""

    version: int


_stored = codec.decoder(_Done | Refused)


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
        project_id = request.project_id
        answer = await self._projects.execute(
            project_id,
            Order(request.actor, request.command),
            command_id=request.id,
            context=Context(
                actor=request.actor,
                causation_id=request.id,
                correlation_id=await self._correlation(request),
                traceparent=traceparent,
            ),
            accept=_accept,
            refuse=_refuse,
        )
        stored = _stored.decode(answer)
        if isinstance(stored, Refused):
            return stored
        current = await self._projects.load(project_id)
        self._bus.publish(subjects.project_poke(project_id), b"")
        if current.state.run is not None:
            self._bus.publish(subjects.RUN_POKE, b"")
        return Accepted(stored.version, project_view(project_id, current.state))

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


def _accept(after: Versioned[Project]) -> bytes:
    return codec.encode(_Done(after.version))


def _refuse(rejection: Rejected) -> bytes:
    return codec.encode(refused(rejection))


def refused(rejection: Rejected) -> Refused:
    """Return a decision against a request as its answer."""
    return Refused(cast("RefusalCode", rejection.code), rejection.message)
