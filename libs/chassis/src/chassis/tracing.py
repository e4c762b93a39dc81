"""Traces: a `traceparent` handed on as a string, spans only where somebody collects.

OpenTelemetry is imported only when OTEL_EXPORTER_OTLP_ENDPOINT is set. Without it a
span costs next to nothing, and the string still ties the logs of all services together
(W3C Trace Context). One span for each command, model call or request, never for a
token.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_provider: "TracerProvider | None" = None


def setup(service: str) -> None:
    """Collect spans of this process if an endpoint for them is set."""
    global _provider  # noqa: PLW0603 - one for each process, as its logs
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,  # costs 0.1 s at start, which nobody pays without an endpoint
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415 - as above
        BatchSpanProcessor,
    )

    _provider = TracerProvider(resource=Resource.create({"service.name": service}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def shutdown() -> None:
    """Send the spans that wait; call at the end of the process."""
    global _provider  # noqa: PLW0603 - see setup
    if _provider is not None:
        _provider.shutdown()
        _provider = None


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
    if _provider is None:
        yield traceparent or new_traceparent()
        return
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,  # see setup
    )

    propagator = TraceContextTextMapPropagator()
    carrier = {"traceparent": traceparent} if traceparent else {}
    context = propagator.extract(carrier)
    tracer = _provider.get_tracer("atelier")
    with tracer.start_as_current_span(name, context, attributes=attributes):
        onward: dict[str, str] = {}
        propagator.inject(onward)
        yield onward["traceparent"]
