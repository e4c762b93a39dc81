"""Sandboxes whose dev server runs already: a project gets one by writing its files.

Each belongs to one project at most, from its first file to its end. None ever comes
back, because whoever had it may have left anything in it.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from uuid import UUID

from msgspec import Struct

from chassis import logs
from sandbox.application.commands import Commands
from sandbox.application.loads import Loads
from sandbox.application.output import Output
from sandbox.application.readiness import loaded_by, rehearse
from sandbox.application.trouble import Troubled
from sandbox.domain.apps.app import App
from sandbox.domain.apps.detect import detect
from sandbox.domain.apps.install import SEED
from sandbox.domain.apps.spare import fits
from sandbox.domain.apps.template import Template
from sandbox.domain.previews.pages import OPENING_SCRIPT
from sandbox.ports import (
    Adopter,
    BadFolder,
    Fetched,
    Folder,
    Folders,
    LogSink,
    Process,
    Runtime,
    Templates,
)

_log = logs.get(__name__)

_LOOK_S = 5.0
_REST_S = 2.0
"""Projects go first: nothing was done for any of them for so long."""
_LONGEST_S = 20.0
"""Somebody may always be working."""
_GIVE_UP_S = 60.0


class Spare(Struct, frozen=True):
    """A sandbox that nobody has yet."""

    id: UUID
    folder: Folder
    template: Template
    app: App
    files: Mapping[str, bytes]
    process: Process
    output: Output
    opening: Mapping[str, Fetched]
    """What its server has answered to whoever loads its packages."""

    def is_over(self, ready: Sequence[Template]) -> bool:
        """Tell whether it is of no use, or would be of less than a new one."""
        return self.process.ended or (bool(ready) and ready[0].key != self.template.key)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, by path."""
        return {
            path: hashlib.sha256(data).hexdigest() for path, data in self.files.items()
        }


class Pool:
    """At most *size* spares, all of the first template that there is."""

    def __init__(
        self,
        templates: Templates,
        folders: Folders,
        runtime: Runtime,
        adopter: Adopter,
        sink: LogSink,
        *,
        size: int,
    ) -> None:
        self._templates = templates
        self._folders = folders
        self._runtime = runtime
        self._adopter = adopter
        self._sink = sink
        self._size = size
        self._spares: list[Spare] = []
        self._taken = asyncio.Event()
        self._steps = 0
        """How much is being done for projects."""
        self._rests = asyncio.Event()
        self._rests.set()
        self._rests_since = -math.inf
        self.opening: Mapping[str, Fetched] = {}
        """What a page may run in whose place an app will open, by its address."""

    @property
    def waiting(self) -> int:
        """How many there are to be had."""
        return sum(not spare.process.ended for spare in self._spares)

    async def run(self) -> None:
        """Keep the pool filled, until cancelled."""
        while True:
            pause_s = _LOOK_S
            try:
                await self._fill()
            except (Troubled, BadFolder) as exc:
                _log.warning("no sandbox could be made ready", reason=str(exc))
                pause_s = _GIVE_UP_S
            except Exception:  # noqa: BLE001 - apps can do without it
                _log.exception("no sandbox could be made ready")
                pause_s = _GIVE_UP_S
            self._taken.clear()
            try:
                async with asyncio.timeout(pause_s):
                    await self._taken.wait()
            except TimeoutError:
                pass

    async def _fill(self) -> None:
        ready = self._templates.ready()
        for spare in [one for one in self._spares if one.is_over(ready)]:
            self._spares.remove(spare)
            await self._discard(spare.id, spare.folder)
        while ready and len(self._spares) < self._size:
            await self._go_last()
            self._spares.append(await self._make(ready[0]))

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Make nothing while this is done for a project, nor for a moment after it."""
        self._steps += 1
        self._rests.clear()
        try:
            yield
        finally:
            self._steps -= 1
            if not self._steps:
                self._rests_since = time.monotonic()
                self._rests.set()

    async def _go_last(self) -> None:
        """Wait until nothing is done for any project, or that has taken too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_S):
                while True:
                    await self._rests.wait()
                    left_s = self._rests_since + _REST_S - time.monotonic()
                    if left_s <= 0:
                        return
                    await asyncio.sleep(left_s)

    async def _make(self, template: Template) -> Spare:
        (recipe,) = (one for one in self._templates.recipes if one.key == template.key)
        files = {path: text for path, text in recipe.files.items() if path != SEED}
        app = detect({path: text.decode() for path, text in files.items()})
        spare, folder = self._folders.open_spare()
        output = Output(spare, self._sink, asyncio.Event())
        try:
            await folder.apply(files, ())
            await folder.lay(template.key, ())
            commands = Commands(spare, self._runtime, output)
            process = await commands.serve(app.argv, "localhost", {}, Loads())
            opening = await loaded_by(process, "localhost", OPENING_SCRIPT)
            sources = {path: it for path, it in files.items() if _is_source(path)}
            write = partial(folder.apply, sources, ())
            await rehearse(process, "localhost", write, Loads((), opening))
        except BaseException:
            await self._discard(spare, folder)
            raise
        self.opening = opening
        parts = {path: one for path, one in opening.items() if path != OPENING_SCRIPT}
        return Spare(spare, folder, template, app, files, process, output, parts)

    async def _discard(self, spare: UUID, folder: Folder) -> None:
        await self._runtime.end_all(spare)
        await folder.remove()

    def take(
        self, files: Mapping[str, bytes], packages: Collection[str]
    ) -> Spare | None:
        """Return a spare that shows *files* once it has them; nobody else gets it."""
        for spare in self._spares:
            if not spare.process.ended and fits(
                spare.template, spare.files, files, packages
            ):
                self._spares.remove(spare)
                self._taken.set()
                return spare
        return None

    async def hand_over(self, spare: Spare, project_id: UUID, folder: Folder) -> None:
        """Make a spare that was taken a project's, whose own folder is *folder*.

        Raises:
            BadFolder: It cannot be; nothing of either is of use now.

        """
        try:
            await folder.adopt(spare.id)
        except BaseException:  # to be cancelled is one: nobody else has it
            await self._discard(spare.id, spare.folder)
            raise
        self._adopter.adopt(spare.id, project_id)


def _is_source(path: str) -> bool:
    """Tell whether a dev server reads a file again whenever it has changed."""
    return path == "index.html" or path.startswith("src/")
