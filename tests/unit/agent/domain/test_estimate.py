"""What calls cost where nobody tells: never nothing, and nothing twice."""

import pytest
from msgspec.structs import replace

from agent.domain import outcome
from agent.domain.estimate import Counted, beyond, filled, tokens_of
from agent.domain.outcome import CallEnd
from agent.domain.run import ImplementPhase
from agent.domain.run_state import Run
from contracts.project import (
    Image,
    ModelCallCounted,
    ModelCallEnded,
    Price,
    ProjectEvent,
    StopRun,
    Usage,
)
from contracts.requests import UsageTotals
from tests.unit.agent.examples import (
    FILE_ID,
    IMPLEMENTING,
    RUN_ID,
    History,
    implement_effect,
    ordered,
    project_after,
    then,
)

PRICE = Price(prompt_usd=1.0, completion_usd=10.0)
COUNTED = Counted(1_000, 400, price=PRICE)
EFFECT = implement_effect(project_after(IMPLEMENTING))


def begun(effect: ImplementPhase = EFFECT) -> History:
    """Return a history with a call whose prompt was counted, and one of its files."""
    return then(
        IMPLEMENTING,
        lambda now: outcome.call_started(
            now, effect, "fake/model", prompt_tokens=1_000, price=PRICE
        ),
        lambda now: outcome.file_written(now, effect, FILE_ID, "index.html", "x" * 200),
    )


def the_end(events: list[ProjectEvent]) -> Usage:
    (ended,) = [event for event in events if isinstance(event, ModelCallEnded)]
    return ended.usage


def run_of(history: History) -> Run:
    run = project_after(history).run
    assert run is not None
    return run


def test_without_a_word_all_is_an_estimate() -> None:
    assert filled(Usage(), COUNTED) == Usage(1_000, 100, 0.002, estimated=True)


def test_what_the_provider_tells_is_believed() -> None:
    told = Usage(7, 9, 0.5)
    assert filled(told, COUNTED) == told


def test_tokens_without_a_price_tag_are_priced() -> None:
    usage = filled(Usage(1_000, 100), COUNTED)
    assert usage == Usage(1_000, 100, 0.002, estimated=True)


def test_without_a_price_only_tokens_are_known() -> None:
    assert filled(Usage(), Counted(8, 8)) == Usage(8, 2, None, estimated=True)


@pytest.mark.parametrize(
    ("told", "tokens"), [(Usage(), 3_000), (Usage(7, 9, 0.5), 2_007)]
)
def test_requests_that_were_lost_had_the_prompt_too(told: Usage, tokens: int) -> None:
    usage = filled(told, Counted(1_000, 400, lost=2, price=PRICE))
    assert (usage.prompt_tokens, usage.estimated) == (tokens, True)
    assert (usage.cost_usd or 0) >= (told.cost_usd or 0) + 0.002


def test_only_what_was_not_recorded_is_counted_again() -> None:
    recorded = Usage(1_000, 40, 0.0014, estimated=True)
    assert beyond(COUNTED, recorded) == Usage(0, 60, 0.0006, estimated=True)
    assert beyond(COUNTED, COUNTED.usage) is None


def test_a_picture_counts_as_many_words() -> None:
    assert tokens_of(["x" * 40], [Image("image/png", b"")]) == 1_010


def test_a_call_whose_worker_died_costs_its_prompt_and_its_files() -> None:
    events = outcome.call_interrupted(project_after(begun()), RUN_ID)
    assert the_end(events) == Usage(1_000, 50, 0.0015, estimated=True)


def test_what_an_orphaned_call_has_cost_counts_against_limits() -> None:
    history = then(begun(), lambda now: outcome.call_interrupted(now, RUN_ID))
    assert run_of(history).usage.prompt_tokens == 10 + 1_000
    assert project_after(history).usage.completion_tokens == 5 + 50


def test_a_call_of_an_earlier_version_costs_nothing_that_is_known() -> None:
    history = then(
        IMPLEMENTING, lambda now: outcome.call_started(now, EFFECT, "fake/model")
    )
    events = outcome.call_interrupted(project_after(history), RUN_ID)
    assert the_end(events) == Usage()


def test_a_stopped_call_is_counted_to_the_last_character_and_once() -> None:
    stopped = ordered(begun(), StopRun())
    counted = [*stopped, *outcome.call_counted(project_after(stopped), EFFECT, COUNTED)]
    more = counted[-1]
    assert isinstance(more, ModelCallCounted)
    assert more.usage == Usage(0, 50, 0.0005, estimated=True)
    total = project_after(counted).usage
    assert total.cost_usd == pytest.approx(0.102)
    assert replace(total, cost_usd=0) == UsageTotals(2, 1_010, 105, 0)
    assert outcome.call_counted(project_after(counted), EFFECT, COUNTED) == []


def test_another_call_than_the_last_one_is_not_counted() -> None:
    end = CallEnd("cut", "fake/model", COUNTED.usage)
    history = then(begun(), lambda now: outcome.call_ended(now, EFFECT, end))
    other = implement_effect(project_after(history))
    assert outcome.call_counted(project_after(history), other, COUNTED) == []
    assert outcome.call_counted(project_after(history), EFFECT, COUNTED) == []
