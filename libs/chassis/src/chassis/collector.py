"""Spans on their way to a collector, over OTLP and HTTP.

Imported by `chassis.tracing` alone, and only where an endpoint is set: importing
OpenTelemetry costs more than all the rest of a start.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from typing_extensions import override

Attributes = Mapping[str, str | float | bool]

_EXPORT_TIMEOUT_S = 3
"""A collector that is away must not hold up the end of a process."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

_own_name: ContextVar[SpanContext | None] = ContextVar("own_name", default=None)


class Collector:
    """Sends the spans of one process, in batches."""

    def __init__(self, service: str, share: float) -> None:
        """*share* of all traces is collected, from 0 to 1."""
        if not 0 <= share <= 1:
            raise ValueError(f"OTEL_TRACES_SAMPLER_ARG={share} is not between 0 and 1")
        self._below = int(share * 2**64)
        instance = f"{socket.gethostname()}:{os.getpid()}"
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what is not wanted does not come this far
            resource=Resource.create(
                {
                    "service.name": service,
                    "service.namespace": "atelier",
                    "service.instance.id": instance,
                }
            ),
            id_generator=_Names(),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(timeout=_EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("atelier")

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
        given = SpanContext(
            int(traceparent[3:35], 16),
            int(traceparent[36:52], 16),
            is_remote=True,
            trace_flags=_SAMPLED,
        )
        around = Context()
        if not begins:
            around = set_span_in_context(NonRecordingSpan(given), around)
        token = _own_name.set(given if begins else None)
        try:
            span = self._tracer.start_span(
                name, around, attributes=attributes, start_time=began_at_ns
            )
        finally:
            _own_name.reset(token)
        own = span.get_span_context()
        try:
            yield f"00-{own.trace_id:032x}-{own.span_id:016x}-01"
        except Exception as exc:
            # The message may quote a person; the log of the service has it.
            span.set_status(Status(StatusCode.ERROR, type(exc).__name__))
            raise
        finally:
            span.end()

    def shutdown(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()


class _Names(RandomIdGenerator, IdGenerator):
    """Random ids, but for the first span of a trace whose name is given."""

    @override
    def generate_trace_id(self) -> int:
        own = _own_name.get()
        return super().generate_trace_id() if own is None else own.trace_id

    @override
    def generate_span_id(self) -> int:
        own = _own_name.get()
        return super().generate_span_id() if own is None else own.span_id
