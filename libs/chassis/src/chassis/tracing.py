"""Traces: a `traceparent` handed on as a string, spans only where somebody collects.

OpenTelemetry is imported only when OTEL_EXPORTER_OTLP_ENDPOINT is set. Without it a
span costs next to nothing, and the string still ties the logs of all services together
(W3C Trace Context). One span for each command, model call or request, never for a
token.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chassis.collector import Collector


@dataclass(slots=True)
class _Process:
    """There is one collector for a process, as there is one log."""

    collector: "Collector | None" = None


_process = _Process()


def setup(service: str) -> None:
    """Collect spans of this process if an endpoint for them is set."""
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from chassis.collector import Collector  # noqa: PLC0415 - nobody else pays

        _process.collector = Collector(service)


def shutdown() -> None:
    """Send the spans that wait; call at the end of the process."""
    if _process.collector is not None:
        _process.collector.shutdown()
        _process.collector = None


def new_traceparent() -> str:
    """Return the start of a new trace."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


@contextmanager
def span(
    name: str, traceparent: str | None = None, **attributes: str | float | bool
) -> Iterator[str]:
    """Time what happens inside; yield the `traceparent` to hand on from there.

    *traceparent* is what was handed to us; without it, or where it is not one, a new
    trace begins. An exception that passes marks the span as failed.
    """
    if _process.collector is None:
        yield traceparent or new_traceparent()
        return
    with _process.collector.span(name, traceparent, attributes) as onward:
        yield onward
