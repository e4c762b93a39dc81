"""The WebSocket messages of the public contract, camelCase on the wire.

Every message is ``{"type": ..., "data": {...}}``; recorded events carry ``seq``.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.project import MAX_IMAGES, Encoding, Image, RunState
from contracts.sandbox import LogStream


class Data(Struct, frozen=True, rename="camel"):
    """The data of a message."""


class NoData(Data, frozen=True):
    """Empty."""


# --- client to server ---------------------------------------------------------------


class ClientMessage(Struct, frozen=True, tag_field="type"):
    """What a client may say."""


class GetState(ClientMessage, frozen=True, tag="get_state"):
    """Answered with ``state_update``."""

    data: NoData = NoData()


class GetPreviewUrl(ClientMessage, frozen=True, tag="get_preview_url"):
    """Answered with ``preview_url``."""

    data: NoData = NoData()


class StartGenerationData(Data, frozen=True):
    """Without a prompt the project's description is built."""

    prompt: Annotated[str, Meta(max_length=20_000)] | None = None
    model: Annotated[str, Meta(max_length=200)] | None = None
    max_phases: Annotated[int, Meta(ge=1, le=20)] | None = None


class StartGeneration(ClientMessage, frozen=True, tag="start_generation"):
    """Answered with ``state_update``, then the run's events."""

    data: StartGenerationData = StartGenerationData()


class StopGeneration(ClientMessage, frozen=True, tag="stop_generation"):
    """Answered with ``state_update`` with ``idle``."""

    data: NoData = NoData()


class ImageData(Data, frozen=True):
    """A picture, in base64."""

    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    data: bytes

    def image(self) -> Image:
        """Return it as a command carries it."""
        return Image(self.media_type, self.data)


class UserMessageData(Data, frozen=True):
    """Not empty after trimming."""

    content: Annotated[str, Meta(min_length=1, max_length=20_000)]
    images: Annotated[list[ImageData], Meta(max_length=MAX_IMAGES)] = []


class UserMessage(ClientMessage, frozen=True, tag="user_message"):
    """Answered with ``state_update``."""

    data: UserMessageData


AnyClientMessage: TypeAlias = (
    GetState | GetPreviewUrl | StartGeneration | StopGeneration | UserMessage
)


# --- server to client ---------------------------------------------------------------


class ServerMessage(Struct, frozen=True, tag_field="type"):
    """What a client is told."""


class RecordedMessage(ServerMessage, frozen=True, kw_only=True):
    """A recorded event; *seq* is its version in the project's log."""

    seq: int | UnsetType = UNSET
    """Unset where the same type answers a client's question."""
    at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    """When it was recorded; with *seq*."""


class ConnectedData(Data, frozen=True):
    """Which project the connection is about."""

    project_id: str


class AgentConnected(ServerMessage, frozen=True, tag="agent_connected"):
    """The first message after a successful handshake."""

    data: ConnectedData


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


class FileStartData(Data, frozen=True):
    """A file's path."""

    path: str


class FileStart(ServerMessage, frozen=True, tag="file_start"):
    """A file begins, perhaps again: what the client holds of it is void."""

    data: FileStartData


class FileChunkData(Data, frozen=True):
    """A piece of a file."""

    path: str
    chunk: str


class FileChunk(ServerMessage, frozen=True, tag="file_chunk"):
    """The chunks of a file, joined, are exactly its ``file_end`` content."""

    data: FileChunkData


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


class PreviewUrlData(Data, frozen=True):
    """Where the app answers, if it does."""

    preview_url: str | None


class PreviewUrl(ServerMessage, frozen=True, tag="preview_url"):
    """Answer to ``get_preview_url``."""

    data: PreviewUrlData


class SandboxLogData(Data, frozen=True):
    """Whole lines of output."""

    type: LogStream
    content: str


class SandboxLog(ServerMessage, frozen=True, tag="sandbox_log"):
    """Output of the install step or of the app."""

    data: SandboxLogData


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


class ErrorData(Data, frozen=True):
    """A stable code and a sentence."""

    code: str
    message: str


class Error(ServerMessage, frozen=True, tag="error"):
    """Something the client asked for was refused."""

    data: ErrorData


# Recorded events beyond those the contract names; clients ignore what they do not know.


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
    images: list[ImageInfo] = []


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


class ModelCallStarted(RecordedMessage, frozen=True, tag="model_call_started"):
    """The language model is being asked."""

    data: ModelCallData


class ModelCallEnded(RecordedMessage, frozen=True, tag="model_call_ended"):
    """The language model has answered, or has not."""

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


class AssistantChunkData(Data, frozen=True):
    """A piece of an answer; *offset* counts code points before it."""

    message_id: str
    offset: int
    chunk: str


class AssistantChunk(ServerMessage, frozen=True, tag="assistant_chunk"):
    """More of the answer that is being written."""

    data: AssistantChunkData


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


AnyServerMessage: TypeAlias = (
    AgentConnected
    | StateUpdate
    | PhaseStart
    | PhaseEnd
    | FileStart
    | FileChunk
    | FileEnd
    | FilesWritten
    | DepsInstalled
    | ServerStarted
    | PreviewUrl
    | SandboxLog
    | GenerationComplete
    | GenerationError
    | Error
    | ProjectCreated
    | ProjectUpdated
    | ProjectDeleted
    | MessagePosted
    | RunStarted
    | RunStopped
    | ModelCallStarted
    | ModelCallEnded
    | PackagesRequested
    | AssistantMessage
    | AssistantChunk
    | SettingsChanged
    | FileDeleted
    | FileConflict
    | ProblemsReported
    | UnknownEvent
)
