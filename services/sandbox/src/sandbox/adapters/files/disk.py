"""How much disk a project's folders take, and an end for those that take too much.

There is no quota that every machine can give, so somebody has to look, and between two
looks an app may go beyond its bound. To look at a folder is to walk through it: that is
done when the disk has become fuller, which costs nothing to know.
"""

import asyncio
import os
import time
from asyncio import TaskGroup
from collections.abc import Collection, Mapping
from contextlib import suppress
from uuid import UUID

from chassis import logs
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.keeping.kept import Kept
from sandbox.ports import RuntimeFailed

_log = logs.get(__name__)

_STEP_BYTES = 67_108_864
"""The disk has become fuller by this much: look whose doing that is."""
_LONGEST_S = 30.0
"""It may have become fuller and emptier at once: look now and then in any case."""
_BLOCK_BYTES = 512


class DiskGuard:
    """Knows which projects have more than *limit_bytes* on the disk."""

    def __init__(self, layout: Layout, limit_bytes: int) -> None:
        self._layout = layout
        self._limit = limit_bytes
        self._step = min(_STEP_BYTES, limit_bytes // 4)
        self._free = _free_bytes(layout)
        self._looked = time.monotonic()
        self._over: set[UUID] = set()

    async def admit(self, project_id: UUID) -> None:
        """Let a command start, unless its project has had too much and still has it.

        Raises:
            RuntimeFailed: It has.

        """
        if project_id not in self._over:
            return
        if await asyncio.to_thread(self._is_over, project_id):
            raise RuntimeFailed(self._sentence("holds"))
        self._over.discard(project_id)

    async def look(
        self, running: Mapping[UUID, Collection[Kept]], to: TaskGroup
    ) -> None:
        """End, in tasks of *to*, what runs for projects that have too much."""
        free, now = _free_bytes(self._layout), time.monotonic()
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

    def _is_over(self, project_id: UUID) -> bool:
        return used_bytes(self._layout.box(project_id).path) > self._limit

    def _sentence(self, word: str) -> str:
        size = self._limit >> 20
        return f"Stopped: the folder of the app {word} more than {size} MiB."


def _free_bytes(layout: Layout) -> int:
    status = os.statvfs(layout.root)
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
