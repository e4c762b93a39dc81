"""Traces without a collector."""

import re
from uuid import UUID

import pytest

from chassis import tracing
from chassis.tracing import new_traceparent, span

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_a_collector_a_trace_is_handed_on_unchanged() -> None:
    with span("append", TRACEPARENT, count=1) as onward:
        assert onward == TRACEPARENT


def test_a_trace_begins_where_none_was_handed_in() -> None:
    with span("request") as onward:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", onward)


def test_a_span_belongs_to_the_one_around_it() -> None:
    with span("request") as outer, span("query") as inner:
        assert inner == outer
    assert tracing.current() is None


def test_a_trace_may_be_joined_without_a_span() -> None:
    with tracing.under(TRACEPARENT), tracing.under(None):
        assert tracing.current() == TRACEPARENT


@pytest.mark.parametrize(
    "handed_in",
    ["", "x", "00-a-b", TRACEPARENT + "-more", f"00-{'0' * 32}-b7ad6b7169203331-01"],
)
def test_what_is_no_trace_is_not_handed_on(handed_in: str) -> None:
    with span("request", handed_in) as onward:
        assert onward != handed_in
        assert tracing.current() == onward


def test_traces_differ() -> None:
    assert new_traceparent() != new_traceparent()


def test_the_trace_of_a_run_is_known_from_its_id() -> None:
    run = UUID("12345678-9abc-4def-8123-456789abcdef")
    traceparent = tracing.traceparent_of(run)
    assert traceparent == "00-8123456789abcdef123456789abc4def-123456789abc4def-01"
    with tracing.root("start_run", run) as own:
        assert own == traceparent
