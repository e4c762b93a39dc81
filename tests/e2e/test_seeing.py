"""Seeing inside: a run is one trace, its logs say which, and the metrics move."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from msgspec import Struct

from tests.support.otlp import Receiver, Span
from tests.support.polling import wait_until
from tests.support.stack import Person, Stack, person

SERVICES = {"gateway-ws", "agent", "sandbox", "api"}
STEPS = {
    "start_run",  # from the click, in the gateway and in the agent
    "DesignPhase",
    "ImplementPhase",
    "ModelCall",
    "SyncSandbox",
    "StartApp",
    "CompleteRun",
    "sync_files",  # in the sandbox
    "start_server",
    "manifest",  # asked by the sandbox
    "publish",  # by the relay
    "project",  # into the read models
    "show",  # on the socket
}

DEMO = "('model', 'atelier/demo')"
SYNCED = "[('operation', 'sync_files'), ('outcome', 'synced')]"

Metrics = Mapping[str, Mapping[str, float]]


class Built(Struct, frozen=True):
    """An app that somebody had built and watched."""

    project_id: str
    before: Metrics
    after: Metrics


def metrics_of(stack: Stack) -> Metrics:
    return {service: stack.metrics(service) for service in SERVICES}


async def built(somebody: Person) -> Built:
    before = metrics_of(somebody.stack)
    project_id = await somebody.create_project("A pomodoro timer")
    async with somebody.socket(project_id) as socket:
        await socket.build()
    await somebody.project_as(project_id, "complete")
    return Built(project_id, before, metrics_of(somebody.stack))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(stack: Stack) -> Built:
    async with person(stack) as somebody:
        return await built(somebody)


def orphans(spans: list[Span]) -> list[Span]:
    """Return those whose parent is not among them."""
    ids = {span.id for span in spans}
    return [span for span in spans if span.parent and span.parent not in ids]


@pytest.fixture(scope="module")
def trace(app: Built, collector: Receiver) -> list[Span]:
    """All spans of the run, once its last one is there."""
    found: list[Span] = []

    def is_whole() -> bool:
        spans = collector.spans()
        names = [
            span.trace
            for span in spans
            if span.name == "start_run"
            and span.attributes.get("project") == app.project_id
        ]
        assert len(set(names)) <= 1, "a click has one trace"
        found[:] = [span for span in spans if span.trace in names]
        # Each service sends its spans when it likes, a parent's after its children's.
        return {span.name for span in found} >= STEPS and not orphans(found)

    with contextlib.suppress(AssertionError):  # the next line says what is missing
        wait_until(is_whole, "the trace is whole")
    assert STEPS - {span.name for span in found} == set()
    return found


def test_a_run_is_one_trace_through_all_services(trace: list[Span]) -> None:
    assert {span.service for span in trace} == SERVICES
    assert len({span.trace for span in trace}) == 1


def test_the_trace_begins_with_the_click_and_every_span_has_its_parent(
    trace: list[Span],
) -> None:
    first = [span for span in trace if not span.parent]
    assert [(span.service, span.name) for span in first] == [
        ("gateway-ws", "start_run")
    ]
    assert orphans(trace) == []


def test_nothing_of_a_good_run_is_marked_as_failed(trace: list[Span]) -> None:
    assert [span for span in trace if span.failed] == []


def test_no_character_has_a_span_of_its_own(trace: list[Span]) -> None:
    assert len(trace) < 400


def test_logs_name_the_trace_and_the_project(
    stack: Stack, app: Built, trace: list[Span]
) -> None:
    lines = list(json_lines(stack))
    of_run = [line for line in lines if line.get("trace") == trace[0].trace]
    assert {line["project"] for line in of_run if "project" in line} <= {app.project_id}
    assert all("trace" in line for line in lines if line.get("event") == "request")


def json_lines(stack: Stack) -> list[dict[str, Any]]:
    text = stack.log.read_text(errors="replace")
    found = []
    for line in text.splitlines():
        begin = line.find("{")
        if begin >= 0:
            try:
                found.append(msgspec.json.decode(line[begin:]))
            except msgspec.DecodeError:
                continue
    return found


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("agent", "agent_runs_total[('outcome', 'completed')]"),
        ("agent", "agent_model_calls_total[('end', 'complete')]"),
        ("agent", "agent_model_first_text_seconds_count[('purpose', 'implement')]"),
        ("agent", "agent_model_call_seconds_count[('purpose', 'design')]"),
        ("agent", f"agent_tokens_total[('direction', 'read'), {DEMO}]"),
        ("agent", f"agent_tokens_total[('direction', 'written'), {DEMO}]"),
        ("agent", "agent_relay_position[('shard', '0')]"),
        ("gateway-ws", "gateway_event_to_screen_seconds_count"),
        ("gateway-ws", "gateway_first_character_seconds_count"),
        ("gateway-ws", "gateway_preview_seconds_count"),
        ("gateway-ws", "gateway_frames_out_total"),
        ("api", "api_events_folded_total"),
        ("api", "api_event_to_view_seconds_count"),
        ("sandbox", f"sandbox_operation_seconds_count{SYNCED}"),
    ],
)
def test_a_run_moves_the_metric(app: Built, service: str, name: str) -> None:
    assert app.after[service][name] > app.before[service].get(name, 0.0)


def test_an_idle_relay_has_no_lag_and_one_of_them_leads(stack: Stack) -> None:
    def is_level() -> bool:
        seen = stack.metrics("agent")
        return (
            seen["agent_relay_lag_seconds[('shard', '0')]"] == 0
            and seen["agent_relay_leads[('shard', '0')]"] == 1
        )

    wait_until(is_level, "the relay has published everything")


async def test_a_stopped_run_is_counted_as_stopped(stack: Stack) -> None:
    name = "agent_runs_total[('outcome', 'stopped')]"
    before = stack.metrics("agent").get(name, 0.0)
    async with person(stack) as somebody:
        project_id = await somebody.create_project("A kanban board")
        async with somebody.socket(project_id) as socket:
            await socket.say("start_generation")
            await socket.hear("file_start")
            await socket.say("stop_generation")
            await socket.hear("state_update")
    async with asyncio.timeout(60):
        while stack.metrics("agent").get(name, 0.0) == before:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
