"""Overlays in a mount namespace of the service's own; see `mounter.py`."""

import asyncio
import json
import os
import shutil
import socket
import tempfile
from asyncio.subprocess import Process
from pathlib import Path

from msgspec import Struct

from chassis import logs
from sandbox.adapters.files.mounter import Wish
from sandbox.adapters.keeping.launch import is_root
from sandbox.adapters.toolbox import Toolbox

_log = logs.get(__name__)

_MOUNTER = Path(__file__).with_name("mounter.py")
_ANSWER_S = 10.0
_LINE_BYTES = 4096


class CannotMount(Exception):
    """The kernel refused; one sentence says why."""


class Overlay(Struct, frozen=True):
    """A read-only folder, and what is written over it."""

    lower: Path
    upper: Path
    work: Path
    target: Path

    def make(self) -> None:
        """Create the folders that are ours."""
        for folder in (self.upper, self.work, self.target):
            folder.mkdir(parents=True, exist_ok=True)


class Mounts:
    """The namespace, and what is mounted in it."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._asking = asyncio.Lock()
        self._mounted: set[Path] = set()

    @property
    def entry(self) -> list[str]:
        """The words before a command that let it see what is mounted."""
        pid = str(self._process.pid)
        user = [] if is_root() else ["--user", "--preserve-credentials"]
        return ["nsenter", *user, "--mount", "--target", pid, "--"]

    async def mount(self, overlay: Overlay) -> None:
        """Mount it, unless that was done before.

        Raises:
            CannotMount: The kernel refused.

        """
        async with self._asking:
            if overlay.target in self._mounted:
                return
            names = {name: str(getattr(overlay, name)) for name in Wish.__annotations__}
            await self._ask(Wish(**names))  # type: ignore[typeddict-item]
            self._mounted.add(overlay.target)

    async def unmount(self, target: Path) -> None:
        """Take it away; commands that still look at it keep it until they end."""
        async with self._asking:
            if target in self._mounted:
                self._mounted.discard(target)
                await self._ask(Wish(target=str(target), lower="", upper="", work=""))

    async def _ask(self, wish: Wish) -> None:
        loop = asyncio.get_running_loop()
        answer = b""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await loop.sock_sendall(
                    self._control, json.dumps(wish).encode() + b"\n"
                )
                while not answer.endswith(b"\n"):
                    piece = await loop.sock_recv(self._control, _LINE_BYTES)
                    if not piece:
                        raise CannotMount("the mounter is gone")
                    answer += piece
        except OSError as exc:
            raise CannotMount(str(exc) or "the mounter does not answer") from exc
        if answer.strip():
            raise CannotMount(answer.decode(errors="replace").strip())

    async def watch(self) -> None:
        """Wait until cancelled.

        Raises:
            CannotMount: The namespace is gone. Nothing can be started from here on:
                whoever starts us makes another one.

        """
        await self._process.wait()
        raise CannotMount("the mounter has ended")

    async def close(self) -> None:
        """End the namespace as soon as nothing runs in it."""
        self._control.close()
        await self._process.wait()


async def find_mounts(root: Path, tools: Toolbox) -> Mounts | None:
    """Return a namespace in which overlays below *root* were seen to work, or None."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        _log.info("overlays need unshare and nsenter")
        return None
    mounts = await _start(tools)
    try:
        reason = await _probe(mounts, root)
    except CannotMount as exc:
        reason = str(exc)
    if reason is None:
        return mounts
    _log.info("overlays cannot be had here", reason=reason)
    await mounts.close()
    return None


async def _start(tools: Toolbox) -> Mounts:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    user = [] if is_root() else ["--user", "--map-root-user"]
    words = ["unshare", *user, "--mount", "--propagation", "slave", "--"]
    python = [str(tools.python), "-I", "-S", str(_MOUNTER)]
    try:
        process = await asyncio.create_subprocess_exec(
            *(*words, *python, str(theirs.fileno())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    finally:
        theirs.close()
    return Mounts(process, ours)


async def _probe(mounts: Mounts, root: Path) -> str | None:
    """See a file of the lower folder, and one that is hidden, through an overlay."""
    with tempfile.TemporaryDirectory(dir=root, prefix="overlay-") as folder:
        base = Path(folder)
        names = ("lower", "upper", "work", "target")
        overlay = Overlay(*(base / name for name in names))
        overlay.make()
        overlay.lower.mkdir()
        for name in ("seen", "hidden"):
            (overlay.lower / name).touch()
        try:
            hide(overlay.upper / "hidden")
        except OSError as exc:
            return f"nothing can be hidden: {exc.strerror}"
        await mounts.mount(overlay)
        seen = await _look(mounts, overlay.target)
        await mounts.unmount(overlay.target)
        shutil.rmtree(overlay.work, onerror=_remove_anyway)
    return None if seen == ["seen"] else "what was mounted is not seen"


async def _look(mounts: Mounts, folder: Path) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(*mounts.entry, "ls", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode().split()


def _remove_anyway(_: object, path: str, __: object) -> None:
    """Remove the folder that an overlay leaves, which nobody may look into."""
    os.rmdir(path)  # noqa: PTH106 - what shutil hands over is text


def hide(path: Path) -> None:
    """Make what lies below *path* in an overlay invisible.

    Raises:
        OSError: The kernel is too old for whoever is not root, or the disk is full.

    """
    os.mknod(path, 0o020000, 0)
