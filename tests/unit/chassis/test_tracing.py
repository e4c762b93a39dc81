"""Traces without a collector."""

import re

from chassis.tracing import new_traceparent, span

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_a_collector_a_trace_is_handed_on_unchanged() -> None:
    with span("append", TRACEPARENT, count=1) as onward:
        assert onward == TRACEPARENT


def test_a_trace_begins_where_none_was_handed_in() -> None:
    with span("request") as onward:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", onward)


def test_traces_differ() -> None:
    assert new_traceparent() != new_traceparent()
