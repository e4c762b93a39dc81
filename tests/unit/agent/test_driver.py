"""What a driver does when the world, or the agent itself, does not do its part."""

from collections.abc import AsyncGenerator, Callable
from uuid import UUID, uuid4

import pytest
from typing_extensions import override

from agent.application.driver import DriverSettings, World, drive
from agent.application.operating import SandboxLimits
from agent.domain.outcome import CallEnd
from agent.domain.project import PROJECT, Project
from agent.ports import Model, ModelCall, Sandbox
from contracts import codec
from contracts.envelope import Context
from contracts.project import RunFailed, RunState
from contracts.sandbox import (
    CancelOperation,
    Done,
    Failed,
    Pending,
    SandboxAnswer,
    SandboxRequest,
    StaleEpoch,
)
from eventcore.adapters.memory import MemoryBus, MemoryStore
from eventcore.errors import Unavailable
from eventcore.execute import Executor
from tests.unit.agent.examples import (
    DESIGNING,
    FINISHED,
    IMPLEMENTING,
    INSTALLING,
    OWNER,
    History,
)

STREAM = UUID(int=1)
SETTINGS = DriverSettings(
    owner="me",
    design_model="fake/model",
    writing_model="fake/model",
    pause_s=0.0,
    sandbox=SandboxLimits(pause_s=0.001, away_s=0.01, whole_s=0.1),
)


class ScriptedModel(Model):
    """Answers every call alike."""

    def __init__(self, *pieces: str | CallEnd) -> None:
        self.pieces = pieces

    @override
    async def answer(self, call: ModelCall) -> AsyncGenerator[str | CallEnd, None]:
        for piece in self.pieces:
            yield piece
        if not self.pieces:
            raise RuntimeError("a bug")


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
) -> World:
    store = MemoryStore()
    events = [event for event in history if not isinstance(event, codec.UnknownEvent)]
    await store.append(STREAM, events, expected=0, context=Context(OWNER))
    projects = Executor(store, PROJECT, codec.decode_stored)
    return World(
        projects=projects,
        leases=store,
        bus=bus or MemoryBus(),
        model=model or ScriptedModel(),
        sandbox=sandbox or ScriptedSandbox(),
        new_id=uuid4,
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
    world = await world_after(INSTALLING, sandbox=ScriptedSandbox(Failed("No.")))
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
        (Failed("No such package."), "No such package."),
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
    events = [codec.decode_stored(data) for data in await store.replay(STREAM)]
    return [event.message for event in events if isinstance(event, RunFailed)]
