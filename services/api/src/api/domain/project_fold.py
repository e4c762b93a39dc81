"""How a project's events become the rows that the api shows."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from msgspec import Struct, structs

from api.domain.file_content import NoContent, raw
from api.domain.usage import Spent
from contracts.codec import AnyEvent
from contracts.envelope import Recorded
from contracts.project import (
    Access,
    AccessGranted,
    AccessRevoked,
    Encoding,
    FileDeleted,
    FileWritten,
    ModelCallCounted,
    ModelCallEnded,
    ProjectCreated,
    ProjectDeleted,
    ProjectErased,
    ProjectUpdated,
    RunState,
    ServerStarted,
    StateChanged,
    Usage,
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
    encoding: Encoding
    """How *content* stands for the file's bytes."""
    sha256: str
    """Of the bytes, in hexadecimal; in quotes it is the file's ETag."""


class FoldedFile(Struct, frozen=True):
    """A file as it is stored."""

    id: UUID
    data: bytes
    encoding: Encoding
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

    It starts from what is stored and ends as what has to be stored: *files* and
    *grants* hold the changed ones alone, *usage* what comes on top. A file that is
    stored already keeps its id and creation time, unless it is *gone* meanwhile.
    """

    seq: int
    project: ProjectRow | None = None
    files: dict[str, FoldedFile] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Paths whose files were deleted; there may be others in their places by now."""
    grants: dict[str, GrantRow | None] = field(default_factory=dict)
    """By service; None where there is none any more."""
    usage: dict[tuple[date, str], Spent] = field(default_factory=dict)
    """By day and model."""
    owner_id: UUID | None = None
    """Whose usage it is; the project may be deleted."""
    deleted: bool = False
    erased: bool = False
    """*usage* is all that is known of the project, and replaces what is stored."""

    def add(self, recorded: Recorded, event: AnyEvent | None) -> None:
        """Fold the next event; *event* is None where its data could not be read.

        Total: what this version does not know moves the position and nothing else.
        """
        self.seq = recorded.seq
        match event:
            case ProjectCreated():
                self.project = _created(recorded, event)
                self.owner_id = event.owner_id
            case ProjectDeleted():
                self._end()
            case ProjectErased():
                self._end()
                self._settle(event)
            case _:
                if self.project is not None:
                    self._change(self.project, recorded, event)

    def _end(self) -> None:
        self.project = None
        self.files.clear()
        self.gone.clear()
        self.grants.clear()
        self.deleted = True

    def _settle(self, event: ProjectErased) -> None:
        self.erased = True
        self.owner_id = event.owner_id
        self.usage.clear()
        for one in event.usage:
            usage = Usage(one.prompt_tokens, one.completion_tokens, one.cost_usd)
            self._add_usage(one.day, one.model, usage, one.calls)

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
            case FileWritten():
                self._write(recorded, event)
            case FileDeleted(_, path):
                path = _storable(path)
                self.files.pop(path, None)
                self.gone.add(path)
            case ModelCallEnded() | ModelCallCounted():
                self._spend(recorded, event)
            case AccessGranted(service, access):
                self.grants[service] = GrantRow(service, access, recorded.at)
            case AccessRevoked(service):
                self.grants[service] = None
            case _:
                pass
        self.project = project

    def _write(self, recorded: Recorded, event: FileWritten) -> None:
        path, encoding = _storable(event.path), event.encoding
        try:
            data = raw(event.content, encoding)
        except NoContent:  # history is as it is: shown as the text that it holds
            data, encoding = event.content.encode("utf-8", "replace"), "utf-8"
        earlier = self.files.get(path)
        self.files[path] = FoldedFile(
            id=earlier.id if earlier else event.file_id,
            data=data,
            encoding=encoding,
            created_at=earlier.created_at if earlier else recorded.at,
            updated_at=recorded.at,
        )

    def _spend(
        self, recorded: Recorded, event: ModelCallEnded | ModelCallCounted
    ) -> None:
        day = recorded.at.astimezone(UTC).date()
        calls = 1 if isinstance(event, ModelCallEnded) else 0
        self._add_usage(day, event.model, event.usage, calls)

    def _add_usage(self, day: date, model: str, usage: Usage, calls: int) -> None:
        key = (day, _storable(model)[:256])
        self.usage[key] = self.usage.get(key, Spent()).and_call(usage, calls)


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
