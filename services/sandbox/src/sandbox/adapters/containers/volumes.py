"""A template's packages as an engine mounts them: one volume for each overlay.

The engine mounts the overlay where its containers see it, and nobody else. All
containers of a project share the volume, because one folder must not be written through
two overlays at a time. It comes with the first of them and goes with the last one.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias
from uuid import UUID, uuid4

from chassis import logs
from sandbox.adapters.containers.container_body import Volume
from sandbox.adapters.containers.engine import Engine, EngineFailed
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.files.mounts import Overlay
from sandbox.ports import RuntimeFailed

_log = logs.get(__name__)

_Place: TypeAlias = tuple[int, int]
"""Device and inode of what is written over a template: folders are renamed."""
_SEPARATORS = frozenset(',:\\"')
"""Signs that the options of a mount have a meaning for."""


class Volumes:
    """Lends the overlay of a project to its containers."""

    def __init__(self, engine: Engine, layout: Layout, layers: Layers) -> None:
        self._engine = engine
        self._layout = layout
        self._layers = layers
        self._lent: dict[_Place, Volume] = {}
        self._handles: dict[str, int] = {}
        """Hold the folders of those: a number is not given again while one is open."""
        self._users: dict[str, int] = {}

    def lend(self, project_id: UUID) -> Volume | None:
        """Return what a container is to have below `node_modules`, if anything.

        Raises:
            RuntimeFailed: The template is gone.

        """
        overlay = self._layers.overlay(self._layout.box(project_id).layer)
        if overlay is None:
            return None
        options = _options(overlay)
        handle = os.open(overlay.upper, os.O_PATH | os.O_DIRECTORY)
        status = os.fstat(handle)
        place = (status.st_dev, status.st_ino)
        if place in self._lent:
            os.close(handle)
        else:
            name = f"atelier-{self._engine.installation[:8]}-{uuid4().hex[:12]}"
            self._lent[place] = Volume(name, options)
            self._handles[name] = handle
        volume = self._lent[place]
        self._users[volume.name] = self._users.get(volume.name, 0) + 1
        return volume

    async def give_back(self, volume: Volume) -> None:
        """Take note that a container of those that had it is removed."""
        self._users[volume.name] -= 1
        if self._users[volume.name]:
            return
        del self._users[volume.name]
        os.close(self._handles.pop(volume.name))
        for place in [one for one, lent in self._lent.items() if lent is volume]:
            del self._lent[place]
        try:
            await self._engine.remove_volume(volume.name)
        except EngineFailed as exc:
            _log.info("a volume is left for later", name=volume.name, reason=str(exc))

    async def reap(self) -> int:
        """Remove the volumes of this installation that nobody has.

        Raises:
            EngineFailed: The engine does not answer.

        """
        left = [one for one in await self._engine.volumes() if one not in self._users]
        for name in left:
            # One that is still in use is left over for the next time.
            with suppress(EngineFailed):
                await self._engine.remove_volume(name)
        return len(left)


def _options(overlay: Overlay) -> str:
    named = {
        "lowerdir": overlay.lower,
        "upperdir": overlay.upper,
        "workdir": overlay.work,
    }
    # The same attributes that whoever is not root may set: another runtime of this
    # service may have written what lies there, or may go on with it.
    words = [f"{option}={_plain(path)}" for option, path in named.items()]
    return ",".join(["nosuid", "nodev", *words, "userxattr"])


def _plain(path: Path) -> str:
    if _SEPARATORS & set(str(path)):
        raise RuntimeFailed(f"An overlay cannot be mounted from {path}.")
    return str(path)
