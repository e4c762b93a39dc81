"""What has happened to a project: past tense, recorded for ever, never renamed."""

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from contracts.project.values import (
    Access,
    Encoding,
    Image,
    ProjectSettings,
    RunState,
)


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
