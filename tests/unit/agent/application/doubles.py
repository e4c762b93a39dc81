"""Stand-ins for the world of a driver, and worlds made of them."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from uuid import UUID, uuid4

from typing_extensions import override

from agent.application.limits import HouseLimits
from agent.application.operating import SandboxLimits
from agent.application.world import DriverSettings, World
from agent.domain.outcome import CallEnd
from agent.domain.project import PROJECT
from agent.domain.state import Project
from agent.ports import Catalog, Ledger, Model, ModelCall, Piece, Reserved, Sandbox
from contracts import codec
from contracts.envelope import Context
from contracts.project import RunFailed
from contracts.requests import ModelInfo, SpendLimits
from contracts.sandbox import (
    CancelOperation,
    Done,
    Failed,
    SandboxAnswer,
    SandboxRequest,
    Synced,
    SyncFiles,
)
from eventcore.adapters.memory import MemoryBus, MemoryStore
from eventcore.errors import Unavailable
from eventcore.execute import Executor
from tests.unit.agent.examples import (
    COMPLETE,
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


async def failures(world: World) -> list[str]:
    """Return what people were told of runs that failed."""
    store = world.leases
    assert isinstance(store, MemoryStore)
    events = [codec.decode_stored(data) for data in (await store.replay(STREAM)).data]
    return [event.message for event in events if isinstance(event, RunFailed)]
