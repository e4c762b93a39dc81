"""What a provider's refusal means for the run and for the person."""

import pytest

from agent.adapters.completion import Problem
from agent.adapters.refusals import explain


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529, 0])
def test_what_may_pass_is_tried_again(status: int) -> None:
    refusal = explain(status, None, "a/model")
    assert refusal.retryable
    assert not refusal.hopeless


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "choose another model"),
        (401, "check OPENROUTER_API_KEY"),
        (402, "add credit"),
        (403, "change the request"),
        (404, "choose another one"),
        (422, "choose another model"),
    ],
)
def test_what_does_not_pass_says_what_to_do(status: int, advice: str) -> None:
    refusal = explain(status, Problem(status, "Nope"), "a/model")
    assert refusal.hopeless
    assert advice in refusal.sentence


def test_money_that_is_only_in_flight_comes_back() -> None:
    problem = Problem(402, "Wait", limit_source="openrouter_in_flight_budget")
    assert explain(402, problem, "a/model").retryable


def test_a_project_that_is_too_large_is_not_sent_again() -> None:
    problem = Problem(502, "Too long", type="context_length_exceeded")
    refusal = explain(502, problem, "a/model")
    assert refusal.hopeless
    assert "larger context" in refusal.sentence
