"""One project's sandbox: its folder, what is installed, and the server that runs.

One lock: no two steps at a time. A step that fails leaves a state from which every
other step may start; nothing needs to be repaired first.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from uuid import UUID

import msgspec

from contracts.sandbox import Installed, Running, Synced
from eventcore.errors import Unavailable
from sandbox.application.commands import Commands
from sandbox.application.loads import Loads
from sandbox.application.operations import Turns
from sandbox.application.packages import Packages
from sandbox.application.parts import Parts, Server, Site, Use
from sandbox.application.readiness import Seen, see
from sandbox.application.sync import Outcome, sync
from sandbox.application.trouble import FAILED, Troubled
from sandbox.domain.apps import install
from sandbox.domain.apps.app import App, NoApp
from sandbox.domain.apps.detect import detect, looked_at
from sandbox.domain.apps.install import Plan
from sandbox.domain.apps.template import Laid
from sandbox.domain.diagnosis.module_graph import expected_modules, is_lasting
from sandbox.domain.ending import ending
from sandbox.domain.limits import READ_BYTES
from sandbox.domain.output import Mask
from sandbox.domain.previews.pages import OPENING_SCRIPT
from sandbox.domain.retry import Backoff
from sandbox.ports import (
    BadFolder,
    Fetched,
    Folder,
    FolderState,
    Process,
    ProjectGone,
)

_AGENT_S = 30.0
_AGENT_PAUSE_S = 0.5


class Sandbox:
    """The sandbox of one project."""

    def __init__(
        self, project_id: UUID, folder: Folder, site: Site, parts: Parts
    ) -> None:
        self.project_id = project_id
        self.folder = folder
        self.site = site
        self.server: Server | None = None
        """What a preview shows; None while there is nothing to show."""
        self.doing: str | None = None
        """The step under way, in words for a person."""
        self.trouble: str | None = None
        """Why there is nothing to show, as far as it is known."""
        self.crash: Troubled | None = None
        """How the app ended that had answered, until it answers again or is changed."""
        self.gone = False
        """The project was deleted; nothing is ever started again."""
        self.backoff = Backoff()
        self.use = Use()
        self.changed = asyncio.Event()
        """Set, and replaced by a new one, when there is something else to be seen."""
        self.coming = False
        """What is going to be seen runs already, and gets its files."""
        self._parts = parts
        self.turns = Turns()
        self._saving = asyncio.Lock()
        self._loaded: FolderState | None = None
        self._saved: FolderState | None = None
        """What we have put on the disk ourselves, as it is there."""
        self._stale = False
        """What runs does not show the files as they are."""
        self._seen: Seen | None = None
        """How far what runs is that has got its files while it ran; None: no matter."""
        self._packages: tuple[str, ...] | None = None
        """What the model asked to be installed; None: not known yet."""
        self._variables: dict[str, str] = {}
        """The environment that the app's owner wants for it."""
        self._output = parts.outputs.of(project_id)
        self._commands = Commands(project_id, parts.runtime, self._output)
        self._installer = Packages(folder, self._commands, self._output, self._let_go)

    # --- the state that survives ------------------------------------------------------

    async def state(self) -> FolderState:
        """Return what is known of the folder."""
        if self._loaded is None:
            self._loaded = await self.folder.state()
        return self._loaded

    async def _record(self, **changes: object) -> None:
        async with self._saving:
            state = msgspec.structs.replace(await self.state(), **changes)
            try:
                await self._save(state)
            except BadFolder as exc:
                raise Troubled(str(exc)) from exc

    async def _save(self, state: FolderState) -> None:
        if state != self._saved:  # the same again is two waits for the disk
            self._saved = None
            await self.folder.save(state)
        self._saved = self._loaded = state

    async def admit(self, epoch: int) -> int:
        """Take note of a driver's *epoch*; return the highest one before this.

        On return it survives a restart, so that no earlier driver comes through later.

        Raises:
            BadFolder: It cannot be noted.

        """
        async with self._saving:
            state = await self.state()
            if epoch > state.epoch:
                await self._save(msgspec.structs.replace(state, epoch=epoch))
            return state.epoch

    async def files_token(self) -> str:
        """Return a text that is another one whenever the files are."""
        files = sorted((await self.state()).files.items())
        return hashlib.sha256(repr(files).encode()).hexdigest()[:16]

    @property
    def log_tail(self) -> str:
        """The last lines of what runs, or ran."""
        return self._output.tail.text

    @property
    def mask(self) -> Mask:
        """What hides the project's secrets, wherever they turn up."""
        return self._output.mask

    # --- steps ------------------------------------------------------------------------

    @property
    def runs(self) -> bool:
        """Whether the app has a process of its own now."""
        return self.server is not None and self.server.process is not None

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        """Wait for our turn to do what may be interrupted."""
        with self.turns.interruptible():
            async with self._turn():
                yield

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for our turn, and remember what went wrong in it."""
        pool = self._parts.pool
        with nullcontext() if pool is None else pool.behind():
            async with self.turns.lock:
                try:
                    yield
                except Exception as exc:
                    self.trouble = exc.reason if isinstance(exc, Troubled) else FAILED
                    self._output.say(self.trouble)
                    self.backoff.failed(time.monotonic())
                    raise
                finally:
                    if self.coming:
                        self.coming = False
                        self._tell_change()
                        if self._seen is not None:
                            self._seen.written.set()

    async def sync(self, version: int) -> Synced:
        """Make the folder equal the project at *version* or later."""
        async with self._step():
            return await self._sync(version)

    async def install(self) -> Installed:
        """Install what the app needs, unless that was done before."""
        async with self._step():
            await self._sync(0)  # another controller may have been asked to before
            return await self._install()

    async def start(self) -> Running:
        """Start the app, or leave it running, and wait until it answers."""
        async with self._step():
            await self._sync(0)
            await self._start()
            return Running(url=self.site.url, sandbox_id=str(self.project_id))

    async def catch_up(self) -> None:
        """Install and start what the files that are here call for."""
        async with self._step():
            with suppress(Troubled):  # that nobody sends them is no fault of the app
                await self._sync(0)
            await self._install()
            await self._start()

    async def bring_up(self) -> None:
        """Do whatever is needed until a preview can be shown."""
        async with self._step():
            await self._sync(0)
            await self._install()
            await self._start()

    async def follow_edit(self) -> None:
        """Bring a person's edit into the folder and in front of their eyes."""
        async with self._step():
            was_shown = self.server is not None
            await self._sync(0)
            if was_shown:
                await self._install()
                await self._start()

    async def rest(self, unless: Callable[[], bool] = bool) -> None:
        """Stop the server, *unless* it is wanted by then; a visit starts it again."""
        async with self._turn():
            if not unless():
                await self._stop_server()

    async def remove(self) -> None:
        """Stop everything and delete the folder; legal in every state."""
        self.turns.interrupt()
        async with self._turn():
            await self._remove()

    async def empty(self, unless: Callable[[], bool]) -> None:
        """Stop everything and delete the files, which can be had again."""
        async with self._turn():
            if not unless():
                await self._remove()
                await self._record()

    # --- how they are done, under the lock --------------------------------------------

    async def _sync(self, version: int) -> Synced:
        self.doing = "Fetching the files"
        server = self.server
        try:
            outcome = await self._sync_patiently(version)
        except ProjectGone as exc:
            self.gone = True
            await self._remove()
            raise Troubled("The project does not exist any more.") from exc
        except BadFolder as exc:
            raise Troubled(str(exc)) from exc
        finally:
            self.doing = None
        if self.coming and self._seen is not None:
            self._seen.written.set()
            await self._seen.noticed.wait()
            self.coming = self._stale = False
            self._tell_change()
        self._packages = outcome.packages
        values = outcome.variables.values
        self._output.hide(values[name] for name in outcome.variables.secrets)
        if outcome.changed or values != self._variables:
            self._variables = values
            if server is not None:
                server.loads.outdated()
            await self._notice_change()
        return Synced(count=outcome.count, version=outcome.version)

    async def _sync_patiently(self, version: int) -> Outcome:
        """Ask until somebody answers who knows *version*, or it takes too long."""

        async def record(files: dict[str, str], version: int) -> None:
            await self._record(files=files, version=version)

        source = self._parts.source
        deadline = time.monotonic() + _AGENT_S
        while True:
            with suppress(Unavailable):
                known = await self.state()
                outcome = await sync(
                    self.project_id, self.folder, known, source, record, self._adopt
                )
                if outcome.version >= version:
                    return outcome
            if time.monotonic() > deadline:
                raise Troubled("The files of the project could not be fetched.")
            await asyncio.sleep(_AGENT_PAUSE_S)

    async def _adopt(
        self, files: dict[str, bytes], packages: tuple[str, ...]
    ) -> FolderState | None:
        """Take over a sandbox that runs already, where one suits the project."""
        pool = self._parts.pool
        if pool is None or self.server is not None:
            return None
        spare = pool.take(files, packages)
        if spare is None:
            return None
        self.coming = True
        self._tell_change()
        try:
            await pool.hand_over(spare, self.project_id, self.folder)
        except BadFolder as exc:
            self._output.say(str(exc))
            return None
        spare.output.pass_on_to(self._output, inner=OPENING_SCRIPT)
        self._output.say("The app's server is running already.")
        text = files["package.json"].decode(errors="replace")
        installed = install.digest(spare.app, {"package.json": text}, packages)
        try:
            async with self._saving:
                # Saved with the files, before the first of them is written.
                self._loaded = msgspec.structs.replace(
                    await self.state(),
                    files=spare.digests,
                    installed=installed,
                    laid=Laid(spare.template.key),
                )
        except BaseException:
            await spare.process.stop()  # nobody would ever show it
            raise
        loads = Loads((*expected_modules(files), *spare.opening), spare.opening)
        self._serves(spare.app, spare.process, loads)
        self._stale = True  # until the files are there
        self._seen = Seen()
        looking = see(spare.process, self.site.host, self._seen, loads)
        self._parts.tasks.create_task(looking)
        return await self.state()

    async def _notice_change(self) -> None:
        self.trouble = None
        self.crash = None
        self.backoff.reset()
        if self.server is not None:
            try:
                app, _ = await self.detect()
                self._stale |= not self.server.shows(app, self._variables)
            except Troubled:
                self._stale = True
        self._tell_change()

    def _tell_change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def detect(self) -> tuple[App, dict[str, str]]:
        """Return what kind of app this is, and the texts that say so.

        Raises:
            Troubled: It is none.

        """
        # What an app or npm has put there itself says nothing about the project.
        own = looked_at((await self.state()).files)
        found = await self.folder.read(own, READ_BYTES)
        files = {path: data.decode(errors="replace") for path, data in found.items()}
        try:
            return detect(files), files
        except NoApp as exc:
            raise Troubled(str(exc)) from exc

    async def _install(self) -> Installed:
        app, files = await self.detect()
        packages = await self._requested()
        wanted = install.digest(app, files, packages)
        plans = self._plans(app, files, packages)
        if not plans or await self._is_installed(app, wanted):
            return Installed(manifest=wanted, skipped=True)
        laid = (await self.state()).laid
        await self._record(installed=None, laid=None)
        self.doing = "Installing packages"
        try:
            laid = await self._installer.install(plans, laid)
        finally:
            self.doing = None
        await self._record(installed=wanted, laid=laid)
        self._stale = True
        return Installed(manifest=wanted, skipped=False)

    def _plans(
        self, app: App, files: dict[str, str], packages: tuple[str, ...]
    ) -> tuple[Plan, ...]:
        runtime, templates = self._parts.runtime, self._parts.templates
        tools = install.Tools(uv=runtime.has_uv, bun=runtime.has_bun)
        ready = templates.ready() if templates is not None else ()
        try:
            return install.plans(app, files, packages, tools, ready)
        except NoApp as exc:
            raise Troubled(str(exc)) from exc

    async def _is_installed(self, app: App, wanted: str) -> bool:
        name = install.MODULES if app.kind in ("vite", "node") else ".venv"
        installed = (await self.state()).installed
        return wanted == installed and await self.folder.has_folder(name)

    async def _requested(self) -> tuple[str, ...]:
        """Return the packages asked for by the model; syncs where nobody has yet.

        Neither they nor the app's variables are saved.
        """
        if self._packages is None:
            await self._sync(0)
        return self._packages or ()

    # --- the server -------------------------------------------------------------------

    @property
    def shown(self) -> Server | None:
        """What a preview shows, if that is what the files say."""
        return None if self._stale else self.server

    async def _start(self) -> None:
        await self._requested()
        app, _ = await self.detect()
        shown = self.shown
        if shown is not None and shown.app == app and await self._is_seen():
            return
        await self._stop_server()
        process, loads = None, Loads(kept=self._known_bundles())
        if app.argv:
            self.doing = "Starting the app"
            try:
                process = await self._serve(app, loads)
                self._output.say("The app is running.")
            finally:
                self.doing = None
        self._serves(app, process, loads)

    def _known_bundles(self) -> dict[str, Fetched]:
        """Return what a template's bundles are answered with, by their address.

        An app that has others has them under other addresses.
        """
        pool = self._parts.pool
        opening = {} if pool is None else pool.opening
        return {path: one for path, one in opening.items() if is_lasting(path)}

    async def _serve(self, app: App, loads: Loads) -> Process:
        variables = {**app.variables, **self._variables}
        if app.before:
            await self._commands.prepare(app.before, variables)
        return await self._commands.serve(app.argv, self.site.host, variables, loads)

    async def _is_seen(self) -> bool:
        """Wait for the page of an app that ran before; one without is started anew."""
        seen, self._seen = self._seen, None
        if seen is None:
            return True
        await seen.answered.wait()
        return seen.can_be

    def _serves(self, app: App, process: Process | None, loads: Loads) -> None:
        self.trouble = None
        self.crash = None
        self.server = Server(app, process, self._variables, time.monotonic(), loads)
        self._stale = False
        self._seen = None
        self._tell_change()
        if process is not None:
            self._parts.tasks.create_task(self._watch(self.server, process))

    async def _watch(self, server: Server, process: Process) -> None:
        """Notice the end of an app that nobody asked to end."""
        code = await process.wait()
        if self.server is server:
            self.server = None
            now = time.monotonic()
            self.backoff.failed(now, ran_s=now - server.since)
            self.trouble = f"The app stopped ({ending(code, process.cause)})."
            self.crash = Troubled(self.trouble, self.log_tail, source="crash")
            self._output.say(self.trouble)

    async def _stop_server(self) -> None:
        server, self.server = self.server, None
        if server is not None and server.process is not None:
            await server.process.stop()

    async def _let_go(self) -> None:
        await self._stop_server()
        await self._parts.runtime.end_all(self.project_id)

    async def _remove(self) -> None:
        self.doing = "Removing the sandbox"
        try:
            epoch = (await self.state()).epoch
            await self._let_go()
            await self.folder.remove()
        finally:
            self.doing = None
        self._loaded, self._saved = FolderState(epoch=epoch), None
        self._packages = None
