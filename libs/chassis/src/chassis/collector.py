"""Spans on their way to a collector, over OTLP and HTTP.

Imported by `chassis.tracing` alone, and only where an endpoint is set: importing
OpenTelemetry costs more than all the rest of a start.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | float | bool]


class Collector:
    """Sends the spans of one process, in batches."""

    def __init__(self, service: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service})
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("atelier")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, traceparent: str | None, attributes: Attributes
    ) -> Iterator[str]:
        """Time what happens inside; yield the `traceparent` of the new span."""
        carrier = {"traceparent": traceparent} if traceparent else {}
        context = self._propagator.extract(carrier)
        with self._tracer.start_as_current_span(name, context, attributes=attributes):
            onward: dict[str, str] = {}
            self._propagator.inject(onward)
            yield onward["traceparent"]

    def shutdown(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()
