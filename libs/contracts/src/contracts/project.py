"""Commands and recorded events of a project, the aggregate of the system.

Commands are imperative and are answered once; events are past tense, are recorded
for ever, and are never renamed: a field is added with a default or not at all.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct


class RunState(StrEnum):
    """Where a project stands; the values of ``currentState`` in the public contract."""

    IDLE = "idle"
    DESIGNING = "designing"
    IMPLEMENTING = "implementing"
    INSTALL = "install"
    START = "start"
    COMPLETE = "complete"
    ERROR = "error"


Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Text: TypeAlias = Annotated[str, Meta(max_length=20_000)]
"""What a person writes: descriptions, prompts, messages; in characters."""
MAX_FILE_BYTES = 1_048_576
"""Largest text of a file, in bytes of UTF-8."""
MAX_ASSET_BYTES = 4_194_304
"""Largest file that is not text, in bytes."""
MAX_IMAGES_BYTES = 5_000_000
"""All images of a message together, in bytes: in base64, with the text, they fit into
one message of the bus and one row of the log, which hold eight million bytes."""
MAX_IMAGES = 10
Content: TypeAlias = Annotated[str, Meta(max_length=4 * -(-MAX_ASSET_BYTES // 3))]
"""A file's content, as *encoding* says; the agent checks how large it really is."""
Encoding: TypeAlias = Literal["utf-8", "base64"]
"""How *content* stands for the file's bytes: as their text, or in base64."""
IfMatch: TypeAlias = Annotated[str, Meta(pattern=r"^([0-9a-f]{64}|\*)?$")]
"""Hexadecimal; empty for a file that is not there."""
Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
"""A path below the project's folder; whoever takes one in calls ``scof.safe_path``."""


ServiceName: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[a-z][a-z0-9-]{0,31}\Z", examples=["integration"])
]
"""Name of a service outside: its user on NATS, and a token of its subjects."""
Access: TypeAlias = Literal["read", "write"]
"""What a grant is for: *read* asks and follows, *write* gives commands too."""


class Actor(Struct, frozen=True):
    """On whose behalf something happens; the agent checks it, doors only pass it on."""

    kind: Literal["user", "service"]
    id: str
    """The user's UUID, or the name of the service."""


class Image(Struct, frozen=True):
    """A picture in a message; *data* travels as base64."""

    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    data: bytes


ModelNames: TypeAlias = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=5)
]
"""The first one is asked; the others answer when it cannot."""
VARIABLE_NAME = "^[A-Z_][A-Z0-9_]{0,99}$"
"""What a variable of an app may be called."""
Money: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]


class ProjectSettings(Struct, frozen=True, kw_only=True):
    """What a person has chosen for a project; what is left out has its default."""

    design_models: ModelNames = []
    """Who plans and answers questions; empty: as the installation is configured."""
    write_models: ModelNames = []
    """Who writes files; empty: as the installation is configured."""
    locked_paths: Annotated[list[Path], Meta(max_length=200)] = []
    """Files that the agent must not change; with a slash at the end, whole folders."""
    max_run_cost_usd: Money | None = None
    """Spend at which a run ends; None: as the installation is configured."""
    max_project_cost_usd: Money | None = None
    """Spend of all runs at which no call is made any more."""
    max_run_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Tokens, read and written, at which a run ends."""
    variables: Annotated[
        dict[
            Annotated[str, Meta(pattern=VARIABLE_NAME)],
            Annotated[str, Meta(max_length=4_000)],
        ],
        Meta(max_length=100),
    ] = {}
    """Names in the app's environment. The values are empty here, and for ever out of
    the log: the api keeps them, sealed, and tells the sandbox."""


# --- commands ---------------------------------------------------------------------


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


# --- events -----------------------------------------------------------------------


class Event(Struct, frozen=True, tag_field="type"):
    """Something that happened to a project."""


class PlannedFile(Struct, frozen=True):
    """A file that a phase is going to write."""

    path: str
    purpose: str


class Usage(Struct, frozen=True):
    """What a call of a language model cost; None where nobody knows."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    estimated: bool = False
    """Some of it was not said by the provider, but counted by characters."""


class Price(Struct, frozen=True):
    """Dollars for a million tokens, as a provider lists them."""

    prompt_usd: float
    completion_usd: float


class ProjectCreated(Event, frozen=True, tag="project.created"):
    """The first event of every project."""

    name: str
    description: str
    owner_id: UUID


class ProjectUpdated(Event, frozen=True, tag="project.updated"):
    """Name and description as they are from now on."""

    name: str
    description: str


class ProjectDeleted(Event, frozen=True, tag="project.deleted"):
    """Nobody sees the project any more; `ProjectErased` alone follows this event."""


class DailyUsage(Struct, frozen=True):
    """What calls of one model came to, on a day in UTC."""

    day: date
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class ProjectErased(Event, frozen=True, tag="project.erased"):
    """All that was recorded before is gone; the id is not given again.

    It follows what a reader has last, whatever is missing in between.
    """

    version: int
    """That of this event, which nothing before it tells any more."""
    owner_id: UUID
    usage: list[DailyUsage]
    """All that the project has cost: spending stays known."""


class MessagePosted(Event, frozen=True, tag="message.posted"):
    """A person wrote *content* in the conversation."""

    message_id: UUID
    content: str
    images: list[Image] = []


class AssistantReplied(Event, frozen=True, tag="assistant.replied"):
    """The agent answered in the conversation."""

    message_id: UUID
    content: str
    run_id: UUID | None = None


class SettingsChanged(Event, frozen=True, tag="settings.changed"):
    """The project's settings as they are from now on."""

    settings: ProjectSettings


class RunStarted(Event, frozen=True, tag="run.started"):
    """A run has begun; until it ends, no other one can."""

    run_id: UUID
    prompt: str
    model: str | None = None
    max_phases: int | None = None


class StateChanged(Event, frozen=True, tag="state.changed"):
    """The project's state, with all that a client shows of it at this moment."""

    state: RunState
    current_phase: int | None
    """Index from 0; None outside a run."""
    total_phases: int
    """Phases designed so far."""
    generated_files: list[str]
    preview_url: str | None


class ModelCallStarted(Event, frozen=True, tag="model_call.started"):
    """A call of the language model is about to be made."""

    run_id: UUID
    purpose: Literal["design", "implement"]
    phase_index: int
    attempt: int
    """1, 2, 3 for the same phase and purpose."""
    model: str
    prompt_tokens: int | None = None
    """Of the prompt, counted by characters: what the call costs if nobody tells."""
    price: Price | None = None
    """Of the model, where the provider lists it."""


class ModelCallEnded(Event, frozen=True, tag="model_call.ended"):
    """How the call that was started last came out."""

    run_id: UUID
    purpose: Literal["design", "implement"]
    phase_index: int
    attempt: int
    outcome: Literal["complete", "length", "cut", "failed", "invalid", "interrupted"]
    """*interrupted*: the worker died or was stopped before the call ended."""
    model: str
    usage: Usage
    generation_id: str | None = None
    """The provider's id of the call."""
    error: str | None = None
    retry_at: Annotated[datetime, Meta(tz=True)] | None = None
    """The provider wants no call before; the run waits until then."""


class ModelCallCounted(Event, frozen=True, tag="model_call.counted"):
    """What a call had brought beyond what was recorded when the run was stopped."""

    run_id: UUID
    purpose: Literal["design", "implement"]
    phase_index: int
    attempt: int
    model: str
    usage: Usage


class PhaseDesigned(Event, frozen=True, tag="phase.designed"):
    """What the next phase does and which files it writes."""

    run_id: UUID
    phase_index: int
    name: str
    description: str
    files: list[PlannedFile]
    is_last_phase: bool


class FileWritten(Event, frozen=True, tag="file.written"):
    """A whole file, as it is from now on."""

    file_id: UUID
    path: str
    content: str
    author: Literal["agent", "user"]
    run_id: UUID | None = None
    phase_index: int | None = None
    encoding: Encoding = "utf-8"


class FileDeleted(Event, frozen=True, tag="file.deleted"):
    """The file is no more."""

    file_id: UUID
    path: str
    author: Literal["agent", "user"]
    run_id: UUID | None = None


class FileConflict(Event, frozen=True, tag="file.conflict"):
    """The agent wrote what a person keeps otherwise; the person's version stays.

    Both versions are in the log: the person's where it was saved, the agent's here.
    """

    path: str
    content: str
    """What the agent wrote."""
    reason: Literal["edited", "deleted", "locked"]
    """What the person did: changed or deleted it in the same phase, or locked it."""
    run_id: UUID
    phase_index: int
    encoding: Encoding = "utf-8"


class PackagesRequested(Event, frozen=True, tag="packages.requested"):
    """The model asked for packages, such as ``["npm", "install", "zod"]``."""

    run_id: UUID
    argv: list[str]


class Problem(Struct, frozen=True):
    """Something that is wrong with the app."""

    source: str
    """``install``, ``compile``, ``types``, ``start``, ``crash``, ``http``,
    ``console``; further ones may be added."""
    message: str
    path: str | None = None
    line: int | None = None


class ProblemsReported(Event, frozen=True, tag="problems.reported"):
    """The app does not work yet: the next phase repairs it."""

    run_id: UUID
    problems: list[Problem]


class PhaseImplemented(Event, frozen=True, tag="phase.implemented"):
    """All files of the phase are written."""

    run_id: UUID
    phase_index: int
    name: str
    files: list[str]


class FilesSynced(Event, frozen=True, tag="files.synced"):
    """The sandbox holds every file of the project up to now."""

    run_id: UUID
    count: int


class DependenciesInstalled(Event, frozen=True, tag="dependencies.installed"):
    """The install step of the app ended well."""

    run_id: UUID
    manifest: str
    """Digest of what was installed; the same again means nothing to install."""


class ServerStarted(Event, frozen=True, tag="server.started"):
    """The app answers at *url*."""

    run_id: UUID
    url: str
    sandbox_id: str


class RunCompleted(Event, frozen=True, tag="run.completed"):
    """The run ended well: *files* are all files of the app."""

    run_id: UUID
    files: list[str]
    phases: int


class RunFailed(Event, frozen=True, tag="run.failed"):
    """The run ended badly; *message* is a sentence a person can act on."""

    run_id: UUID
    message: str
    refused: bool = False
    """The provider refused what it was asked: no fault of the account."""
    forgets: Literal["pictures", "conversation"] | None = None
    """What is not told to the model again, so that nothing is refused for ever:
    pictures in messages that wait, or all that was said so far."""


class RunStopped(Event, frozen=True, tag="run.stopped"):
    """The run was stopped before its end."""

    run_id: UUID


class AccessGranted(Event, frozen=True, tag="access.granted"):
    """A service outside may use the project from now on."""

    service: str
    access: Access


class AccessRevoked(Event, frozen=True, tag="access.revoked"):
    """A service outside may use the project no more."""

    service: str


ProjectEvent: TypeAlias = (
    ProjectCreated
    | ProjectUpdated
    | ProjectDeleted
    | ProjectErased
    | MessagePosted
    | RunStarted
    | StateChanged
    | ModelCallStarted
    | ModelCallEnded
    | ModelCallCounted
    | PhaseDesigned
    | FileWritten
    | PackagesRequested
    | PhaseImplemented
    | FilesSynced
    | DependenciesInstalled
    | ServerStarted
    | RunCompleted
    | RunFailed
    | RunStopped
    | AccessGranted
    | AccessRevoked
    | AssistantReplied
    | SettingsChanged
    | FileDeleted
    | FileConflict
    | ProblemsReported
)
