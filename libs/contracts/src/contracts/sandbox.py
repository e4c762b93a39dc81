"""What the agent asks of the sandbox service, and what it is told.

Every request names the operation it belongs to. A long operation is asked for again
until it is over (the answer meanwhile is Pending): asking twice starts it once, and a
controller that was restarted in between starts it anew.
"""

from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from contracts.project import Problem


class SandboxCommand(Struct, frozen=True, tag_field="type"):
    """A request about one project's sandbox."""


class SyncFiles(SandboxCommand, frozen=True, tag="sync_files"):
    """Make the folder equal the project's files at *version* or later.

    The controller asks the agent for the manifest and for what it lacks.
    """

    version: int


class InstallDependencies(SandboxCommand, frozen=True, tag="install_dependencies"):
    """Install what the app's manifest files and the model's requests name."""


class StartServer(SandboxCommand, frozen=True, tag="start_server"):
    """Start the app, or leave it running, and wait until it answers."""


class CheckApp(SandboxCommand, frozen=True, tag="check_app"):
    """Say what is wrong with the app that runs: types, crashes, HTTP, its console."""


class CancelOperation(SandboxCommand, frozen=True, tag="cancel_operation"):
    """Kill the commands under way; files and a running app stay."""


class RemoveSandbox(SandboxCommand, frozen=True, tag="remove_sandbox"):
    """Stop everything and delete the folder; legal in every state."""


SandboxOperation: TypeAlias = (
    SyncFiles
    | InstallDependencies
    | StartServer
    | CheckApp
    | CancelOperation
    | RemoveSandbox
)


class SandboxRequest(Struct, frozen=True):
    """An operation on its way to the sandbox service."""

    project_id: UUID
    epoch: int
    """The driver's fencing token; a lower one than seen before is refused."""
    key: str
    """Names the operation, after its run and a colon: the same key is the same one."""
    operation: SandboxOperation


class Pending(Struct, frozen=True, tag="pending"):
    """Under way: ask again with the same key."""


class Synced(Struct, frozen=True, tag="synced"):
    """The folder holds *count* files of *version*."""

    count: int
    version: int


class Installed(Struct, frozen=True, tag="installed"):
    """Done; *manifest* is the digest of what was asked to be installed."""

    manifest: str
    skipped: bool
    """Nothing to install: no manifest file, or the same as before."""


class Running(Struct, frozen=True, tag="running"):
    """The app answers at *url*."""

    url: str
    sandbox_id: str


class Problems(Struct, frozen=True, tag="problems"):
    """What is wrong with the app; nothing, where it works as far as one can see."""

    problems: list[Problem]


class Done(Struct, frozen=True, tag="done"):
    """Nothing more to tell: the operation was cancelled, or the sandbox removed."""


class Failed(Struct, frozen=True, tag="failed"):
    """The operation ended badly."""

    reason: str
    """One sentence a person can act on."""
    log_tail: str = ""
    """The last lines of output, for a person and for the model."""
    problems: list[Problem] = []
    """The same in parts, where the service can tell them."""


class GetIsolation(Struct, frozen=True):
    """How are apps kept apart? About no project."""


class IsolationTold(Struct, frozen=True, tag="isolation"):
    """What is in force where apps run."""

    name: str
    """What runs them, such as ``bubblewrap`` or ``docker``."""
    is_apart: bool
    """They reach neither files nor processes nor the network of the machine."""
    summary: str
    """One sentence that leaves nothing out."""


class GetOpening(Struct, frozen=True):
    """Where will the app of a project be seen? Asked by the api alone."""

    project_id: UUID


class OpeningTold(Struct, frozen=True, tag="opening"):
    """The address of a page that becomes the app as soon as there is one to show."""

    url: str


MAX_SCREENSHOT_BYTES = 200_000
"""Of 640 by 400 points as JPEG there are 10 to 60 kB."""
_JPEG_BEGINS, _JPEG_ENDS = b"\xff\xd8\xff", b"\xff\xd9"


class GetScreenshot(Struct, frozen=True):
    """How did the app of a project look last? Asked by the api alone."""

    project_id: UUID


class Screenshot(Struct, frozen=True, tag="screenshot"):
    """How an app looked when it was checked last; hostile code may have drawn it.

    Raises:
        ValueError: It is no JPEG from its first byte to its last, or too large.

    """

    jpeg: bytes | None
    """None: nobody here has seen it."""

    def __post_init__(self) -> None:
        """Let nothing but a JPEG come in or go out."""
        if self.jpeg is None:
            return
        if len(self.jpeg) > MAX_SCREENSHOT_BYTES:
            raise ValueError("the picture is too large")
        if not self.jpeg.startswith(_JPEG_BEGINS) or not self.jpeg.endswith(_JPEG_ENDS):
            raise ValueError("the picture is no JPEG")


class StaleEpoch(Struct, frozen=True, tag="stale_epoch"):
    """A later driver was here; whoever asked must stop at once."""

    epoch: int


SandboxAnswer: TypeAlias = (
    Pending | Synced | Installed | Running | Problems | Done | Failed | StaleEpoch
)

LogStream: TypeAlias = Literal["stdout", "stderr"]
