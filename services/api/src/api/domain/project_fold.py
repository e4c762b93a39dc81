"""How a project's events become the row and the files that the api shows."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from contracts.codec import AnyEvent
from contracts.envelope import Recorded
from contracts.project import (
    Access,
    AccessGranted,
    AccessRevoked,
    FileWritten,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RunState,
    ServerStarted,
    StateChanged,
)


class ProjectRow(Struct, frozen=True, rename="camel"):
    """A project as clients see it."""

    id: UUID
    name: str
    description: str
    status: str
    preview_url: str | None
    sandbox_id: str | None
    user_id: UUID
    created_at: datetime
    updated_at: datetime


class FileRow(Struct, frozen=True, rename="camel"):
    """A file of a project as clients see it."""

    id: UUID
    project_id: UUID
    path: str
    content: str
    created_at: datetime
    updated_at: datetime


class GrantRow(Struct, frozen=True, rename="camel"):
    """A service outside that may use a project."""

    service: str
    access: Access
    granted_at: datetime


@dataclass(slots=True)
class ProjectFold:
    """A project while events are folded into it.

    It starts from what is stored and ends as what has to be stored. *files* and
    *grants* hold the changed ones alone; a file that is stored already keeps its id and
    creation time.
    """

    seq: int
    project: ProjectRow | None = None
    files: dict[str, FileRow] = field(default_factory=dict)
    grants: dict[str, GrantRow | None] = field(default_factory=dict)
    """By service; None where there is none any more."""
    deleted: bool = False

    def add(self, recorded: Recorded, event: AnyEvent | None) -> None:
        """Fold the next event; *event* is None where its data could not be read.

        Total: what this version does not know moves the position and nothing else.
        """
        self.seq = recorded.seq
        match event:
            case ProjectCreated():
                self.project = _created(recorded, event)
            case ProjectDeleted():
                self.project = None
                self.files.clear()
                self.grants.clear()
                self.deleted = True
            case _:
                if self.project is not None:
                    self._change(self.project, recorded, event)

    def _change(
        self, project: ProjectRow, recorded: Recorded, event: AnyEvent | None
    ) -> None:
        project = structs.replace(project, updated_at=recorded.at)
        match event:
            case ProjectUpdated(name, description):
                project = structs.replace(
                    project, name=_storable(name), description=_storable(description)
                )
            case StateChanged(state):
                project = structs.replace(project, status=str(state))
            case ServerStarted(_, url, sandbox_id):
                project = structs.replace(
                    project,
                    preview_url=_storable(url),
                    sandbox_id=_storable(sandbox_id),
                )
            case FileWritten(file_id, path, content):
                self._write(recorded, file_id, _storable(path), content)
            case AccessGranted(service, access):
                self.grants[service] = GrantRow(service, access, recorded.at)
            case AccessRevoked(service):
                self.grants[service] = None
            case _:
                pass
        self.project = project

    def _write(
        self, recorded: Recorded, file_id: UUID, path: str, content: str
    ) -> None:
        earlier = self.files.get(path)
        self.files[path] = FileRow(
            id=earlier.id if earlier else file_id,
            project_id=recorded.project_id,
            path=path,
            content=content,
            created_at=earlier.created_at if earlier else recorded.at,
            updated_at=recorded.at,
        )


def _created(recorded: Recorded, event: ProjectCreated) -> ProjectRow:
    return ProjectRow(
        id=recorded.project_id,
        name=_storable(event.name),
        description=_storable(event.description),
        status=str(RunState.IDLE),
        preview_url=None,
        sandbox_id=None,
        user_id=event.owner_id,
        created_at=recorded.at,
        updated_at=recorded.at,
    )


def _storable(text: str) -> str:
    """Return *text* without NUL, which Postgres keeps in no text."""
    return text.replace("\0", "\ufffd")
