"""What clients are told of recorded events: one message for each, with its seq.

Those that the contract names come first; clients ignore those they do not know.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from contracts.browser.frame import Data, NoData, RecordedMessage
from contracts.project import Encoding, RunState


class StateUpdateData(Data, frozen=True):
    """The project's state; *version* is the seq up to which it is true."""

    current_state: RunState
    current_phase: int | None
    total_phases: int
    generated_files: list[str]
    preview_url: str | None
    version: int


class StateUpdate(RecordedMessage, frozen=True, tag="state_update"):
    """An answer, or a recorded change of state."""

    data: StateUpdateData


class PhaseFile(Data, frozen=True):
    """A file that the phase is going to write."""

    path: str
    purpose: str


class PhaseStartData(Data, frozen=True):
    """The phase as it was designed."""

    phase_index: int
    name: str
    description: str
    files: list[PhaseFile]
    is_last_phase: bool


class PhaseStart(RecordedMessage, frozen=True, tag="phase_start"):
    """A phase begins."""

    data: PhaseStartData


class PhaseEndData(Data, frozen=True):
    """The phase and the paths that it wrote."""

    phase_index: int
    name: str
    files: list[str]


class PhaseEnd(RecordedMessage, frozen=True, tag="phase_end"):
    """A phase is written."""

    data: PhaseEndData


class FileEndData(Data, frozen=True):
    """A whole file."""

    path: str
    content: str
    encoding: Encoding = "utf-8"
    author: Literal["agent", "user"] = "agent"


class FileEnd(RecordedMessage, frozen=True, tag="file_end"):
    """A file is written, by the agent or by a person."""

    data: FileEndData


class FilesWrittenData(Data, frozen=True):
    """How many files the sandbox holds."""

    count: int


class FilesWritten(RecordedMessage, frozen=True, tag="files_written"):
    """The sandbox holds the files."""

    data: FilesWrittenData


class DepsInstalled(RecordedMessage, frozen=True, tag="deps_installed"):
    """The app's packages are installed."""

    data: NoData = NoData()


class ServerStartedData(Data, frozen=True):
    """Where the app answers."""

    url: str


class ServerStarted(RecordedMessage, frozen=True, tag="server_started"):
    """The app answers."""

    data: ServerStartedData


class GenerationCompleteData(Data, frozen=True):
    """All files of the app and how many phases the run had."""

    files: list[str]
    phases: int


class GenerationComplete(RecordedMessage, frozen=True, tag="generation_complete"):
    """The run ended well."""

    data: GenerationCompleteData


class GenerationErrorData(Data, frozen=True):
    """One sentence a person can act on."""

    message: str


class GenerationError(RecordedMessage, frozen=True, tag="generation_error"):
    """The run ended badly."""

    data: GenerationErrorData


class ProjectInfoData(Data, frozen=True):
    """Name and description as they are from now on."""

    name: str
    description: str


class ProjectCreated(RecordedMessage, frozen=True, tag="project_created"):
    """The first event of every project."""

    data: ProjectInfoData


class ProjectUpdated(RecordedMessage, frozen=True, tag="project_updated"):
    """The project was renamed or described anew."""

    data: ProjectInfoData


class ProjectDeleted(RecordedMessage, frozen=True, tag="project_deleted"):
    """Nothing follows this message."""

    data: NoData = NoData()


class ImageInfo(Data, frozen=True):
    """A picture in a message, without itself."""

    media_type: str
    size: int
    """In bytes."""


class MessagePostedData(Data, frozen=True):
    """What a person wrote."""

    message_id: str
    content: str
    images: list[ImageInfo] = field(default_factory=list)


class MessagePosted(RecordedMessage, frozen=True, tag="message_posted"):
    """A message joined the conversation."""

    data: MessagePostedData


class RunStartedData(Data, frozen=True):
    """What is being built."""

    run_id: str
    prompt: str


class RunStarted(RecordedMessage, frozen=True, tag="run_started"):
    """A run begins."""

    data: RunStartedData


class RunStoppedData(Data, frozen=True):
    """Which run it was."""

    run_id: str


class RunStopped(RecordedMessage, frozen=True, tag="run_stopped"):
    """The run was stopped before its end."""

    data: RunStoppedData


class ModelCallData(Data, frozen=True):
    """A call of the language model; *outcome* is null until it has ended."""

    purpose: str
    phase_index: int
    attempt: int
    model: str
    outcome: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    estimated: bool = False
    """Some of the tokens and dollars were counted by characters."""
    retry_at: Annotated[datetime, Meta(tz=True)] | None = None
    """The model asks to be left alone until then; the run goes on by itself."""


class ModelCallStarted(RecordedMessage, frozen=True, tag="model_call_started"):
    """The language model is being asked."""

    data: ModelCallData


class ModelCallEnded(RecordedMessage, frozen=True, tag="model_call_ended"):
    """The language model has answered, or has not."""

    data: ModelCallData


class ModelCallCounted(RecordedMessage, frozen=True, tag="model_call_counted"):
    """What a call that was stopped had cost beyond what was said at its end."""

    data: ModelCallData


class PackagesRequestedData(Data, frozen=True):
    """An install command."""

    argv: list[str]


class PackagesRequested(RecordedMessage, frozen=True, tag="packages_requested"):
    """The model asked for packages."""

    data: PackagesRequestedData


class AssistantMessageData(Data, frozen=True):
    """What the agent answered; ``assistant_chunk`` may have shown it before."""

    message_id: str
    content: str


class AssistantMessage(RecordedMessage, frozen=True, tag="assistant_message"):
    """The agent answered in the conversation."""

    data: AssistantMessageData


class SettingsChangedData(Data, frozen=True):
    """The project's settings; of the app's variables only their names."""

    design_models: list[str]
    write_models: list[str]
    locked_paths: list[str]
    max_run_cost_usd: float | None
    max_project_cost_usd: float | None
    max_run_tokens: int | None
    variables: list[str]


class SettingsChanged(RecordedMessage, frozen=True, tag="settings_changed"):
    """Somebody chose other settings."""

    data: SettingsChangedData


class FileDeletedData(Data, frozen=True):
    """A file's path."""

    path: str
    author: Literal["agent", "user"] = "agent"


class FileDeleted(RecordedMessage, frozen=True, tag="file_deleted"):
    """The file is no more."""

    data: FileDeletedData


class FileConflictData(Data, frozen=True):
    """What the agent wrote; the person's version stays as it is."""

    path: str
    content: str
    reason: str
    encoding: Encoding = "utf-8"


class FileConflict(RecordedMessage, frozen=True, tag="file_conflict"):
    """The agent wrote what a person keeps otherwise; both versions are kept."""

    data: FileConflictData


class ProblemData(Data, frozen=True):
    """Something that is wrong with the app."""

    source: str
    message: str
    path: str | None
    line: int | None


class ProblemsReportedData(Data, frozen=True):
    """What the next phase repairs."""

    problems: list[ProblemData]


class ProblemsReported(RecordedMessage, frozen=True, tag="problems_reported"):
    """The app does not work yet."""

    data: ProblemsReportedData


class AccessGrantedData(Data, frozen=True):
    """Which service may do what: ``read`` or ``write``."""

    service: str
    access: str


class AccessGranted(RecordedMessage, frozen=True, tag="access_granted"):
    """A service outside may use the project from now on."""

    data: AccessGrantedData


class AccessRevokedData(Data, frozen=True):
    """Which service it was."""

    service: str


class AccessRevoked(RecordedMessage, frozen=True, tag="access_revoked"):
    """A service outside may use the project no more."""

    data: AccessRevokedData


class UnknownEvent(RecordedMessage, frozen=True, tag="unknown_event"):
    """An event of a type that this gateway is too old to know; keeps seq dense."""

    data: NoData = NoData()
