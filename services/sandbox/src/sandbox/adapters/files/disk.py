"""How much disk a project's folders take, and an end for those that take too much.

Where a project has no disk of its own (`images.py`) somebody has to look, and between
two looks an app may go beyond its bound. To look at a folder is to walk through it:
that is done when the disk has become fuller, which costs nothing to know. Where it has
one the kernel keeps the bound, and somebody has to say so.
"""

import asyncio
import os
import time
from asyncio import TaskGroup
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from chassis import logs
from sandbox.adapters.files.images import Images
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.keeping.kept import Kept
from sandbox.domain.limits import Limits
from sandbox.ports import RuntimeFailed

_log = logs.get(__name__)

_STEP_BYTES = 67_108_864
"""The disk has become fuller by this much: look whose doing that is."""
_LONGEST_S = 30.0
"""It may have become fuller and emptier at once: look now and then in any case."""
_BLOCK_BYTES = 512
_PAUSE_S = 10.0
"""Between ending one app and the next, so that what the first had can go."""
_FULL = "The disk of this machine is nearly full"


class DiskGuard:
    """Knows which projects have too much on the disk, and when it is nearly full."""

    def __init__(
        self, layout: Layout, limits: Limits, images: Images | None = None
    ) -> None:
        self._layout = layout
        self._images = images
        self._limit = limits.disk_bytes
        self._spare = limits.spare_bytes
        self._step = min(_STEP_BYTES, limits.disk_bytes // 4)
        self._free = free_bytes(layout.root)
        self._looked = time.monotonic()
        self._ended = 0.0
        self._over: set[UUID] = set()
        self._full: set[UUID] = set()
        """Those who were told that their own disk is full."""

    async def admit(self, project_id: UUID) -> None:
        """Let a command start, unless there is no room for what it may write.

        Raises:
            RuntimeFailed: The disk is nearly full, or the project has too much on it.

        """
        if free_bytes(self._layout.root) < self._spare:
            raise RuntimeFailed(f"{_FULL}: nothing can be started now.")
        if project_id not in self._over:
            return
        if await asyncio.to_thread(self._is_over, project_id):
            raise RuntimeFailed(self._sentence("holds"))
        self._over.discard(project_id)

    async def look(
        self, running: Mapping[UUID, Collection[Kept]], to: TaskGroup
    ) -> None:
        """End, in tasks of *to*, what runs for projects that have too much."""
        await self._tell_full(running)
        free, now = free_bytes(self._layout.root), time.monotonic()
        if free < self._spare and now - self._ended > _PAUSE_S:
            self._ended = now
            await self._end_the_largest(running, to)
        self._free = max(self._free, free)
        if self._free - free < self._step and now - self._looked < _LONGEST_S:
            return
        self._free, self._looked = free, now
        for project_id in [one for one, mine in running.items() if mine]:
            if await asyncio.to_thread(self._is_over, project_id):
                _log.warning("a project has too much on the disk", id=str(project_id))
                self._over.add(project_id)
                for kept in list(running[project_id]):
                    to.create_task(kept.condemn(self._sentence("held")))

    async def _tell_full(self, running: Mapping[UUID, Collection[Kept]]) -> None:
        """Say to each app whose own disk has become full why it cannot write."""
        if self._images is None:
            return
        busy = {project_id for project_id, mine in running.items() if mine}
        full = {one for one in busy if self._images.full(self._layout.box(one).disk)}
        for project_id in full - self._full:
            _log.info("an app has filled its disk", id=str(project_id))
            for kept in list(running[project_id])[:1]:
                await kept.tell(self._images.sentence)
        self._full = full

    async def _end_the_largest(
        self, running: Mapping[UUID, Collection[Kept]], to: TaskGroup
    ) -> None:
        def used(project_id: UUID) -> int:
            return used_bytes(self._layout.box(project_id).disk.path)

        busy = [project_id for project_id, mine in running.items() if mine]
        if not busy:
            return
        largest = await asyncio.to_thread(max, busy, key=used)
        _log.warning("the disk is nearly full", ended=str(largest))
        for kept in list(running[largest]):
            to.create_task(kept.condemn(f"Stopped: {_FULL}, and this app had most."))

    def _is_over(self, project_id: UUID) -> bool:
        disk = self._layout.box(project_id).disk
        return not disk.image.exists() and used_bytes(disk.path) > self._limit

    def _sentence(self, word: str) -> str:
        size = self._limit >> 20
        return f"Stopped: the folder of the app {word} more than {size} MiB."


def free_bytes(folder: Path) -> int:
    """Return how much room is left where *folder* lies."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def used_bytes(path: "os.PathLike[str] | str") -> int:
    """Return what lies below *path* on its own file system; links are not followed."""
    total = 0
    device = None
    waiting: list[os.PathLike[str] | str] = [path]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                device = status.st_dev if device is None else device
                if status.st_dev != device:
                    continue
                total += status.st_blocks * _BLOCK_BYTES
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry)
    return total
