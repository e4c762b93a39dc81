"""Answering questions about projects, from the log and from folded states."""

from typing import assert_never
from uuid import UUID

from agent.application.commands import Projects, refused
from agent.domain.project import check_access
from agent.domain.replay import state_hash
from agent.domain.state import Project
from agent.domain.views import (
    MAX_ANSWER_BYTES,
    file_contents,
    manifest,
    project_view,
)
from contracts.envelope import Recorded
from contracts.project import Actor, ProjectEvent
from contracts.requests import (
    Files,
    GetDigest,
    GetFiles,
    GetHistory,
    GetManifest,
    GetProject,
    History,
    ProjectAnswer,
    QueryAnswer,
    QueryRequest,
    StateDigest,
)
from contracts.subjects import INTERNAL_SERVICES
from eventcore.errors import Rejected
from eventcore.ports import EventStore

_PAGE = 50
"""Events that are read at a time: each may hold a file of a megabyte."""


class Queries:
    """Answers questions; changes nothing."""

    def __init__(self, projects: Projects, store: EventStore[ProjectEvent]) -> None:
        self._projects = projects
        self._store = store

    async def answer(self, request: QueryRequest) -> QueryAnswer:
        """Return the answer to the question.

        Raises:
            Unavailable: Ask again.

        """
        project_id = request.project_id
        project = (await self._projects.load(project_id)).state
        try:
            _check_may_ask(project, request.actor)
        except Rejected as rejection:
            return refused(rejection)
        match request.query:
            case GetProject():
                return ProjectAnswer(project_view(project_id, project))
            case GetHistory(after, limit):
                events = await self._events(project_id, after, limit)
                last = events[-1].seq if events else 0
                return History(events, max(project.version, last))
            case GetManifest():
                return manifest(project)
            case GetFiles(paths):
                return Files(file_contents(project, paths))
            case GetDigest():
                return StateDigest(project.version, state_hash(project))
            case _:
                assert_never(request.query)

    async def _events(self, project_id: UUID, after: int, limit: int) -> list[Recorded]:
        """Return events from *after* on, as many as are asked for and fit."""
        events: list[Recorded] = []
        size = 0
        while len(events) < limit:
            wanted = min(_PAGE, limit - len(events))
            page = await self._store.read(project_id, after=after, limit=wanted)
            for event in page:
                size += len(bytes(event.data))
                if events and size > MAX_ANSWER_BYTES:
                    return events
                events.append(event)
            if len(page) < wanted:
                break
            after = events[-1].seq
        return events


def _check_may_ask(project: Project, actor: Actor) -> None:
    """Return if *actor* may ask: whoever has access, and our own services.

    Those clean up as well, so that they may ask about deleted projects.
    """
    if not _is_ours(actor):
        check_access(project, actor, "read")
    elif project.owner_id is None:
        raise Rejected("project_not_found", "Project not found")


def _is_ours(actor: Actor) -> bool:
    return actor.kind == "service" and actor.id in INTERNAL_SERVICES
