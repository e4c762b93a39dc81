"""What the application needs from the world: folders, processes, a project's files."""

import socket
from asyncio import Event
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from contracts.requests import Manifest, Variables
from sandbox.domain.output import Stream
from sandbox.domain.page import Finding
from sandbox.domain.template import Template


class Isolation(Struct, frozen=True):
    """What keeps an app apart from the machine; everything False is said plainly."""

    name: Literal["docker", "kubernetes", "bubblewrap", "process"]
    files: bool
    """It sees its own folder and system programs, nothing else."""
    processes: bool
    """It sees and can signal its own processes only."""
    network: bool
    """It has no network but the preview; installs reach package registries alone."""
    own_user: bool
    """It runs as a user that owns nothing else."""
    system_calls: bool
    """System calls that only attack the kernel are refused."""
    memory: bool
    """Its memory has a bound, which it may pass for a moment."""

    @property
    def is_apart(self) -> bool:
        """Whether an app reaches nothing of this machine that is not its own."""
        return self.files and self.processes and self.network

    @property
    def summary(self) -> str:
        """Return one sentence that leaves nothing out."""
        words = {
            "files": self.files,
            "processes": self.processes,
            "network": self.network,
            "user": self.own_user,
            "system calls": self.system_calls,
            "memory": self.memory,
        }
        apart = ", ".join(name for name, is_apart in words.items() if is_apart)
        shared = ", ".join(name for name, is_apart in words.items() if not is_apart)
        return (
            f"{self.name}; isolated: {apart or 'nothing'}; "
            f"shared with this machine: {shared or 'nothing of these'}; "
            f"disk: watched, not bounded by the kernel"
        )


class Command(Struct, frozen=True):
    """Something to run in a sandbox.

    `argv[0]` is `node`, `npm`, `bun`, `python`, `uv`, `chromium`, or a path inside the
    project's folder.
    """

    argv: tuple[str, ...]
    serves: bool = False
    """It listens on a port: the variable PORT, and `{port}` in its arguments."""
    installs: bool = False
    """It may reach the package registries and use their cache."""
    reaches: tuple[str, int] | None = None
    """The one address of this machine that it can connect to, as `{way}` on its own
    loopback; only where commands have a network of their own."""
    variables: Mapping[str, str] = {}
    """Its environment, beside what makes it run at all, which goes before."""


OnOutput = Callable[[Stream, bytes], Awaitable[None]]
"""Takes output as it comes; the program waits while this waits."""


class RuntimeFailed(Exception):
    """The command could not even be started; one sentence says why."""


class Unreachable(ConnectionError):
    """The app does not listen now: it is starting, or has ended."""


class Fetched(Struct, frozen=True):
    """What a server has answered."""

    status: int
    content_type: str
    body: bytes
    """Its beginning, where it is very long."""
    is_whole: bool = True


class Process(Protocol):
    """One running command and everything that it has started."""

    @property
    def ended(self) -> bool:
        """Whether it has ended; nothing of it is left then."""
        ...

    @property
    def cause(self) -> str:
        """Why it was ended, in a few words; empty where it chose its end itself."""
        ...

    async def wait(self) -> int:
        """Return the exit code, 128 and more where a signal ended it.

        All of its output was handed over before.
        """
        ...

    async def connect(self) -> socket.socket:
        """Return a connection to the server, which does not block.

        Raises:
            Unreachable: Nobody listens.

        """
        ...

    async def ask(self, host: str) -> int:
        """Return the status with which the server answers `GET /` for *host*.

        Raises:
            Unreachable: Nobody listens, or the answer is no HTTP.

        """
        ...

    async def fetch(self, host: str, target: str, accept: str) -> Fetched:
        """Return what the server answers to `GET` *target*, whatever that is.

        Raises:
            Unreachable: Nobody listens, or the answer is no HTTP.

        """
        ...

    def attended(self, host: str) -> AbstractAsyncContextManager[Event]:
        """Be an open page of the dev server meanwhile, so that no visitor is the first.

        The event says that the server has noticed that files have changed.
        """
        ...

    async def stop(self) -> None:
        """Ask it to end, insist after 3 s, and return when nothing of it is left."""
        ...


class Runtime(Protocol):
    """Runs commands apart from everything else on this machine."""

    @property
    def isolation(self) -> Isolation:
        """What is in force."""
        ...

    @property
    def has_uv(self) -> bool:
        """Whether `uv` is there, which installs Python packages faster than pip."""
        ...

    @property
    def has_browser(self) -> bool:
        """Whether `chromium` can be started, and reaches nothing but what it may."""
        ...

    @property
    def has_bun(self) -> bool:
        """Whether `bun` is there, which installs npm's packages faster than npm."""
        ...

    async def launch(
        self, project_id: UUID, command: Command, on_output: OnOutput
    ) -> Process:
        """Start *command* in the project's folder.

        Raises:
            RuntimeFailed: It cannot be started.

        """
        ...

    async def end_all(self, project_id: UUID) -> None:
        """End every process of the project, of whichever instance of this service."""
        ...

    async def recover(self) -> int:
        """End what earlier instances have left, before anything is launched.

        Return how much that was.

        Raises:
            RuntimeFailed: That cannot be known now.

        """
        ...

    async def watch(self) -> None:
        """Look after what runs, and end what nobody has, until cancelled."""
        ...

    async def close(self) -> None:
        """End every process that this instance has started."""
        ...


@runtime_checkable
class Adopter(Protocol):
    """A runtime whose commands can change hands while they run."""

    def adopt(self, spare: UUID, project_id: UUID) -> None:
        """Count the commands of *spare* as the project's, who has its folders now."""
        ...


@runtime_checkable
class Heir(Protocol):
    """A runtime in which what a controller has made outlives that controller."""

    def strays(self) -> Collection[UUID]:
        """Return the projects that other controllers have made something for."""
        ...

    async def reap(self, project_id: UUID) -> None:
        """Remove what others have made for a project, which has to be ours."""
        ...


class FolderState(Struct, frozen=True):
    """What is known of a folder; it survives a restart."""

    epoch: int = 0
    """The highest that was seen in a request."""
    version: int = 0
    """The project's version whose files are here."""
    files: dict[str, str] = {}
    """SHA-256 of each file that we wrote, by path."""
    installed: str | None = None
    """Digest of what was installed last."""


class BadFolder(Exception):
    """Something in the sandbox's folder is in the way; one sentence says what."""


class Folder(Protocol):
    """The folder of one project. Whatever lies in it is hostile."""

    async def state(self) -> FolderState:
        """Return what was saved last; the defaults where nothing was."""
        ...

    async def save(self, state: FolderState) -> None:
        """Keep *state*; on return it survives a power cut."""
        ...

    async def apply(
        self, writes: Mapping[str, bytes], deletes: Collection[str]
    ) -> None:
        """Delete, then write; each file appears as a whole or not at all.

        Raises:
            BadFolder: The disk is full, or a name cannot be written.

        """
        ...

    async def lacks(self, paths: Collection[str]) -> set[str]:
        """Return those *paths* that are no regular files."""
        ...

    async def read(self, paths: Collection[str], max_bytes: int) -> dict[str, bytes]:
        """Return the contents of the regular files of at most *max_bytes* each."""
        ...

    async def has_folder(self, name: str) -> bool:
        """Tell whether there is a folder of this name at the top, or is laid there."""
        ...

    async def lay(self, key: str, hidden: Sequence[str]) -> None:
        """Put a template's packages where `node_modules` is, without those *hidden*.

        Nothing of what was there is left. No command of the project may be running.

        Raises:
            BadFolder: The disk is full, or the template is gone.

        """
        ...

    async def adopt(self, spare: UUID) -> None:
        """Take over the folders of a spare, and what runs in them, as they are.

        What was here before is gone; the state stays.

        Raises:
            BadFolder: It cannot be done.

        """
        ...

    async def keep_screenshot(self, jpeg: bytes) -> None:
        """Put how the app looks in the place of how it looked before.

        Where there is no folder any more, or no room, nothing is kept.
        """
        ...

    async def screenshot(self, max_bytes: int) -> bytes | None:
        """Return what was kept; None where nothing was, or more than *max_bytes*."""
        ...

    async def lift(self) -> None:
        """Take away what was laid, and what was added to it, if there is any."""
        ...

    async def remove(self) -> None:
        """Delete everything, the state too."""
        ...


class Folders(Protocol):
    """All folders of this machine."""

    def open(self, project_id: UUID) -> Folder:
        """Return the folder of a project, whether it exists or not."""
        ...

    def list_own(self) -> list[UUID]:
        """Return the projects that have a folder."""
        ...

    def open_spare(self) -> tuple[UUID, Folder]:
        """Return an id and a folder that belong to no project, and end with us."""
        ...


class Recipe(Struct, frozen=True):
    """What a template is made of."""

    name: str
    key: str
    """A digest of everything else: another content is another key."""
    files: Mapping[str, bytes]
    """A package.json, its package-lock.json, and an app that uses the packages."""

    @property
    def is_tool(self) -> bool:
        """Whether it is a program for the service, and not packages for apps."""
        return "index.html" not in self.files


class BadTemplate(Exception):
    """What was made is not what it should be; one sentence says why."""


class Templates(Protocol):
    """Packages that are installed before anybody asks for them."""

    @property
    def recipes(self) -> Sequence[Recipe]:
        """Return all that there should be, those first that are needed most."""
        ...

    def is_whole(self, recipe: Recipe) -> bool:
        """Tell whether it is there."""
        ...

    def ready(self) -> Sequence[Template]:
        """Return those that can be laid."""
        ...

    def claim(self, recipe: Recipe) -> AbstractAsyncContextManager[bool]:
        """Tell whether we may make it; meanwhile nobody else does."""
        ...

    async def publish(self, recipe: Recipe, spare: UUID) -> None:
        """Check what was installed in a spare folder, and take it from there.

        Raises:
            BadTemplate: It is not what it should be.

        """
        ...

    async def collect(self) -> None:
        """Remove templates that nobody has wanted for a week, and unfinished ones."""
        ...


class ProjectGone(Exception):
    """The project was deleted, or there never was one."""


class ProjectFiles(Protocol):
    """Those who know what a project consists of."""

    async def manifest(self, project_id: UUID) -> Manifest:
        """Return what the folder should hold.

        Raises:
            ProjectGone: It should not exist.
            Unavailable: Nobody answers.

        """
        ...

    async def variables(self, project_id: UUID) -> Variables:
        """Return what the app finds in its environment.

        Raises:
            Unavailable: Nobody answers.

        """
        ...

    async def contents(
        self, project_id: UUID, paths: Sequence[str]
    ) -> dict[str, bytes]:
        """Return those *paths* that exist, as many as fit into an answer.

        Raises:
            ProjectGone: It should not exist.
            Unavailable: Nobody answers.

        """
        ...


class Owner(Struct, frozen=True):
    """One of several controllers."""

    id: UUID
    host: str
    """Where the others reach its previews."""
    port: int


class Owners(Protocol):
    """Which controller has which project; nobody but that one touches its sandbox."""

    @property
    def me(self) -> UUID | None:
        """Our own name, by which the others ask us; None where there are none."""
        ...

    def is_ours(self, project_id: UUID) -> bool:
        """Whether it is ours at this moment."""
        ...

    @property
    def held(self) -> Collection[UUID]:
        """Return what is to be given back as soon as it is not used."""
        ...

    async def claim(self, project_id: UUID) -> Owner | None:
        """Take a project that nobody has; return who has it, None for ourselves.

        Raises:
            Unavailable: That cannot be known now.

        """
        ...

    async def release(self, project_id: UUID) -> None:
        """Give a project back; nothing of it may be running."""
        ...

    async def run(self, lost: Callable[[UUID], None]) -> None:
        """Keep what is ours, until cancelled; *lost* is called for what no longer is.

        What runs for it has to end at once then: another controller may begin.
        """
        ...

    async def close(self) -> None:
        """Give everything back, and take nothing any more."""
        ...


class Pictures(Protocol):
    """How apps look, where several controllers have to know it of each other's."""

    async def keep(self, project_id: UUID, jpeg: bytes) -> None:
        """Put a picture in the place of the one before, if that can be done now."""
        ...

    async def find(self, project_id: UUID) -> bytes | None:
        """Return the last picture; None where none can be had now."""
        ...

    async def forget(self, project_id: UUID) -> None:
        """Let go of the picture of a project that has come to its end.

        Raises:
            Unavailable: That cannot be done now.

        """
        ...


class Look(Struct, frozen=True):
    """What was seen of a page."""

    findings: list[Finding]
    """What is wrong with it."""
    jpeg: bytes | None
    """How it looks, in a `contracts.sandbox.Screenshot`; None: it did not load."""


class Browser(Protocol):
    """Looks at previews as a person's browser would, and sees what goes wrong."""

    async def look(self, project_id: UUID, url: str) -> Look | None:
        """Return what the page at *url*, a preview of the project, looks like.

        None where there is no browser that can look, or it could not. It has no
        network but the preview, and bounds of time and size.
        """
        ...


class LogSink(Protocol):
    """The people who watch."""

    def show(self, project_id: UUID, stream: Stream, content: str) -> None:
        """Send whole lines to whoever looks at them now."""
        ...
