"""What containers of an engine can do, seen by starting one as for an app."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4

from msgspec import Struct

from chassis import logs
from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.images import Images
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.domain.output import Stream
from sandbox.ports import BadFolder, Command, Folder, Runtime, RuntimeFailed

_log = logs.get(__name__)

_END_S = 15.0
_TOOLS = ("node", "npm", "python3", "uv")
_TEMPLATE = "trial"
_SEEN, _HIDDEN = "seen-by-an-overlay", "hidden-by-an-overlay"
_WATCHING, _NOTICED = "watching", "noticed"
# With the calls of inotify(7): 128 is what a rename into the folder is.
_WATCH = f"""
import ctypes, select
libc = ctypes.CDLL(None)
handle = libc.inotify_init()
libc.inotify_add_watch(handle, b".", 128)
print("{_WATCHING}", flush=True)
if select.select([handle], [], [], 2)[0]: print("{_NOTICED}")
"""
_SCRIPT = (
    f"for name in {' '.join(_TOOLS)}; do command -v $name; done;"
    "ls node_modules 2>/dev/null && touch node_modules/written;"
    f"python3 -I -S -c '{_WATCH}'; true"
)

Make: TypeAlias = Callable[[Layout, Layers, asyncio.TaskGroup], Runtime]
"""Makes the runtime that is tried."""


class Found(Struct, frozen=True):
    """What was seen."""

    has_uv: bool
    overlays: bool
    """Whether the engine mounts them, from folders of this machine."""
    notices: bool
    """Whether a program is told when the service writes a file."""
    images: bool
    """Whether it has the disks that are mounted by the service."""


async def look(make: Make, root: Path, images: Images | None) -> Found:
    """Try an overlay on a disk of *images*, and where that fails with less.

    Everything lies in a folder below *root* that is removed again.

    Raises:
        RuntimeFailed: No container works, so no app could.

    """
    async with _place(root) as layout:
        said = await _said(make, layout, images, overlays=True)
        overlays = _shows_overlay(said)
        if images is not None and not overlays:
            _log.info("containers have no disks of ours", reason=said)
            images = None
            said = await _said(make, layout, None, overlays=True)
            overlays = _shows_overlay(said)
        if not overlays:
            _log.info("the engine mounts no overlays", reason=said)
            said = await _said(make, layout, None, overlays=False)
    if isinstance(said, str):
        raise RuntimeFailed(said)
    return Found("uv" in said, overlays, _NOTICED in said, images is not None)


def _shows_overlay(said: set[str] | str) -> bool:
    return _SEEN in said and _HIDDEN not in said


@asynccontextmanager
async def _place(root: Path) -> AsyncIterator[Layout]:
    folder = root / f"trial-{uuid4().hex}"
    layout = Layout(folder)
    layout.make()
    try:
        modules = Layers(layout, None).modules(_TEMPLATE)
        modules.mkdir(parents=True)
        for name in (_SEEN, _HIDDEN):
            (modules / name).touch()
        for path in (modules.parent, modules):
            path.chmod(0o755)
        yield layout
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _said(
    make: Make, layout: Layout, images: Images | None, *, overlays: bool
) -> set[str] | str:
    """Return the names that a container prints, or why it prints none."""
    layers = Layers(layout, None, mounted_elsewhere=overlays)
    async with asyncio.TaskGroup() as tasks:
        runtime = make(layout, layers, tasks)
        try:
            return await _printed(runtime, layout, layers, images)
        except (RuntimeFailed, BadFolder) as exc:
            return str(exc)
        finally:
            await runtime.close()


async def _printed(
    runtime: Runtime, layout: Layout, layers: Layers, images: Images | None
) -> set[str]:
    own, project_id = runtime.isolation.own_user, uuid4()
    folders = DiskFolders(layout, own_users=own, layers=layers, images=images)
    folder = folders.open(project_id)
    try:
        return await _printed_in(folder, runtime, project_id)
    finally:
        await folder.remove()


async def _printed_in(folder: Folder, runtime: Runtime, project_id: UUID) -> set[str]:
    said: list[bytes] = []

    async def take(_: Stream, data: bytes) -> None:
        said.append(data)
        if data.endswith(f"{_WATCHING}\n".encode()):
            await folder.apply({"changed": b""}, ())

    await folder.lay(_TEMPLATE, [_HIDDEN])
    process = await runtime.launch(project_id, Command(("sh", "-c", _SCRIPT)), take)
    try:
        async with asyncio.timeout(_END_S):
            code = await process.wait()
    except TimeoutError as exc:
        raise RuntimeFailed("A container does not come to its end.") from exc
    text = b"".join(said).decode(errors="replace").strip()
    if code != 0:
        raise RuntimeFailed(f"A container does not work (exit code {code}): {text}")
    return {Path(line).name for line in text.split()}
