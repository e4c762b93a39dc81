"""Spans reach a collector."""

import subprocess
import sys

import pytest

from tests.support.otlp import Span, receiver

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = PARENT[3:35]

PROGRAM = f"""
import asyncio, time
from uuid import UUID
from chassis import tracing
tracing.setup("agent")
parent = "{PARENT}"
"""


def spans_of(program: str, **environment: str) -> dict[str, Span]:
    """Run *program* as a service would; return its spans by name."""
    with receiver() as collector:
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        source = f"{PROGRAM}{program}\ntracing.shutdown()"
        subprocess.run([sys.executable, "-c", source], env=environment, check=True)
        return {span.name: span for span in collector.spans()}


def test_a_span_and_its_child_join_the_trace_that_was_handed_in() -> None:
    spans = spans_of("""
with tracing.span("outer", parent):
    with tracing.span("inner", project="x"):
        pass
""")
    assert {span.trace for span in spans.values()} == {TRACE}
    assert spans["outer"].parent == PARENT[36:52]
    assert spans["inner"].parent == spans["outer"].id
    assert spans["inner"].attributes == {"project": "x"}
    assert spans["inner"].service == "agent"


def test_the_trace_of_a_run_is_the_same_whoever_goes_on_with_it() -> None:
    spans = spans_of("""
run = UUID("12345678-9abc-4def-8123-456789abcdef")
with tracing.span("second", tracing.traceparent_of(run)):
    pass
with tracing.root("first", run):
    pass
""")
    assert spans["first"].trace == spans["second"].trace
    assert spans["first"].parent == ""
    assert spans["second"].parent == spans["first"].id


def test_tasks_that_begin_inside_a_span_belong_to_it() -> None:
    spans = spans_of("""
async def step():
    await asyncio.sleep(0)
    with tracing.span("step"):
        pass
async def work():
    with tracing.span("whole", parent):
        task = asyncio.create_task(step())
    await task
asyncio.run(work())
""")
    assert spans["step"].parent == spans["whole"].id


def test_what_fails_is_marked_and_its_words_are_kept_out() -> None:
    spans = spans_of("""
try:
    with tracing.span("work"):
        raise ValueError("a secret")
except ValueError:
    pass
""")
    assert spans["work"].failed
    assert "secret" not in repr(spans["work"])


def test_a_span_may_have_begun_before() -> None:
    spans = spans_of('tracing.record("call", parent, time.time() - 5, model="m")')
    assert spans["call"].took_s >= 5
    assert spans["call"].trace == TRACE


@pytest.mark.parametrize("share", ["0", "0.0001"])
def test_what_is_not_sampled_is_handed_on_and_not_sent(share: str) -> None:
    program = """
with tracing.span("outer", parent) as onward:
    assert onward == parent == tracing.current(), onward
tracing.record("call", parent, 0.0)
"""
    assert spans_of(program, OTEL_TRACES_SAMPLER_ARG=share) == {}


def test_all_services_choose_the_same_traces_of_runs() -> None:
    spans = spans_of(
        """
import random
ids = random.Random(1)
for number in range(1000):
    run = UUID(int=ids.getrandbits(128), version=4)
    with tracing.span(str(number), tracing.traceparent_of(run)):
        with tracing.span(f"inside {number}"):
            pass
""",
        OTEL_TRACES_SAMPLER_ARG="0.1",
    )
    whole = {name for name in spans if f"inside {name}" in spans}
    assert len(spans) == 2 * len(whole)
    assert 60 < len(whole) < 140
