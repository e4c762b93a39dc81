"""One lease, one run: performs what the run needs next and records what came of it.

The loop is `next_effect`, perform, append. Everything that it knows is in the log, so
another driver goes on wherever this one ends, at whatever point that is.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import assert_never
from uuid import UUID

from agent.application import metrics
from agent.application.asking import Asking, Outcome
from agent.application.lease import HeldLease
from agent.application.operating import (
    app_runs,
    cancel,
    check,
    operate,
    recorded,
)
from agent.application.run_log import RunLog, RunOver
from agent.application.world import DriverSettings, NotYet, World
from agent.domain import outcome
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
from chassis import logs
from chassis.failpoints import fp
from chassis.tracing import span, traceparent_of
from contracts import subjects
from contracts.codec import encode
from contracts.project import Problem, RunState
from contracts.requests import OpenFile
from eventcore.errors import EventCoreError, Fenced, Unavailable
from eventcore.ports import Lease


async def drive(project_id: UUID, world: World, settings: DriverSettings) -> bool:
    """Drive the project's run to its end, if nobody else does.

    Returns whether there was anything to do. Cancelling gives the lease back at once,
    and whoever takes it goes on.

    Raises:
        Unavailable: The database or the bus was not there at the start.
        NotYet: The run has to wait for long, whoever drives it.

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
        # Another driver goes on, and nothing of ours may follow.
        metrics.FENCED.inc()
    finally:
        with suppress(Unavailable):
            await world.leases.release(lease)
        world.bus.publish(subjects.RUN_POKE, b"")
    return performed


async def _drive_under(lease: Lease, world: World, settings: DriverSettings) -> bool:
    current = await world.projects.load(lease.stream)
    run = current.state.run
    if run is not None and run.calls and run.not_before is None:
        metrics.TAKEOVERS.inc()
    driver = Driver(RunLog(world.projects, lease, current), world, settings)
    async with driver.listening():
        return await driver.run()


class Driver:
    """Drives one project's run while its lease is held."""

    def __init__(self, log: RunLog, world: World, settings: DriverSettings) -> None:
        self.log = log
        self._world = world
        self._settings = settings
        self._poked = asyncio.Event()
        self._asking = Asking(log, world, settings)

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
        if self._asking.screen is not None:
            return encode(self._asking.screen.so_far())
        run = self.log.project.run
        run_id, calls = (run.id, run.calls) if run else (UUID(int=0), 0)
        return encode(OpenFile(run_id, calls, path=None, text=""))

    async def run(self) -> bool:
        """Perform effects until the project has none left; tell whether it had any."""
        performed = False
        while (effect := await self._next_effect()) is not None:
            try:
                await self._perform_one(effect)
            except Exception as error:
                if not _is_ours(error):
                    await self._record_breakage(effect)
                raise
            performed = True
        return performed

    async def _next_effect(self) -> Effect | None:
        limits = await self._world.limits.current()
        return next_effect(self.log.project, limits)

    async def _perform_one(self, effect: Effect) -> None:
        before, name = self.log.project.version, type(effect).__name__
        # A run has one trace, whoever drives it and however often it changes hands.
        with (
            span(name, traceparent_of(effect.run_id), project=str(self.log.project_id)),
            logs.bound(run=effect.run_id),
        ):
            await self._perform(effect)
        if self.log.project.version == before:
            raise RuntimeError(f"{name} changed nothing")

    async def _perform(self, effect: Effect) -> None:
        match effect:
            case DesignPhase() | ImplementPhase():
                await self._while_on(effect.run_id, lambda: self._ask(effect))
                if not self.log.is_on(effect.run_id):
                    await self._asking.settle(effect)
            case SyncSandbox() | InstallPackages() | StartApp():
                if not await self._while_on(
                    effect.run_id, lambda: self._operate(effect)
                ):
                    limits = self._settings.sandbox
                    await cancel(self._world.sandbox, self.log, effect, limits)
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
            case FailRun(_, message, suspect):
                return lambda now: outcome.failed(now, run_id, message, suspect)
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
        finished = not task.cancelled() and task.result()
        if not finished and self.log.project.state is RunState.IDLE:
            metrics.RUNS.labels("stopped").inc()
        return finished

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

    async def _ask(self, effect: ModelEffect) -> None:
        match effect:
            case DesignPhase():
                await self._asking.design(effect)
            case ImplementPhase():
                await self._asking.implement(effect)
            case _:
                assert_never(effect)

    async def _operate(self, effect: SandboxEffect) -> None:
        fp("driver.before_sandbox")
        world, limits = self._world, self._settings.sandbox
        answer = await operate(world.sandbox, self.log, effect, limits)
        problems: list[Problem] = []
        if app_runs(self.log.project, answer):
            problems = await check(world.sandbox, self.log, effect, limits)
        fp("driver.after_sandbox")
        await self.log.record(lambda now: recorded(now, effect, answer, problems))

    async def _record_breakage(self, effect: Effect) -> None:
        """Count what this program got wrong, so that it is not tried for ever."""
        await self.log.record(lambda project: outcome.broke(project, effect.run_id))
        if isinstance(effect, DesignPhase | ImplementPhase):
            await self._asking.settle(effect)


async def _unless_over(work: Callable[[], Awaitable[None]]) -> bool:
    try:
        await work()
    except RunOver:
        return False
    return True


def _is_ours(error: Exception) -> bool:
    """Tell whether *error* is one that this package expects."""
    if isinstance(error, ExceptionGroup):
        _, others = error.split((EventCoreError, NotYet))
        return others is None
    return isinstance(error, EventCoreError | NotYet)
