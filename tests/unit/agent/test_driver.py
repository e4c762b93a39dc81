"""What a driver does when the world, or the agent itself, does not do its part."""

import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from typing_extensions import override

from agent.application.driver import drive
from agent.application.limits import HouseLimits
from agent.application.operating import SandboxLimits
from agent.application.world import DriverSettings, World
from agent.domain.outcome import CallEnd
from agent.domain.project import PROJECT
from agent.domain.state import Project
from agent.ports import Catalog, Ledger, Model, ModelCall, Piece, Reserved, Sandbox
from contracts import codec
from contracts.envelope import Context
from contracts.project import RunFailed, RunState
from contracts.requests import ModelInfo, SpendLimits
from contracts.sandbox import (
    CancelOperation,
    Done,
    Failed,
    Pending,
    SandboxAnswer,
    SandboxRequest,
    StaleEpoch,
    Synced,
    SyncFiles,
)
from eventcore.adapters.memory import MemoryBus, MemoryStore
from eventcore.errors import Unavailable
from eventcore.execute import Executor
from tests.unit.agent.examples import (
    COMPLETE,
    DESIGNING,
    FINISHED,
    IMPLEMENTING,
    INSTALLING,
    OWNER,
    History,
)

STREAM = UUID(int=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NO_LIMITS = SpendLimits()
DAILY = SpendLimits(user_day_usd=5.0, day_usd=9.0)
SETTINGS = DriverSettings(
    owner="me",
    design_models=("fake/model",),
    write_models=("fake/model",),
    pause_s=0.0,
    sandbox=SandboxLimits(pause_s=0.001, away_s=0.01, whole_s=0.1),
)


class ScriptedModel(Model):
    """Answers every call alike."""

    def __init__(self, *pieces: str | CallEnd) -> None:
        self.pieces = pieces

    @override
    async def answer(self, call: ModelCall) -> AsyncGenerator[Piece, None]:
        for piece in self.pieces:
            yield piece
        if not self.pieces:
            raise RuntimeError("a bug")


class UnknownModels(Catalog):
    """Says nothing of any model."""

    @override
    async def models(self) -> list[ModelInfo]:
        return []

    @override
    async def find(self, model: str) -> ModelInfo | None:
        return None


class FailingInstall(Sandbox):
    """Holds files, and installs nothing."""

    @override
    async def ask(
        self, request: SandboxRequest, traceparent: str | None
    ) -> SandboxAnswer:
        if isinstance(request.operation, SyncFiles):
            return Synced(2, request.operation.version)
        return Failed("No such package.", "npm error 404 no-such@1.0.0")


class SplitModel(Model):
    """Writes until its limit, then goes on with the line that it wrote last."""

    PAGE = "<p>first line</p>\n<p>second line</p>\n<p>third line</p>\n"

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []

    @override
    async def answer(self, call: ModelCall) -> AsyncGenerator[Piece, None]:
        self.calls.append(call)
        if len(self.calls) == 1:
            yield "cat > index.html << 'EOF'\n<p>first line</p>\n"
            yield "<p>second line</p>\n<p>th"
            yield CallEnd("length", "fake/model", error="Too long.")
        else:
            yield "<p>second line</p>\n<p>third line</p>\nEOF\n"
            yield "cat > src/app.ts << 'EOF'\nlet a = 1\nEOF\n"
            yield COMPLETE


class FixedLedger(Ledger):
    """Knows one day."""

    def __init__(
        self,
        user_usd: float = 0.0,
        all_usd: float = 0.0,
        *,
        limits: SpendLimits = NO_LIMITS,
        held: int = 0,
    ) -> None:
        """Let calls of others hold the money while it is asked for *held* times."""
        self.spent = (user_usd, all_usd)
        self.chosen = limits
        self.held = held
        self.wanted: list[float] = []

    @override
    async def limits(self) -> SpendLimits:
        return self.chosen

    @override
    async def set_limits(self, limits: SpendLimits, by: UUID) -> None:
        self.chosen = limits

    @override
    async def reserve(
        self, project_id: UUID, owner_id: UUID, wanted_usd: float, limits: SpendLimits
    ) -> Reserved:
        self.wanted.append(wanted_usd)
        self.held -= 1
        return Reserved(*self.spent, 0.0 if self.held >= 0 else wanted_usd)

    @override
    async def release(self, project_id: UUID) -> None:
        self.wanted.append(0.0)


class ScriptedSandbox(Sandbox):
    """Answers every request alike."""

    def __init__(self, answer: SandboxAnswer | None = None) -> None:
        self.answer = answer
        self.asked: list[SandboxRequest] = []

    @override
    async def ask(
        self, request: SandboxRequest, traceparent: str | None
    ) -> SandboxAnswer:
        self.asked.append(request)
        if self.answer is None:
            raise Unavailable("the sandbox is away")
        if isinstance(request.operation, CancelOperation):
            return Done()
        return self.answer


async def world_after(
    history: History,
    *,
    model: Model | None = None,
    sandbox: Sandbox | None = None,
    bus: MemoryBus | None = None,
    ledger: Ledger | None = None,
) -> World:
    store = MemoryStore()
    events = [event for event in history if not isinstance(event, codec.UnknownEvent)]
    await store.append(STREAM, events, expected=0, context=Context(OWNER))
    projects = Executor(store, PROJECT, codec.decode_stored)
    ledger = ledger or FixedLedger()
    return World(
        projects=projects,
        leases=store,
        bus=bus or MemoryBus(),
        model=model or ScriptedModel(),
        sandbox=sandbox or ScriptedSandbox(),
        catalog=UnknownModels(),
        ledger=ledger,
        limits=HouseLimits(ledger, NO_LIMITS),
        new_id=uuid4,
        now=lambda: NOON,
    )


async def project_of(world: World) -> Project:
    return (await world.projects.load(STREAM)).state


async def test_a_bug_is_raised_and_counted_and_ends_the_run_in_the_end() -> None:
    world = await world_after(DESIGNING, model=ScriptedModel())
    for _ in range(3):
        with pytest.raises(ExceptionGroup):
            await drive(STREAM, world, SETTINGS)
    assert await drive(STREAM, world, SETTINGS)
    project = await project_of(world)
    assert (project.state, project.run) == (RunState.ERROR, None)


async def test_a_lease_that_somebody_holds_is_left_alone() -> None:
    world = await world_after(DESIGNING)
    assert await world.leases.take(STREAM, "another", 60.0)
    assert not await drive(STREAM, world, SETTINGS)


async def test_the_lease_is_given_back_at_the_end() -> None:
    world = await world_after(FINISHED, sandbox=ScriptedSandbox(Failed("No.")))
    assert await drive(STREAM, world, SETTINGS)
    assert await world.leases.take(STREAM, "another", 60.0)


async def test_a_project_without_a_run_leaves_nothing_to_do() -> None:
    world = await world_after(DESIGNING[:1])
    assert not await drive(STREAM, world, SETTINGS)


async def test_a_stale_epoch_ends_the_drive_and_records_nothing() -> None:
    world = await world_after(INSTALLING, sandbox=ScriptedSandbox(StaleEpoch(7)))
    assert await drive(STREAM, world, SETTINGS)
    assert (await project_of(world)).version == len(INSTALLING)


async def test_every_request_to_the_sandbox_carries_the_epoch() -> None:
    sandbox = ScriptedSandbox(Failed("No."))
    world = await world_after(FINISHED, sandbox=sandbox)
    await drive(STREAM, world, SETTINGS)
    assert [request.epoch for request in sandbox.asked] == [1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "does not answer"),
        (Pending(), "longer than any step may take"),
        (Done(), "answers oddly"),
    ],
)
async def test_a_step_that_comes_to_nothing_ends_the_run(
    answer: SandboxAnswer | None, reason: str
) -> None:
    world = await world_after(INSTALLING, sandbox=ScriptedSandbox(answer))
    assert await drive(STREAM, world, SETTINGS)
    assert (await project_of(world)).state is RunState.ERROR
    assert any(reason in message for message in await failures(world))


@pytest.mark.parametrize(
    "end", [CallEnd("cut", "fake/model"), CallEnd("complete", "fake/model")]
)
async def test_a_model_that_writes_nothing_ends_the_run(end: CallEnd) -> None:
    world = await world_after(IMPLEMENTING, model=ScriptedModel("Sorry.\n", end))
    assert await drive(STREAM, world, SETTINGS)
    assert (await project_of(world)).state is RunState.ERROR


async def test_a_folder_that_cannot_be_made_ends_the_run() -> None:
    world = await world_after(FINISHED, sandbox=ScriptedSandbox(Failed("No room.")))
    assert await drive(STREAM, world, SETTINGS)
    assert await failures(world) == ["No room."]


async def test_the_same_problem_after_its_repair_ends_the_run() -> None:
    plan = {"name": "Fix", "description": "", "files": [], "isLastPhase": True}
    text = json.dumps(plan)
    world = await world_after(
        INSTALLING,
        model=ScriptedModel(text, COMPLETE),
        sandbox=FailingInstall(),
    )
    assert await drive(STREAM, world, SETTINGS)
    (message,) = await failures(world)
    assert message.startswith("A repair did not help against this: No such package")


@pytest.mark.parametrize(
    "ledger",
    [FixedLedger(5.0, limits=DAILY), FixedLedger(all_usd=9.0, limits=DAILY)],
)
async def test_no_call_is_made_when_the_day_is_spent(ledger: FixedLedger) -> None:
    model = ScriptedModel()
    world = await world_after(DESIGNING, model=model, ledger=ledger)
    assert await drive(STREAM, world, SETTINGS)
    (message,) = await failures(world)
    assert "today's limit" in message
    assert not (await project_of(world)).usage.calls


async def test_an_answer_ends_where_its_tokens_do() -> None:
    long = "cat > index.html << 'EOF'\n" + "<p>one more</p>\n" * 4000
    ledger = FixedLedger(limits=SpendLimits(run_tokens=9_000))
    model = ScriptedModel(long, COMPLETE)
    world = await world_after(IMPLEMENTING, model=model, ledger=ledger)
    assert await drive(STREAM, world, SETTINGS)
    (message,) = await failures(world)
    assert "limit of tokens is reached in the middle of an answer" in message


async def test_an_answer_that_grew_too_long_goes_on_where_it_was_cut() -> None:
    model = SplitModel()
    world = await world_after(
        IMPLEMENTING, model=model, sandbox=ScriptedSandbox(Failed("No."))
    )
    assert await drive(STREAM, world, SETTINGS)
    files = (await project_of(world)).files
    assert files["index.html"].content == SplitModel.PAGE
    assert files["src/app.ts"].content == "let a = 1\n"
    assert [message.role for message in model.calls[1].messages][-2:] == [
        "assistant",
        "user",
    ]


async def test_without_a_bus_nothing_is_begun() -> None:
    class NoBus(MemoryBus):
        @override
        async def listen(self, subject: str, listener: Callable[..., None]) -> None:  # type: ignore[override] # never returns
            raise Unavailable("the bus is away")

    world = await world_after(DESIGNING, bus=NoBus())
    with pytest.raises(ExceptionGroup):
        await drive(STREAM, world, SETTINGS)
    assert (await project_of(world)).version == len(DESIGNING)


async def failures(world: World) -> list[str]:
    """Return what people were told of runs that failed."""
    store = world.leases
    assert isinstance(store, MemoryStore)
    events = [codec.decode_stored(data) for data in (await store.replay(STREAM)).data]
    return [event.message for event in events if isinstance(event, RunFailed)]
