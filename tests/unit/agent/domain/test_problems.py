"""The same trouble is known again, and what is told of it has an end."""

import pytest

from agent.domain.problems import (
    MAX_PROBLEMS,
    fingerprint,
    from_failure,
    sentence,
    tidy,
)
from contracts.project import Problem
from contracts.sandbox import Failed

ERROR = Problem(
    "compile", "src/App.tsx:12:5 ERROR: Unexpected token", "src/App.tsx", 12
)


@pytest.mark.parametrize(
    "again",
    [
        Problem(
            "compile", "src/App.tsx:14:9 ERROR: Unexpected token", "src/App.tsx", 14
        ),
        Problem(
            "compile",
            "built in 9 ms\nsrc/App.tsx:1:1 error: unexpected token",
            "src/App.tsx",
        ),
    ],
)
def test_numbers_and_chatter_do_not_make_another_problem(again: Problem) -> None:
    assert fingerprint(tidy([ERROR])) == fingerprint(tidy([again]))


@pytest.mark.parametrize(
    "other",
    [
        [],
        [Problem("compile", "src/App.tsx:12:5 ERROR: No such name", "src/App.tsx", 12)],
        [Problem("types", ERROR.message, "src/App.tsx", 12)],
        [Problem("compile", ERROR.message, "src/Other.tsx", 12)],
        [ERROR, Problem("console", "TypeError: x is not a function")],
    ],
)
def test_another_problem_is_another(other: list[Problem]) -> None:
    assert fingerprint([ERROR]) != fingerprint(other)


def test_the_order_of_problems_does_not_matter() -> None:
    two = Problem("console", "TypeError: x")
    assert fingerprint([ERROR, two]) == fingerprint([two, ERROR, two])


def test_a_failed_step_says_what_it_knows() -> None:
    failed = Failed("It ended.", "line\n\x1b[31mSyntaxError\x1b[0m: x\n")
    assert from_failure(failed, "start") == [
        Problem("start", "It ended.\nline\nSyntaxError: x")
    ]
    in_parts = Failed("It ended.", problems=[ERROR, ERROR])
    assert from_failure(in_parts, "start") == [ERROR]


def test_what_is_told_has_an_end() -> None:
    many = [Problem("console", f"error {'x' * 9_000} {number}") for number in range(99)]
    told = tidy(many)
    assert len(told) == MAX_PROBLEMS
    assert max(len(one.message) for one in told) < 4_100


def test_a_problem_is_told_in_part_of_a_sentence() -> None:
    assert sentence(Problem("types", "No such name.\nmore", "a.ts", 3)) == (
        "No such name in a.ts, line 3"
    )
    assert sentence(Problem("start", "It ended.")) == "It ended"
