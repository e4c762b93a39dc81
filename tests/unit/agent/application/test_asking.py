"""What a call of the model may cost, how long it waits, and what is recorded of it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from typing_extensions import override

from agent.application.asking import pause_before
from agent.application.driver import drive
from agent.application.world import NotYet, World, leaves
from agent.domain.outcome import CallEnd
from agent.ports import Model, ModelCall, Piece, Reserved, Unseen
from contracts import codec
from contracts.envelope import Context
from contracts.project import (
    ModelCallCounted,
    ModelCallEnded,
    ModelCallStarted,
    Price,
    RunState,
    StartRun,
    StopRun,
    Usage,
)
from contracts.requests import ModelInfo, SpendLimits
from contracts.sandbox import Failed
from eventcore.adapters.memory import MemoryStore
from tests.unit.agent.application.doubles import (
    NOON,
    SETTINGS,
    STREAM,
    FixedLedger,
    ScriptedModel,
    ScriptedSandbox,
    UnknownModels,
    failures,
    project_of,
    world_after,
)
from tests.unit.agent.examples import (
    COMPLETE,
    DESIGNING,
    IMPLEMENTING,
    NEXT_RUN_ID,
    OWNER,
    History,
    by_owner,
)

FILES = "cat > index.html << 'EOF'\n<p>\nEOF\ncat > src/app.ts << 'EOF'\nlet a\nEOF\n"
BUSY = CallEnd("failed", "fake/model", error="Busy.", unpaid=True, retry_after_s=120.0)
PRICE = Price(prompt_usd=10.0, completion_usd=100.0)
DAY = SpendLimits(user_day_usd=5.0)
PLANLESS = json.dumps({"name": "Nothing " * 900})


class PricedModels(UnknownModels):
    """Knows what every model costs."""

    @override
    async def find(self, model: str) -> ModelInfo | None:
        prices = (PRICE.prompt_usd, PRICE.completion_usd)
        return ModelInfo(model, model, 50_000, *prices)


class Answers(Model):
    """Gives one answer after the other, and nothing but silence after them."""

    def __init__(self, *answers: tuple[Piece, ...]) -> None:
        self.answers = list(answers)
        self.calls: list[ModelCall] = []
        self.silent = asyncio.Event()

    @override
    async def answer(self, call: ModelCall) -> AsyncGenerator[Piece, None]:
        self.calls.append(call)
        for piece in self.answers.pop(0) if self.answers else ():
            yield piece
            if isinstance(piece, CallEnd):
                return
        self.silent.set()
        await asyncio.Event().wait()


async def events_of(world: World) -> list[object]:
    store = world.leases
    assert isinstance(store, MemoryStore)
    return [codec.decode_stored(data) for data in (await store.replay(STREAM)).data]


async def ends_of(world: World) -> list[ModelCallEnded]:
    return [one for one in await events_of(world) if isinstance(one, ModelCallEnded)]


async def second_end(world: World) -> ModelCallEnded:
    """Return the end of the call that follows the plan, when it is recorded."""
    async with asyncio.timeout(10):
        while True:
            ends = await ends_of(world)
            if ends[1:]:
                return ends[1]
            await asyncio.sleep(0.005)


async def order(world: World, command: StopRun | StartRun) -> None:
    """Have the owner's command carried out, as another worker does."""
    await world.projects.execute(
        STREAM,
        by_owner(command),
        command_id=uuid4(),
        context=Context(OWNER),
        accept=lambda _: b"",
        refuse=lambda _: b"",
    )


# --- what a call costs --------------------------------------------------------------


async def test_a_call_without_usage_is_recorded_with_an_estimate() -> None:
    cut = CallEnd("cut", "fake/model", error="Broke off.")
    model = Answers((FILES, cut))
    world = await world_after(
        IMPLEMENTING, model=model, sandbox=ScriptedSandbox(Failed("No."))
    )
    await drive(STREAM, replace(world, catalog=PricedModels()), SETTINGS)
    usage = (await ends_of(world))[-1].usage
    assert usage.completion_tokens == len(FILES) // 4
    assert usage.estimated
    assert (usage.prompt_tokens or 0) > 500
    assert usage.cost_usd == pytest.approx(
        (usage.prompt_tokens or 0) * 1e-5 + (usage.completion_tokens or 0) * 1e-4
    )


async def test_a_call_that_was_refused_costs_nothing() -> None:
    refused = CallEnd("failed", "m", error="No key.", hopeless=True, unpaid=True)
    world = await world_after(DESIGNING, model=Answers((refused,)))
    await drive(STREAM, world, SETTINGS)
    assert [end.usage for end in await ends_of(world)] == [Usage()]


async def test_a_stopped_call_is_counted_by_its_driver() -> None:
    model = Answers((FILES + "cat > more.ts << 'EOF'\n" + "x" * 4_000,))
    world = await world_after(IMPLEMENTING, model=model)
    driving = asyncio.create_task(drive(STREAM, world, replace(SETTINGS, watch_s=0.01)))
    await model.silent.wait()
    await order(world, StopRun())
    await driving
    (counted,) = [
        one for one in await events_of(world) if isinstance(one, ModelCallCounted)
    ]
    assert (counted.usage.prompt_tokens, counted.usage.estimated) == (0, True)
    assert (counted.usage.completion_tokens or 0) >= 1_000
    assert (await project_of(world)).state is RunState.IDLE


# --- what it may cost ---------------------------------------------------------------


@pytest.mark.parametrize(
    "limits", [SpendLimits(run_tokens=300), SpendLimits(run_usd=0.001)]
)
@pytest.mark.parametrize("history", [DESIGNING, IMPLEMENTING])
async def test_no_call_is_made_that_its_prompt_alone_takes_over_a_limit(
    limits: SpendLimits, history: History
) -> None:
    model = Answers()
    world = await world_after(history, model=model, ledger=FixedLedger(limits=limits))
    await drive(STREAM, replace(world, catalog=PricedModels()), SETTINGS)
    (message,) = await failures(world)
    assert "limit" in message
    assert model.calls == []


@pytest.mark.parametrize(
    "limits", [SpendLimits(run_tokens=2_000), SpendLimits(run_usd=0.1)]
)
async def test_a_plan_ends_where_its_limit_does(limits: SpendLimits) -> None:
    model = ScriptedModel(PLANLESS, COMPLETE)
    world = await world_after(DESIGNING, model=model, ledger=FixedLedger(limits=limits))
    await drive(STREAM, replace(world, catalog=PricedModels()), SETTINGS)
    (message,) = await failures(world)
    assert "is reached in the middle of an answer" in message


@pytest.mark.parametrize(
    "unseen", [Unseen(thoughts=90_000), Unseen(lost=9)], ids=["thoughts", "lost"]
)
@pytest.mark.parametrize("history", [DESIGNING, IMPLEMENTING])
async def test_what_nobody_sees_counts_against_limits_at_once(
    history: History, unseen: Unseen
) -> None:
    limits = SpendLimits(run_tokens=1_500)
    model = Answers((unseen, FILES, COMPLETE))
    world = await world_after(history, model=model, ledger=FixedLedger(limits=limits))
    await drive(STREAM, replace(world, catalog=PricedModels()), SETTINGS)
    (message,) = await failures(world)
    assert "is reached in the middle of an answer" in message
    (end,) = [end for end in await ends_of(world) if end.usage.estimated]
    assert (end.usage.prompt_tokens or 0) + (end.usage.completion_tokens or 0) > 1_500


async def test_money_of_the_day_is_held_before_a_call() -> None:
    ledger = FixedLedger(limits=DAY)
    model = Answers((FILES, COMPLETE))
    sandbox = ScriptedSandbox(Failed("No."))
    world = await world_after(IMPLEMENTING, model=model, ledger=ledger, sandbox=sandbox)
    await drive(STREAM, replace(world, catalog=PricedModels()), SETTINGS)
    (wanted,) = ledger.wanted
    assert 5.0 < wanted < 5.2  # an answer as long as the window, and the prompt


class DearFallbacks(UnknownModels):
    """Has a fallback that costs more than the first model, and takes in less."""

    @override
    async def find(self, model: str) -> ModelInfo | None:
        if model == SETTINGS.write_models[0]:
            return ModelInfo(model, model, 100_000, 1.0, 10.0)
        return ModelInfo(model, model, 50_000, 10.0, 100.0)


async def test_a_fallback_that_is_dearer_and_smaller_counts() -> None:
    ledger = FixedLedger(limits=DAY)
    model = Answers((FILES, COMPLETE))
    sandbox = ScriptedSandbox(Failed("No."))
    world = await world_after(IMPLEMENTING, model=model, ledger=ledger, sandbox=sandbox)
    models = (*SETTINGS.write_models, "fake/other")
    settings = replace(SETTINGS, write_models=models)
    await drive(STREAM, replace(world, catalog=DearFallbacks()), settings)
    (wanted,) = ledger.wanted
    assert 5.0 < wanted < 5.2  # 50,000 tokens at its price


async def test_a_call_waits_for_money_that_calls_of_others_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.application.asking._HELD_PAUSE_S", 0.001)
    ledger = FixedLedger(limits=DAY, held=3)
    model = Answers((FILES, COMPLETE))
    sandbox = ScriptedSandbox(Failed("No."))
    world = await world_after(IMPLEMENTING, model=model, ledger=ledger, sandbox=sandbox)
    await drive(STREAM, replace(world, catalog=PricedModels()), SETTINGS)
    assert (len(ledger.wanted), len(model.calls)) == (4, 1)


async def test_without_a_price_nothing_is_held_and_the_day_counts() -> None:
    ledger = FixedLedger(limits=DAY)
    model = Answers((FILES, COMPLETE))
    sandbox = ScriptedSandbox(Failed("No."))
    world = await world_after(IMPLEMENTING, model=model, ledger=ledger, sandbox=sandbox)
    await drive(STREAM, world, SETTINGS)
    assert (ledger.wanted, len(model.calls)) == ([0.0], 1)


async def test_a_stop_before_a_call_begins_gives_back_what_was_held() -> None:
    class StoppedMeanwhile(FixedLedger):
        holds = False

        @override
        async def reserve(self, *_: object) -> Reserved:
            self.holds = True
            await order(world, StopRun())
            await asyncio.Event().wait()
            raise AssertionError

        @override
        async def release(self, project_id: UUID) -> None:
            self.holds = False

    ledger = StoppedMeanwhile(limits=DAY)
    world = await world_after(IMPLEMENTING, model=Answers(), ledger=ledger)
    async with asyncio.timeout(10):
        await drive(STREAM, world, replace(SETTINGS, watch_s=0.01))
    assert (await project_of(world)).state is RunState.IDLE
    assert not ledger.holds


# --- how long it waits --------------------------------------------------------------


async def left(world: World) -> list[float]:
    """Drive until the run is left alone; return for how many seconds."""
    waits: list[float] = []
    try:
        await drive(STREAM, world, SETTINGS)
    except* NotYet as group:
        waits += [one.wait_s for one in leaves(group)]
    return waits


async def test_a_provider_that_wants_patience_is_left_alone_and_a_stop_works() -> None:
    model = Answers((BUSY,))
    world = await world_after(IMPLEMENTING, model=model)
    assert await left(world) == [120.0]
    end = await second_end(world)
    assert end.retry_at == NOON + timedelta(seconds=120)
    run = (await project_of(world)).run
    assert run is not None
    assert run.not_before == end.retry_at
    await order(world, StopRun())
    assert await left(world) == []
    assert (await project_of(world)).state is RunState.IDLE
    assert len(model.calls) == 1


async def test_whoever_goes_on_waits_for_the_rest_and_no_longer() -> None:
    model = Answers((BUSY,), (FILES, COMPLETE))
    world = await world_after(
        IMPLEMENTING, model=model, sandbox=ScriptedSandbox(Failed("No."))
    )
    assert await left(world) == [120.0]
    later = replace(world, now=lambda: NOON + timedelta(seconds=60))
    assert await left(later) == [60.0]
    assert len(model.calls) == 1
    over = replace(world, now=lambda: NOON + timedelta(seconds=121))
    assert await left(over) == []
    assert len(model.calls) == 2
    started = [o for o in await events_of(world) if isinstance(o, ModelCallStarted)]
    assert [one.attempt for one in started] == [1, 1, 2]


@pytest.mark.parametrize(
    ("asked_s", "least", "most"),
    [(30.0, 30.5, 31.5), (-86_400.0, 0.5, 1.5), (86_400.0, 900.5, 901.5)],
)
async def test_nobody_comes_back_early_nor_all_at_once(
    asked_s: float, least: float, most: float
) -> None:
    world = await world_after(IMPLEMENTING)
    run = (await project_of(world)).run
    assert run is not None
    busy = replace(run, busy=1, not_before=NOON + timedelta(seconds=asked_s))
    settings = replace(SETTINGS, pause_s=1.0)
    pauses = {pause_before(busy, settings, NOON) for _ in range(50)}
    assert all(least <= pause_s <= most for pause_s in pauses)
    assert len(pauses) > 1


async def test_a_provider_that_wants_too_much_patience_ends_the_run() -> None:
    busy = replace(BUSY, retry_after_s=7_200.0)
    world = await world_after(IMPLEMENTING, model=Answers((busy,)))
    await drive(STREAM, world, SETTINGS)
    (message,) = await failures(world)
    assert "wants no call for 120 minutes" in message


# --- a file that was cut off --------------------------------------------------------


async def test_a_file_that_was_cut_off_is_not_gone_on_with_in_another_run() -> None:
    cut = ("cat > index.html << 'EOF'\n<p>one</p>\n<p>tw", CallEnd("length", "m"))
    files = {"path": "index.html", "purpose": ""}
    plan = {"name": "Again", "description": "", "files": [files], "isLastPhase": True}
    model = Answers(cut, (json.dumps(plan), COMPLETE), (FILES, COMPLETE))
    world = await world_after(
        IMPLEMENTING, model=model, sandbox=ScriptedSandbox(Failed("No."))
    )
    patient = replace(SETTINGS, pause_s=60.0, watch_s=0.01)
    driving = asyncio.create_task(drive(STREAM, world, patient))
    await second_end(world)
    await order(world, StopRun())
    await order(world, StartRun(NEXT_RUN_ID))
    async with asyncio.timeout(10):
        await driving
    roles = [message.role for message in model.calls[-1].messages]
    assert (len(model.calls), "assistant" in roles) == (3, False)
