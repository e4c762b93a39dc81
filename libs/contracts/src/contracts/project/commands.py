"""What somebody wants of a project: imperative, answered once, refused if unknown."""

from typing import Annotated, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from contracts.project.values import (
    MAX_IMAGES,
    Access,
    Content,
    Encoding,
    IfMatch,
    Image,
    Name,
    Path,
    ProjectSettings,
    ServiceName,
    Text,
)


class Command(Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """A request to change a project."""


class CreateProject(Command, frozen=True, tag="create_project"):
    """Begin a project; the actor becomes its owner."""

    name: Name
    description: Text


class UpdateProject(Command, frozen=True, tag="update_project"):
    """Rename or describe anew; None leaves a field as it is."""

    name: Name | None = None
    description: Text | None = None


class DeleteProject(Command, frozen=True, tag="delete_project"):
    """End the project for good: its run stops and its sandbox is removed."""


class StartRun(Command, frozen=True, tag="start_run"):
    """Build *prompt*, or the project's description where there is none."""

    run_id: UUID
    prompt: Text | None = None
    model: Annotated[str, Meta(max_length=200)] | None = None
    """A model's name for writing, instead of the configured one."""
    max_phases: Annotated[int, Meta(ge=1, le=20)] | None = None


class StopRun(Command, frozen=True, tag="stop_run"):
    """Stop what is under way; files, preview and conversation are kept."""


class PostMessage(Command, frozen=True, tag="post_message"):
    """Add to the conversation; starts a follow-up run unless one is under way."""

    message_id: UUID
    run_id: UUID
    """The id of the follow-up run, should one start."""
    content: Annotated[str, Meta(min_length=1, max_length=20_000)]
    images: Annotated[list[Image], Meta(max_length=MAX_IMAGES)] = []
    """At most `MAX_IMAGES_BYTES` together, each of the type that it says."""


class SaveFile(Command, frozen=True, tag="save_file"):
    """Create or replace a file by its path, as a person does."""

    file_id: UUID
    """The id of the file if the path is new; an existing file keeps its own."""
    path: Path
    content: Content
    encoding: Encoding = "utf-8"
    if_match: IfMatch | None = None
    """Digest of the bytes that are replaced, ``*`` for any, empty where there must be
    none; what does not fit is refused as a ``conflict``. None: whatever is there."""


class DeleteFile(Command, frozen=True, tag="delete_file"):
    """Remove a file by its path, as a person does."""

    path: Path
    if_match: IfMatch | None = None
    """Digest of the bytes that go, ``*`` for any; others there are refused as a
    ``conflict``. None: whatever is there."""


class UpdateSettings(Command, frozen=True, tag="update_settings"):
    """Replace the project's settings by these."""

    settings: ProjectSettings
    expected: ProjectSettings | None = None
    """What is replaced; other settings there are refused as a ``conflict``. None:
    whatever is there."""


class GrantAccess(Command, frozen=True, tag="grant_access"):
    """Let a service outside use the project, or change what it may; the owner does."""

    service: ServiceName
    access: Access


class RevokeAccess(Command, frozen=True, tag="revoke_access"):
    """End a grant, if there is one; the owner does."""

    service: ServiceName


ProjectCommand: TypeAlias = (
    CreateProject
    | UpdateProject
    | DeleteProject
    | StartRun
    | StopRun
    | PostMessage
    | SaveFile
    | GrantAccess
    | RevokeAccess
    | DeleteFile
    | UpdateSettings
)
