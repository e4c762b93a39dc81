"""Spans on their way to a collector, over OTLP and HTTP.

Imported by `chassis.tracing` alone, and only where an endpoint is set: importing
OpenTelemetry costs more than all the rest of a start.

A span is made when it is over. What a tracer has besides (samplers, limits, a context
of its own, spans that change) is not used here, and is most of what its spans cost.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from secrets import randbits

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

Attributes = Mapping[str, str | float | bool]

_EXPORT_TIMEOUT_S = 3
"""A collector that is away must not hold up the end of a process."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope("atelier")
_FINE = Status()


class Collector:
    """Sends the spans of one process, in batches."""

    def __init__(self, service: str, share: float) -> None:
        """*share* of all traces is collected, from 0 to 1."""
        if not 0 <= share <= 1:
            raise ValueError(f"OTEL_TRACES_SAMPLER_ARG={share} is not between 0 and 1")
        self._below = int(share * 2**64)
        instance = f"{socket.gethostname()}:{os.getpid()}"
        self._resource = Resource.create(
            {
                "service.name": service,
                "service.namespace": "atelier",
                "service.instance.id": instance,
            }
        )
        exporter = OTLPSpanExporter(timeout=_EXPORT_TIMEOUT_S)
        self._batches = BatchSpanProcessor(exporter)

    def wants(self, traceparent: str) -> bool:
        """Tell whether this trace is among those that are collected."""
        return int(traceparent[19:35], 16) < self._below

    @contextmanager
    def span(
        self,
        name: str,
        traceparent: str,
        attributes: Attributes,
        *,
        begins: bool = False,
        began_at_ns: int | None = None,
    ) -> Iterator[str]:
        """Time what happens inside; yield the `traceparent` of the new span.

        *traceparent* is that of its parent, or its own where it *begins* the trace.
        """
        given = _named(int(traceparent[3:35], 16), int(traceparent[36:52], 16))
        own = given if begins else _named(given.trace_id, _new_id())
        began_at_ns = began_at_ns or time.time_ns()
        status = _FINE
        try:
            yield f"00-{own.trace_id:032x}-{own.span_id:016x}-01"
        except Exception as exc:
            # The message may quote a person; the log of the service has it.
            status = Status(StatusCode.ERROR, type(exc).__name__)
            raise
        finally:
            span = ReadableSpan(
                name,
                own,
                None if begins else given,
                self._resource,
                attributes,
                status=status,
                start_time=began_at_ns,
                end_time=time.time_ns(),
                instrumentation_scope=_SCOPE,
            )
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what waits, and end."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]


def _named(trace_id: int, span_id: int) -> SpanContext:
    # As far as a receiver can tell, every parent may be of another process.
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=_SAMPLED)


def _new_id() -> int:
    """Return a random number of 64 bits, which is never the one that means none."""
    return randbits(64) or 1
