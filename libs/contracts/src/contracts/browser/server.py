"""What clients are told besides: answers, and progress that is shown and forgotten."""

from typing import TypeAlias

from contracts.browser.frame import Data, ServerMessage
from contracts.browser.recorded import (
    AssistantMessage,
    DepsInstalled,
    FileConflict,
    FileDeleted,
    FileEnd,
    FilesWritten,
    GenerationComplete,
    GenerationError,
    MessagePosted,
    ModelCallCounted,
    ModelCallEnded,
    ModelCallStarted,
    PackagesRequested,
    PhaseEnd,
    PhaseStart,
    ProblemsReported,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RunStarted,
    RunStopped,
    ServerStarted,
    SettingsChanged,
    StateUpdate,
    UnknownEvent,
)
from contracts.sandbox import LogStream


class ConnectedData(Data, frozen=True):
    """Which project the connection is about."""

    project_id: str


class AgentConnected(ServerMessage, frozen=True, tag="agent_connected"):
    """The first message after a successful handshake."""

    data: ConnectedData


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


class ErrorData(Data, frozen=True):
    """A stable code and a sentence."""

    code: str
    message: str


class Error(ServerMessage, frozen=True, tag="error"):
    """Something the client asked for was refused."""

    data: ErrorData


class AssistantChunkData(Data, frozen=True):
    """A piece of an answer; *offset* counts code points before it."""

    message_id: str
    offset: int
    chunk: str


class AssistantChunk(ServerMessage, frozen=True, tag="assistant_chunk"):
    """More of the answer that is being written."""

    data: AssistantChunkData


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
    | ModelCallCounted
    | PackagesRequested
    | AssistantMessage
    | AssistantChunk
    | SettingsChanged
    | FileDeleted
    | FileConflict
    | ProblemsReported
    | UnknownEvent
)
