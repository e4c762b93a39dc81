"""What a driver does when the world, or the agent itself, does not do its part."""

import json
from collections.abc import Callable

import pytest
from typing_extensions import override

from agent.application.driver import drive
from agent.domain.outcome import CallEnd
from contracts.project import RunState
from contracts.requests import SpendLimits
from contracts.sandbox import (
    Done,
    Failed,
    Pending,
    SandboxAnswer,
    StaleEpoch,
)
from eventcore.adapters.memory import MemoryBus
from eventcore.errors import Unavailable
from tests.unit.agent.application.doubles import (
    DAILY,
    SETTINGS,
    STREAM,
    FailingInstall,
    FixedLedger,
    ScriptedModel,
    ScriptedSandbox,
    SplitModel,
    failures,
    project_of,
    world_after,
)
from tests.unit.agent.examples import (
    COMPLETE,
    DESIGNING,
    FINISHED,
    IMPLEMENTING,
    INSTALLING,
)


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
