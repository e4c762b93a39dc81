"""One lease, one run: performs what the run needs next and records what came of it.

The loop is `next_effect`, perform, append. Everything that it knows is in the log, so
another driver goes on wherever this one ends, at whatever point that is.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from typing import assert_never
from uuid import UUID

from msgspec import Struct

from agent.application.commands import Projects
from agent.application.lease import HeldLease
from agent.application.open_file import OpenText
from agent.application.operating import SandboxLimits, cancel, operate
from agent.application.run_log import RunLog, RunOver
from agent.application.writing import Writing
from agent.domain import outcome
from agent.domain.outcome import CallEnd
from agent.domain.plan import SCHEMA, PlanInvalid, read_plan
from agent.domain.project import Project
from agent.domain.prompt import design_messages, implement_messages
from agent.domain.run import (
    CloseCall,
    CompleteRun,
    DesignPhase,
    Effect,
    FailRun,
    FinishPhase,
    ImplementPhase,
    InstallPackages,
    ModelEffect,
    Note,
    SandboxEffect,
    StartApp,
    SyncSandbox,
    next_effect,
)
from agent.ports import Model, ModelCall, NewId, Sandbox
from chassis.failpoints import fp
from chassis.tracing import span
from contracts import subjects
from contracts.codec import encode
from contracts.project import ProjectEvent
from contracts.requests import OpenFile
from contracts.sandbox import Failed, Installed, Running, SandboxAnswer, Synced
from eventcore.errors import EventCoreError, Fenced, Unavailable
from eventcore.ports import Bus, Lease, LeaseStore

Outcome = Callable[[Project], list[ProjectEvent]]


class DriverSettings(Struct, frozen=True):
    """Plain values that a driver works with."""

    owner: str
    """Names this process in the leases."""
    design_model: str
    writing_model: str
    lease_ttl_s: float = 10.0
    watch_s: float = 3.0
    """A stopped run is noticed after so long where the message about it is lost."""
    pause_s: float = 1.0
    """Before a call is made again that came to nothing; doubled each time."""
    sandbox: SandboxLimits = SandboxLimits()


class World(Struct, frozen=True):
    """What a driver acts on."""

    projects: Projects
    leases: LeaseStore
    bus: Bus
    model: Model
    sandbox: Sandbox
    new_id: NewId


async def drive(project_id: UUID, world: World, settings: DriverSettings) -> bool:
    """Drive the project's run to its end, if nobody else does.

    Returns whether there was anything to do. Cancelling gives the lease back at once,
    and whoever takes it goes on.

    Raises:
        Unavailable: The database or the bus was not there at the start.

    """
    asked_at = asyncio.get_running_loop().time()
    ttl_s = settings.lease_ttl_s
    lease = await world.leases.take(project_id, settings.owner, ttl_s)
    if lease is None:
        return False
    fp("driver.after_lease")
    held = HeldLease(world.leases, lease, ttl_s, asked_at)
    performed = True
    try:
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(held.keep())
            performed = await _drive_under(lease, world, settings)
            keeper.cancel()
    except* Fenced:
        pass  # another driver goes on, and nothing of ours may follow
    finally:
        with suppress(Unavailable):
            await world.leases.release(lease)
        world.bus.publish(subjects.RUN_POKE, b"")
    return performed


async def _drive_under(lease: Lease, world: World, settings: DriverSettings) -> bool:
    current = await world.projects.load(lease.stream)
    driver = Driver(RunLog(world.projects, lease, current), world, settings)
    with span("drive", project=str(lease.stream)) as traceparent:
        driver.log.traceparent = traceparent
        async with driver.listening():
            return await driver.run()


class Driver:
    """Drives one project's run while its lease is held."""

    def __init__(self, log: RunLog, world: World, settings: DriverSettings) -> None:
        self.log = log
        self._world = world
        self._settings = settings
        self._poked = asyncio.Event()
        self._screen: OpenText | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None, None]:
        """Hear that a command has changed the project; answer what is being written."""
        bus, project_id = self._world.bus, self.log.project_id
        async with AsyncExitStack() as stack:
            pokes = await bus.listen(
                subjects.project_poke(project_id), lambda *_: self._poked.set()
            )
            stack.push_async_callback(pokes.close)
            questions = await bus.serve(
                subjects.open_file(project_id), subjects.AGENT_QUEUE, self._open_file
            )
            stack.push_async_callback(questions.close)
            yield

    async def _open_file(self, _: str, __: bytes, ___: Mapping[str, str]) -> bytes:
        if self._screen is not None:
            return encode(self._screen.so_far())
        run = self.log.project.run
        run_id, calls = (run.id, run.calls) if run else (UUID(int=0), 0)
        return encode(OpenFile(run_id, calls, path=None, text=""))

    async def run(self) -> bool:
        """Perform effects until the project has none left; tell whether it had any."""
        performed = False
        while (effect := next_effect(self.log.project)) is not None:
            try:
                await self._perform_one(effect)
            except Exception as error:
                if not _is_ours(error):
                    await self._record_breakage(effect.run_id)
                raise
            performed = True
        return performed

    async def _perform_one(self, effect: Effect) -> None:
        before = self.log.project.version
        await self._perform(effect)
        if self.log.project.version == before:
            raise RuntimeError(f"{type(effect).__name__} changed nothing")

    async def _perform(self, effect: Effect) -> None:
        match effect:
            case DesignPhase():
                await self._while_on(effect.run_id, lambda: self._design(effect))
            case ImplementPhase():
                await self._while_on(effect.run_id, lambda: self._implement(effect))
            case SyncSandbox() | InstallPackages() | StartApp():
                if not await self._while_on(
                    effect.run_id, lambda: self._operate(effect)
                ):
                    await cancel(self._world.sandbox, self.log, effect)
            case CloseCall() | FinishPhase() | CompleteRun() | FailRun():
                await self.log.record(self._noted(effect))
            case _:
                assert_never(effect)

    def _noted(self, effect: Note) -> Outcome:
        """Return what is recorded of an effect that needs nothing from the world."""
        run_id = effect.run_id
        match effect:
            case CloseCall():
                return lambda project: outcome.call_interrupted(project, run_id)
            case FinishPhase():
                return lambda project: outcome.phase_finished(project, run_id)
            case CompleteRun():
                next_id = self._world.new_id()
                return lambda project: outcome.run_completed(project, run_id, next_id)
            case FailRun(_, message):
                return lambda project: outcome.failed(project, run_id, message)
            case _:
                assert_never(effect)

    async def _while_on(
        self, run_id: UUID, work: Callable[[], Awaitable[None]]
    ) -> bool:
        """Do *work* as long as the run is under way; tell whether it was finished."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(_unless_over(work))
            watcher = tasks.create_task(self._cancel_when_over(run_id, task))
            await asyncio.wait({task})
            watcher.cancel()
        return not task.cancelled() and task.result()

    async def _cancel_when_over(self, run_id: UUID, task: asyncio.Task[bool]) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.watch_s):
                    await self._poked.wait()
            self._poked.clear()
            with suppress(Unavailable):
                await self.log.refresh()
            if not self.log.is_on(run_id):
                task.cancel()
                return

    # --- the language model ---------------------------------------------------------

    async def _design(self, effect: DesignPhase) -> None:
        model = self._settings.design_model
        await self._begin(effect, model)
        messages = design_messages(self.log.project, self.log.run(effect.run_id))
        answer, end = await self._whole_answer(ModelCall(model, messages, SCHEMA))
        await self.log.record(self._planned(effect, answer, end))

    async def _whole_answer(self, call: ModelCall) -> tuple[str, CallEnd]:
        texts: list[str] = []
        end = CallEnd("cut", call.model, error="The answer broke off without an end.")
        async with aclosing(self._world.model.answer(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, CallEnd):
                    end = piece
                else:
                    texts.append(piece)
        return "".join(texts), end

    def _planned(self, effect: DesignPhase, answer: str, end: CallEnd) -> Outcome:
        """Return what is recorded of an answer that may be a plan."""
        if end.outcome != "complete":
            return lambda project: outcome.call_ended(project, effect, end)

        def record(project: Project) -> list[ProjectEvent]:
            try:
                plan = read_plan(answer, project)
            except PlanInvalid as error:
                return outcome.plan_refused(project, effect, end, str(error))
            return outcome.phase_designed(project, effect, end, plan)

        return record

    async def _implement(self, effect: ImplementPhase) -> None:
        model = self.log.run(effect.run_id).model or self._settings.writing_model
        await self._begin(effect, model)
        run = self.log.run(effect.run_id)
        call = ModelCall(model, implement_messages(self.log.project, run, effect))
        bus, project_id = self._world.bus, self.log.project_id
        screen = self._screen = OpenText(bus, project_id, run.id, run.calls)
        try:
            writing = Writing(self.log, effect, screen, self._world.new_id)
            end = await writing.write(self._world.model, call)
        finally:
            self._screen = None
        await self.log.record(lambda now: outcome.call_ended(now, effect, end))

    async def _begin(self, effect: ModelEffect, model: str) -> None:
        """Record that the call starts, after a pause where the last one failed."""
        barren = self.log.run(effect.run_id).barren
        if barren:
            pause_s = self._settings.pause_s * 2 ** (barren - 1)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        await self.log.record(lambda now: outcome.call_started(now, effect, model))
        fp("driver.before_call")

    # --- the sandbox ----------------------------------------------------------------

    async def _operate(self, effect: SandboxEffect) -> None:
        fp("driver.before_sandbox")
        world, limits = self._world, self._settings.sandbox
        answer = await operate(world.sandbox, self.log, effect, limits)
        fp("driver.after_sandbox")
        await self.log.record(lambda now: _operated(now, effect, answer))

    async def _record_breakage(self, run_id: UUID) -> None:
        """Count what this program got wrong, so that it is not tried for ever."""
        await self.log.record(lambda project: outcome.broke(project, run_id))


def _operated(
    project: Project, effect: SandboxEffect, answer: SandboxAnswer
) -> list[ProjectEvent]:
    """Return what is recorded of an operation that is over."""
    match effect, answer:
        case SyncSandbox(), Synced(count):
            return outcome.files_synced(project, effect.run_id, count)
        case InstallPackages(), Installed():
            return outcome.packages_installed(project, effect)
        case StartApp(), Running(url, sandbox_id):
            return outcome.app_started(project, effect.run_id, url, sandbox_id)
        case _, Failed(reason):
            return outcome.failed(project, effect.run_id, reason)
        case _:
            message = "The sandbox service answers oddly: is it of the same version?"
            return outcome.failed(project, effect.run_id, message)


async def _unless_over(work: Callable[[], Awaitable[None]]) -> bool:
    try:
        await work()
    except RunOver:
        return False
    return True


def _is_ours(error: Exception) -> bool:
    """Tell whether *error* is one that this package expects."""
    if isinstance(error, ExceptionGroup):
        _, others = error.split(EventCoreError)
        return others is None
    return isinstance(error, EventCoreError)
