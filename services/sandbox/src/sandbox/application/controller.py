"""All sandboxes of this machine: what drivers, visitors and the log want of them."""

import asyncio
import itertools
import time
from asyncio import Task
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from uuid import UUID

from chassis import logs, tracing
from contracts import codec
from contracts.sandbox import (
    MAX_SCREENSHOT_BYTES,
    CancelOperation,
    CheckApp,
    Done,
    Failed,
    InstallDependencies,
    Pending,
    Problems,
    RemoveSandbox,
    SandboxAnswer,
    SandboxOperation,
    SandboxRequest,
    Screenshot,
    StaleEpoch,
    StartServer,
    SyncFiles,
)
from eventcore.errors import Unavailable
from sandbox.application import metrics
from sandbox.application.alone import Alone
from sandbox.application.checking import check, failed
from sandbox.application.operations import Operations
from sandbox.application.parts import Parts, Site
from sandbox.application.sandbox import Sandbox
from sandbox.application.trouble import FAILED, Troubled
from sandbox.domain.limits import IDLE_S
from sandbox.ports import (
    BadFolder,
    Fetched,
    Folders,
    Heir,
    Owner,
    Owners,
    ProjectGone,
)

_log = logs.get(__name__)

_RECONCILE_S = 10.0
_REAP_S = 4.0
_RECHECK_PASSES = 30
"""Every five minutes each folder is asked about, should an event have been missed."""
_UNKNOWN = Failed("The sandbox service does not know how to do that.")
_INTERNAL = Failed(FAILED)


class Controller:
    """Opens sandboxes as they are needed, and lets go of those nobody needs."""

    def __init__(
        self,
        folders: Folders,
        parts: Parts,
        site_of: Callable[[UUID], Site],
        *,
        idle_s: float = IDLE_S,
        owners: Owners | None = None,
        lacks_room: Callable[[], bool] = bool,
    ) -> None:
        self._owners = owners or Alone()
        self._folders = folders
        self._parts = parts
        self._site_of = site_of
        self._idle_s = idle_s
        self._lacks_room = lacks_room
        self._sandboxes: dict[UUID, Sandbox] = {}
        self._operations: dict[UUID, Operations] = {}
        self._rising: dict[UUID, Task[None]] = {}
        """Sandboxes that are being brought up for a visitor."""
        self._edited: dict[UUID, Task[None]] = {}
        self._known = set(folders.list_own())
        """Projects that may have a folder."""
        self._unchecked = set(self._known)
        """Those of them that nobody has confirmed lately."""
        self._closing = False

    def open(self, project_id: UUID) -> Sandbox:
        """Return a project's sandbox, whether it has a folder or not."""
        if project_id not in self._sandboxes:
            folder = self._folders.open(project_id)
            site = self._site_of(project_id)
            sandbox = Sandbox(project_id, folder, site, self._parts)
            self._sandboxes[project_id] = sandbox
            self._operations[project_id] = Operations(self._parts.tasks)
            self._known.add(project_id)
        return self._sandboxes[project_id]

    async def owner(self, project_id: UUID) -> Owner | None:
        """Return which other controller has a project; None: it is ours now.

        Raises:
            Unavailable: That cannot be known now.

        """
        return await self._owners.claim(project_id)

    def close(self) -> None:
        """End what is under way, without an outcome: this instance is leaving."""
        self._closing = True
        for operations in self._operations.values():
            operations.cancel()
        for sandbox in self._sandboxes.values():
            sandbox.turns.interrupt()

    @property
    def running(self) -> int:
        """How many apps have a process of their own now."""
        return sum(sandbox.runs for sandbox in self._sandboxes.values())

    def url_of(self, project_id: UUID) -> str:
        """Return where a preview is seen, whether there is one or not."""
        return self._site_of(project_id).url

    @property
    def opening(self) -> Mapping[str, Fetched]:
        """What a page may run in whose place an app will open; it may be nothing."""
        return {} if self._parts.pool is None else self._parts.pool.opening

    # --- what drivers ask -------------------------------------------------------------

    async def answer(self, request: SandboxRequest) -> SandboxAnswer:
        """Do what a driver asks, or tell how far it is."""
        sandbox = self.open(request.project_id)
        operations = self._operations[request.project_id]
        try:
            highest = await sandbox.admit(request.epoch)
        except BadFolder as exc:
            return Failed(str(exc))
        if request.epoch < highest:
            return StaleEpoch(highest)
        if request.epoch > highest:
            # Whoever started the others must stop, so nobody will ask for their end.
            operations.cancel(but=request.key)
        sandbox.use.touch()
        operation = request.operation
        if isinstance(operation, CancelOperation):
            operations.cancel()
            return Done() if await operations.ended() else Pending()
        if isinstance(operation, RemoveSandbox):
            operations.cancel(but=request.key)
        work = partial(_outcome, sandbox, operation, self._parts)
        outcome = await operations.answer(request.key, work)
        # What ends because we end, or another controller has the project by now, is no
        # outcome: whoever asks again gets a real one.
        is_left = self._closing or not self._owners.is_ours(request.project_id)
        return Pending() if is_left else outcome

    async def screenshot(self, project_id: UUID) -> Screenshot:
        """Return how an app looked when it was checked last, by whichever of us."""
        pictures = self._parts.pictures
        shared = None if pictures is None else await pictures.find(project_id)
        if shared is not None or project_id not in self._known:
            return Screenshot(shared)
        folder = self.open(project_id).folder
        return Screenshot(await folder.screenshot(MAX_SCREENSHOT_BYTES))

    # --- what visitors want -----------------------------------------------------------

    def visit(self, project_id: UUID) -> Task[None] | None:
        """Bring a sandbox up for a visitor; return the task, if there is one."""
        sandbox = self.open(project_id)
        sandbox.use.touch()
        rising = self._rising.get(project_id)
        if rising is not None and not rising.done():
            return rising
        if sandbox.shown is not None or sandbox.gone or self._closing:
            return None
        if not sandbox.backoff.may_start(time.monotonic()):
            return None
        task = self._parts.tasks.create_task(_unasked(sandbox.bring_up, project_id))
        self._rising[project_id] = task
        return task

    # --- what the log tells -----------------------------------------------------------

    def edited(self, project_id: UUID) -> None:
        """Follow a person who has changed a file of a project."""
        if project_id not in self._known or not self._owners.is_ours(project_id):
            return  # whoever gets it next asks for the files anyway
        waiting = self._edited.get(project_id)
        if waiting is None or waiting.done():
            work = self._parts.tasks.create_task(self._follow_edit(project_id))
            self._edited[project_id] = work

    async def _follow_edit(self, project_id: UUID) -> None:
        # From here on a further edit starts a task of its own: this one may have asked
        # for the files already.
        del self._edited[project_id]
        await _unasked(self.open(project_id).follow_edit, project_id)

    def look_again(self) -> None:
        """Follow whatever there is to follow: some of it may not have been told."""
        self._unchecked |= self._known
        for project_id, sandbox in self._sandboxes.items():
            if sandbox.server is not None:
                self.edited(project_id)

    def run_ended(self, run_id: UUID, project_id: UUID) -> None:
        """End what is done for a run that did not complete, whoever drove it."""
        operations = self._operations.get(project_id)
        if operations is not None:
            operations.end_run(run_id)

    def deleted(self, project_id: UUID) -> None:
        """Remove what belongs to a project that has come to its end."""
        if project_id in self._known:
            self._parts.tasks.create_task(self._delete(project_id))
            return
        # Whoever has checked it may be gone.
        work = _unasked(partial(self._forget_picture, project_id), project_id)
        self._parts.tasks.create_task(work)

    async def _delete(self, project_id: UUID) -> None:
        sandbox = self.open(project_id)
        sandbox.gone = True
        self._operations[project_id].cancel()
        await _unasked(sandbox.remove, project_id)
        await _unasked(partial(self._forget_picture, project_id), project_id)
        self._forget(project_id)
        await self._owners.release(project_id)

    async def _forget_picture(self, project_id: UUID) -> None:
        if self._parts.pictures is not None:
            await self._parts.pictures.forget(project_id)

    def _forget(self, project_id: UUID) -> None:
        self._sandboxes.pop(project_id, None)
        self._operations.pop(project_id, None)
        self._rising.pop(project_id, None)
        self._unchecked.discard(project_id)
        self._known.discard(project_id)
        self._parts.outputs.forget(project_id)

    # --- what nobody tells ------------------------------------------------------------

    def lost(self, project_id: UUID) -> None:
        """End what runs for a project that another controller may have by now."""
        sandbox = self._sandboxes.get(project_id)
        if sandbox is None:
            return
        # At once: what is asked for from here on is asked of whoever has it then, and
        # may begin again under the same key.
        self._operations[project_id].cancel()
        self._operations[project_id] = Operations(self._parts.tasks)
        sandbox.turns.interrupt()
        self._parts.tasks.create_task(_unasked(sandbox.rest, project_id))

    async def reconcile_forever(self) -> None:
        """Look every 10 s at what should be and what is, until cancelled.

        Events tell the same sooner; but an event may be missed.
        """
        for number in itertools.count():
            if number % _RECHECK_PASSES == 0:
                self._unchecked |= self._known
            try:
                await self.reconcile()
            except Exception:  # noqa: BLE001 - one bad folder must not end all apps
                _log.exception("a pass over the sandboxes failed")
            await asyncio.sleep(min(_RECONCILE_S, self._idle_s))

    async def reconcile(self) -> None:
        """Stop what is idle; remove what should not be there."""
        for project_id, sandbox in list(self._sandboxes.items()):
            if sandbox.runs and self._is_unused(project_id):
                _log.info("stopping an idle app", project=str(project_id))
                wanted = partial(self._is_wanted, project_id)
                await _unasked(partial(sandbox.rest, wanted), project_id)
        for project_id in self._owners.held:
            if self._is_unused(project_id):
                wanted = partial(self._is_wanted, project_id)
                if project_id in self._sandboxes:
                    rest = self._sandboxes[project_id].rest
                    await _unasked(partial(rest, wanted), project_id)
                if not wanted():  # somebody may have come meanwhile
                    await self._owners.release(project_id)
        if self._lacks_room():
            await self._make_room()
        for project_id in list(self._unchecked):
            await self._check(project_id)

    async def reap_forever(self) -> None:
        """End what controllers that are gone have left, until cancelled."""
        while isinstance(self._parts.runtime, Heir):
            await asyncio.sleep(_REAP_S)
            with suppress(Unavailable):
                await self._reap(self._parts.runtime)

    async def _reap(self, heir: Heir) -> None:
        # Whoever holds a project has the only say about what there is of it, and nobody
        # can hold it beside us. It is given back when it is seen to be unused.
        for project_id in heir.strays():
            if await self._owners.claim(project_id) is None:
                await heir.reap(project_id)

    async def _make_room(self) -> None:
        """Empty folders that nobody uses, the longest unused first, while need be.

        With the next visit they come back from the log.
        """
        for project_id in sorted(self._known, key=self._last_used):
            if not self._lacks_room():
                return
            if not self._is_unused(project_id):
                continue
            sandbox = self.open(project_id)
            if (await sandbox.state()).files:
                _log.warning("the disk lacks room, a folder goes", id=str(project_id))
                wanted = partial(self._is_wanted, project_id)
                await _unasked(partial(sandbox.empty, wanted), project_id)

    def _last_used(self, project_id: UUID) -> float:
        sandbox = self._sandboxes.get(project_id)
        return 0.0 if sandbox is None else sandbox.use.last

    def _is_unused(self, project_id: UUID) -> bool:
        """Tell whether nobody wants a sandbox, and nothing is done for it."""
        sandbox = self._sandboxes.get(project_id)
        is_busy = sandbox is not None and sandbox.turns.lock.locked()
        return not is_busy and not self._is_wanted(project_id)

    def _is_wanted(self, project_id: UUID) -> bool:
        sandbox = self._sandboxes.get(project_id)
        if sandbox is None:
            return False
        is_asked = self._operations[project_id].under_way
        return is_asked or not sandbox.use.is_over(self._idle_s)

    async def _check(self, project_id: UUID) -> None:
        """Remove a folder whose project is gone.

        Where nobody answers nothing is removed: silence is no answer.
        """
        try:
            await self._parts.source.manifest(project_id)
        except ProjectGone:
            await self._delete(project_id)
        except Unavailable:
            return
        self._unchecked.discard(project_id)


async def _outcome(
    sandbox: Sandbox, operation: SandboxOperation, parts: Parts
) -> SandboxAnswer:
    verb, begun = codec.tag(operation), time.monotonic()
    with tracing.span(verb, project=str(sandbox.project_id)):
        answer = await _tried(sandbox, operation, parts)
    took_s = time.monotonic() - begun
    metrics.OPERATION_SECONDS.labels(verb, codec.tag(answer)).observe(took_s)
    return answer


async def _tried(
    sandbox: Sandbox, operation: SandboxOperation, parts: Parts
) -> SandboxAnswer:
    try:
        return await _done(sandbox, operation, parts)
    except Troubled as exc:
        return await failed(sandbox, operation, exc)
    except Exception:  # noqa: BLE001 - a bug in one sandbox must not end the others
        _log.exception("an operation failed", project=str(sandbox.project_id))
        return _INTERNAL


async def _done(
    sandbox: Sandbox, operation: SandboxOperation, parts: Parts
) -> SandboxAnswer:
    match operation:
        case SyncFiles(version=version):
            return await sandbox.sync(version)
        case InstallDependencies():
            return await sandbox.install()
        case StartServer():
            return await sandbox.start()
        case CheckApp():
            return Problems(await check(sandbox, parts))
        case RemoveSandbox():
            await sandbox.remove()
            return Done()
        case _:
            return _UNKNOWN


async def _unasked(step: Callable[[], Awaitable[None]], project_id: UUID) -> None:
    """Do what nobody waits for: a failure shows where the preview would be."""
    try:
        await step()
    except Troubled:
        _log.info("a sandbox is in trouble", project=str(project_id))
    except Exception:  # noqa: BLE001 - a bug in one sandbox must not end the others
        _log.exception("a sandbox failed", project=str(project_id))
