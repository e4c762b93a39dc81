"""Making the templates that are not there, one after the other, in the background."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

from typing_extensions import override

from chassis import logs
from sandbox.application.commands import Commands
from sandbox.application.loads import Loads
from sandbox.application.output import Output
from sandbox.application.trouble import Troubled
from sandbox.domain.apps import install
from sandbox.domain.apps.detect import detect
from sandbox.domain.output import Stream
from sandbox.ports import (
    BadFolder,
    BadTemplate,
    Folders,
    LogSink,
    Recipe,
    Runtime,
    Templates,
)

_log = logs.get(__name__)

_FIRST_PAUSE_S = 30.0
_LONGEST_PAUSE_S = 3_600.0
_COLLECT_S = 86_400.0


class Nobody(LogSink):
    """Those who watch what belongs to no project."""

    @override
    def show(self, project_id: UUID, stream: Stream, content: str) -> None:
        pass


class TemplateMaker:
    """Makes what is missing; a crash leaves nothing that looks like a template."""

    def __init__(
        self, templates: Templates, folders: Folders, runtime: Runtime
    ) -> None:
        self._templates = templates
        self._folders = folders
        self._runtime = runtime

    async def run(self) -> None:
        """Make what is missing, and try again later where that fails, for ever."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._templates.collect()
            is_all = await self.make_all()
            await self._runtime.expect_installs()
            if is_all:
                pause_s = _FIRST_PAUSE_S
                await asyncio.sleep(_COLLECT_S)
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 4)

    async def make_all(self) -> bool:
        """Make what is missing; tell whether everything is there now."""
        for recipe in self._templates.recipes:
            if self._templates.is_whole(recipe):
                continue
            try:
                await self._make_alone(recipe)
            except (BadTemplate, BadFolder, Troubled) as exc:
                _log.warning("a template failed", template=recipe.key, reason=str(exc))
            except Exception:  # noqa: BLE001 - apps can do without it
                _log.exception("a template failed", template=recipe.key)
        return all(map(self._templates.is_whole, self._templates.recipes))

    async def _make_alone(self, recipe: Recipe) -> None:
        async with self._templates.claim(recipe) as is_ours:
            # Another service may have made it between our look and our claim.
            if is_ours and not self._templates.is_whole(recipe):
                await self._make(recipe)
                _log.info("a template is ready", template=recipe.key)

    async def _make(self, recipe: Recipe) -> None:
        spare, folder = self._folders.open_spare(for_us=True)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(folder.remove)
            stack.push_async_callback(self._runtime.end_all, spare)
            await folder.apply(recipe.files, ())
            output = Output(spare, Nobody(), asyncio.Event())
            commands = Commands(spare, self._runtime, output)
            await commands.install(install.exactly())
            if not recipe.is_tool:
                await _try_out(commands, recipe)
            await self._templates.publish(recipe, spare)


async def _try_out(commands: Commands, recipe: Recipe) -> None:
    """Serve the app that uses the packages, which makes Vite bundle them."""
    files = {path: data.decode() for path, data in recipe.files.items()}
    process = await commands.serve(detect(files).argv, "localhost", {}, Loads())
    await process.stop()
