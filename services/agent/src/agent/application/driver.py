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

import msgspec
from msgspec import Struct

from agent.application import metrics
from agent.application.budget import budget_of
from agent.application.commands import Projects
from agent.application.lease import HeldLease
from agent.application.limits import HouseLimits
from agent.application.open_file import OpenText
from agent.application.open_reply import OpenReply
from agent.application.operating import (
    SandboxLimits,
    app_runs,
    cancel,
    check,
    operate,
    recorded,
)
from agent.application.run_log import RunLog, RunOver
from agent.application.writing import Writing
from agent.domain import outcome
from agent.domain.outcome import CallEnd
from agent.domain.plan import SCHEMA, PlanInvalid, read_plan
from agent.domain.prompt import (
    Message,
    continuing_messages,
    design_messages,
    implement_messages,
)
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
from agent.domain.run_state import Run
from agent.domain.seam import Partial
from agent.domain.state import Project
from agent.ports import Catalog, Ledger, Model, ModelCall, NewId, Sandbox
from chassis import logs
from chassis.failpoints import fp
from chassis.tracing import span, traceparent_of
from contracts import subjects
from contracts.codec import encode
from contracts.project import Problem, ProjectEvent, RunState
from contracts.requests import ModelInfo, OpenFile, SpendLimits
from eventcore.errors import EventCoreError, Fenced, Unavailable
from eventcore.ports import Bus, Lease, LeaseStore

Outcome = Callable[[Project], list[ProjectEvent]]


class DriverSettings(Struct, frozen=True):
    """Plain values that a driver works with."""

    owner: str
    """Names this process in the leases."""
    design_models: tuple[str, ...]
    """Who plans where a project says nothing: the first one, then its fallbacks."""
    write_models: tuple[str, ...]
    """Who writes where a project or a run says nothing."""
    lease_ttl_s: float = 10.0
    watch_s: float = 0.8
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
    catalog: Catalog
    ledger: Ledger
    limits: HouseLimits
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
        # Another driver goes on, and nothing of ours may follow.
        metrics.FENCED.inc()
    finally:
        with suppress(Unavailable):
            await world.leases.release(lease)
        world.bus.publish(subjects.RUN_POKE, b"")
    return performed


async def _drive_under(lease: Lease, world: World, settings: DriverSettings) -> bool:
    current = await world.projects.load(lease.stream)
    if current.state.run is not None and current.state.run.calls:
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
        self._screen: OpenText | None = None
        self._limits = SpendLimits()
        """What held when the last step began."""
        self._left_today: float | None = None
        """Dollars that may still be spent today; None: any amount."""
        self._cut: Partial | None = None
        """The file that the last answer, of limited length, ended in."""

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
        while (effect := await self._next_effect()) is not None:
            try:
                await self._perform_one(effect)
            except Exception as error:
                if not _is_ours(error):
                    await self._record_breakage(effect.run_id)
                raise
            performed = True
        return performed

    async def _next_effect(self) -> Effect | None:
        self._limits = await self._world.limits.current()
        return next_effect(self.log.project, self._limits)

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

    # --- the language model ---------------------------------------------------------

    async def _design(self, effect: DesignPhase) -> None:
        models = self._models(effect)
        await self._begin(effect, models[0])
        run, info = (
            self.log.run(effect.run_id),
            await self._world.catalog.find(models[0]),
        )
        messages = design_messages(self.log.project, run, _window(info))
        call = ModelCall(models[0], _seen_by(info, messages), SCHEMA, models[1:])
        reply_id = self._world.new_id()
        screen = None
        if run.is_asked or run.messages:  # there may be a question
            screen = OpenReply(self._world.bus, self.log.project_id, reply_id)
        answer, end = await self._whole_answer(call, screen)
        await self.log.record(self._planned(effect, answer, end, reply_id))

    async def _whole_answer(
        self, call: ModelCall, screen: OpenReply | None
    ) -> tuple[str, CallEnd]:
        texts: list[str] = []
        end = CallEnd("cut", call.model, error="The answer broke off without an end.")
        async with aclosing(self._world.model.answer(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, CallEnd):
                    end = piece
                    continue
                texts.append(piece)
                if screen is not None:
                    screen.add(piece)
        return "".join(texts), end

    def _planned(
        self, effect: DesignPhase, answer: str, end: CallEnd, reply_id: UUID
    ) -> Outcome:
        """Return what is recorded of an answer that may be a plan."""
        if end.outcome != "complete":
            return lambda project: outcome.call_ended(project, effect, end)

        def record(project: Project) -> list[ProjectEvent]:
            try:
                plan = read_plan(answer, project)
            except PlanInvalid as error:
                return outcome.plan_refused(project, effect, end, str(error))
            return outcome.phase_designed(project, effect, end, plan, reply_id)

        return record

    async def _implement(self, effect: ImplementPhase) -> None:
        models = self._models(effect)
        await self._begin(effect, models[0])
        run, info = (
            self.log.run(effect.run_id),
            await self._world.catalog.find(models[0]),
        )
        messages = implement_messages(self.log.project, run, effect, _window(info))
        partial, self._cut = _if_missing(self._cut, run), None
        if partial is not None:
            messages = continuing_messages(messages, partial)
        messages = _seen_by(info, messages)
        budget = budget_of(
            *(self.log.project, run, self._limits, messages, info),
            left_usd=self._left_today,
        )
        bus, project_id = self._world.bus, self.log.project_id
        screen = self._screen = OpenText(bus, project_id, run.id, run.calls)
        try:
            writing = Writing(
                *(self.log, effect, screen, self._world.new_id),
                budget=budget,
                partial=partial,
            )
            call = ModelCall(models[0], messages, fallbacks=models[1:])
            end = await writing.write(self._world.model, call)
        finally:
            self._screen = None
        self._cut = writing.cut
        await self.log.record(lambda now: outcome.call_ended(now, effect, end))

    def _models(self, effect: ModelEffect) -> tuple[str, ...]:
        """Return who is asked, the first one and its fallbacks."""
        run, own = self.log.run(effect.run_id), self.log.project.settings
        if isinstance(effect, DesignPhase):
            return tuple(own.design_models) or self._settings.design_models
        chosen = tuple(own.write_models) or self._settings.write_models
        first = () if run.model is None else (run.model,)
        return tuple(dict.fromkeys((*first, *chosen)))

    async def _begin(self, effect: ModelEffect, model: str) -> None:
        """Record that the call starts, after a pause where the last one failed.

        Raises:
            RunOver: The day's money is spent, which is how the run ends.

        """
        barren = self.log.run(effect.run_id).barren
        if barren:
            pause_s = self._settings.pause_s * 2 ** (barren - 1)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        reason = await self._spent_today()
        if reason is not None:
            await self.log.record(
                lambda project: outcome.failed(project, effect.run_id, reason)
            )
            raise RunOver
        await self.log.record(
            lambda project: outcome.call_started(project, effect, model)
        )
        self.log.run(effect.run_id)  # who stopped it meanwhile pays for no call
        fp("driver.before_call")

    async def _spent_today(self) -> str | None:
        """Return why no call is made any more today, or None; learn what is left."""
        limits, owner_id = self._limits, self.log.project.owner_id
        self._left_today = None
        if owner_id is None or (limits.user_day_usd, limits.day_usd) == (None, None):
            return None
        spent = await self._world.ledger.today(owner_id)
        if limits.user_day_usd is not None and spent.user_usd >= limits.user_day_usd:
            return _SPENT_TODAY.format(who="Your projects", usd=limits.user_day_usd)
        if limits.day_usd is not None and spent.all_usd >= limits.day_usd:
            return _SPENT_TODAY.format(who="All projects", usd=limits.day_usd)
        self._left_today = min(
            limit - so_far
            for limit, so_far in (
                (limits.user_day_usd, spent.user_usd),
                (limits.day_usd, spent.all_usd),
            )
            if limit is not None
        )
        return None

    # --- the sandbox ----------------------------------------------------------------

    async def _operate(self, effect: SandboxEffect) -> None:
        fp("driver.before_sandbox")
        world, limits = self._world, self._settings.sandbox
        answer = await operate(world.sandbox, self.log, effect, limits)
        problems: list[Problem] = []
        if app_runs(self.log.project, answer):
            problems = await check(world.sandbox, self.log, effect, limits)
        fp("driver.after_sandbox")
        await self.log.record(lambda now: recorded(now, effect, answer, problems))

    async def _record_breakage(self, run_id: UUID) -> None:
        """Count what this program got wrong, so that it is not tried for ever."""
        await self.log.record(lambda project: outcome.broke(project, run_id))


def _if_missing(partial: Partial | None, run: Run) -> Partial | None:
    """Return *partial* if its file is still to be written."""
    if partial is None or all(file.path != partial.path for file in run.missing):
        return None
    return partial


def _window(info: ModelInfo | None) -> int | None:
    return None if info is None else info.context_tokens


def _seen_by(info: ModelInfo | None, messages: list[Message]) -> list[Message]:
    """Return *messages* without images where the model is known not to see."""
    if info is None or info.sees_images:
        return messages
    return [msgspec.structs.replace(message, images=()) for message in messages]


_SPENT_TODAY = (
    "{who} have used today's limit of ${usd:.2f}: send a message tomorrow to go on, or "
    "have the limit raised."
)


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
