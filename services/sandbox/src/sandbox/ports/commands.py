"""Running commands apart from everything else on this machine."""

import socket
from asyncio import Event
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from sandbox.domain.output import Stream


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
    disk: bool = False
    """What it writes has a bound that the kernel keeps; otherwise somebody looks."""

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
        disk = "bounded" if self.disk else "watched, not bounded"
        shared = ", ".join(name for name, is_apart in words.items() if not is_apart)
        return (
            f"{self.name}; isolated: {apart or 'nothing'}; "
            f"shared with this machine: {shared or 'nothing of these'}; "
            f"disk: {disk} by the kernel"
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
"""Takes output as it comes, and nothing at its end; the program waits while this
waits."""


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

    async def expect_installs(self) -> None:
        """Find out what installs have to know, so that the first need not wait."""
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
