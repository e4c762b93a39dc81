"""Traces: a `traceparent` handed on as a string, spans only where somebody collects.

OpenTelemetry is imported only when OTEL_EXPORTER_OTLP_ENDPOINT is set. Without it a
span costs next to nothing, and the string still ties the logs of all services together
(W3C Trace Context). One span for each command, model call or request, never for a
token.

OTEL_TRACES_SAMPLER_ARG is the share of traces that is collected, 1 by default. It is
decided by the trace's id alone, so that all services decide alike, whoever began it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from chassis.collector import Collector

Attribute = str | float | bool

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-..")

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


@dataclass(slots=True)
class _Process:
    """There is one collector for a process, as there is one log."""

    collector: "Collector | None" = None


_process = _Process()


def setup(service: str) -> None:
    """Collect spans of this process if an endpoint for them is set.

    Raises:
        ValueError: OTEL_TRACES_SAMPLER_ARG is no share.

    """
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from chassis.collector import Collector  # noqa: PLC0415 - nobody else pays

        share = float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)
        _process.collector = Collector(service, share)


def shutdown() -> None:
    """Send the spans that wait; call at the end of the process."""
    if _process.collector is not None:
        _process.collector.shutdown()
        _process.collector = None


def new_traceparent() -> str:
    """Return the start of a new trace."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def traceparent_of(id_: UUID) -> str:
    """Return the root of the trace of all that is done for *id_*, such as a run.

    It is the id and nothing else, so that whoever goes on with the same work, after a
    crash too, adds to the same trace. The second half stands first because the last
    eight bytes decide about collecting, and those of a UUID are not quite random.
    """
    name = id_.bytes
    return f"00-{(name[8:] + name[:8]).hex()}-{name[:8].hex()}-01"


def current() -> str | None:
    """Return what to hand on from here, if this is part of a trace."""
    return _current.get()


def trace_id(traceparent: str) -> str:
    """Return the name of the trace, as logs have it."""
    return traceparent[3:35]


@contextmanager
def under(traceparent: str | None) -> Iterator[None]:
    """Do what happens inside as a part of the trace, without a span of its own.

    What is no `traceparent` counts as none.
    """
    token = _current.set(_valid(traceparent) or _current.get())
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def span(
    name: str, traceparent: str | None = None, **attributes: Attribute
) -> Iterator[str]:
    """Time what happens inside; yield the `traceparent` to hand on from there.

    *traceparent* is what was handed to us. Without it, or where it is not one, this
    belongs to the span around it; where there is none, a new trace begins. An exception
    that passes marks the span as failed.
    """
    parent = _valid(traceparent) or _current.get()
    name_of = parent or new_traceparent()
    with _inside(name, name_of, attributes, begins=parent is None) as own:
        yield own


@contextmanager
def root(name: str, id_: UUID, **attributes: Attribute) -> Iterator[str]:
    """Time what begins the trace of *id_*: the span that `traceparent_of` names."""
    with _inside(name, traceparent_of(id_), attributes, begins=True) as own:
        yield own


def record(
    name: str, traceparent: str | None, began_at: float, **attributes: Attribute
) -> None:
    """Add a span that began at *began_at*, in seconds since 1970, and ends now."""
    collector, parent = _process.collector, _valid(traceparent)
    if collector is None or parent is None or not collector.wants(parent):
        return
    began_at_ns = int(began_at * 1e9)
    with collector.span(name, parent, attributes, began_at_ns=began_at_ns):
        pass


@contextmanager
def _inside(
    name: str, parent: str, attributes: dict[str, Attribute], *, begins: bool
) -> Iterator[str]:
    """*parent* is that of the new span, or its own name where it *begins* a trace."""
    collector = _process.collector
    if collector is None or not collector.wants(parent):
        token = _current.set(parent)
        try:
            yield parent
        finally:
            _current.reset(token)
        return
    with collector.span(name, parent, attributes, begins=begins) as own:
        token = _current.set(own)
        try:
            yield own
        finally:
            _current.reset(token)


def _valid(traceparent: str | None) -> str | None:
    if traceparent is None or _TRACEPARENT.fullmatch(traceparent) is None:
        return None
    return traceparent
