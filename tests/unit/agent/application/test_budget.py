"""What a call may still cost, by the length of its answer."""

import pytest

from agent.application.budget import Budget, budget_of
from contracts.project import Price, ProjectSettings, SettingsChanged
from contracts.requests import SpendLimits
from tests.unit.agent.examples import IMPLEMENTING, History, project_after

PROMPT_TOKENS = 1_000
PRICED = Price(prompt_usd=1.0, completion_usd=1000.0)


def budget(history: History, limits: SpendLimits, price: Price | None) -> Budget:
    project = project_after(history)
    assert project.run is not None
    return budget_of(project, project.run, limits, PROMPT_TOKENS, price)


def test_without_limits_an_answer_may_have_any_length() -> None:
    assert budget(IMPLEMENTING, SpendLimits(), PRICED).take("x" * 10**7) is None


@pytest.mark.parametrize(("more", "is_over"), [(0, False), (8, True)])
def test_tokens_count_prompt_and_answer_and_what_was_used_before(
    more: int,
    is_over: bool,  # noqa: FBT001 - an example
) -> None:
    limits = SpendLimits(run_tokens=15 + 1_000 + 500)  # 15 went into the plan
    counted = budget(IMPLEMENTING, limits, None)
    assert counted.take("x" * 1_000) is None
    assert (counted.take("x" * (1_000 + more)) is not None) == is_over


@pytest.mark.parametrize(
    "limits", [SpendLimits(run_usd=0.6), SpendLimits(project_usd=0.6, run_usd=9.0)]
)
def test_money_is_counted_by_the_models_price(limits: SpendLimits) -> None:
    counted = budget(IMPLEMENTING, limits, PRICED)  # $0.10 is spent
    assert counted.take("x" * 1_900) is None
    over = counted.take("x" * 200)
    assert over is not None
    assert "limit of money is reached in the middle of an answer" in over


def test_without_a_price_money_is_only_counted_between_calls() -> None:
    limits = SpendLimits(run_usd=0.2)
    assert budget(IMPLEMENTING, limits, None).take("x" * 10**7) is None


def test_a_projects_own_limit_comes_first() -> None:
    own = SettingsChanged(ProjectSettings(max_run_tokens=10**9))
    counted = budget([*IMPLEMENTING, own], SpendLimits(run_tokens=100), None)
    assert counted.take("x" * 8_000) is None


def test_what_is_left_of_the_day_counts_as_well() -> None:
    project = project_after(IMPLEMENTING)
    assert project.run is not None
    counted = budget_of(
        *(project, project.run, SpendLimits(), PROMPT_TOKENS, PRICED), left_usd=0.1
    )
    assert counted.take("x" * 300) is None
    assert counted.take("x" * 200) is not None
