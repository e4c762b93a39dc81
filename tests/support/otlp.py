"""A receiver of traces: OTLP over HTTP, as a collector speaks it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)


class Span(Struct, frozen=True):
    """A span as it came in."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    """Empty for the first one of a trace."""
    took_s: float
    failed: bool
    attributes: dict[str, str]


class Receiver:
    """Keeps what comes, and reads it when asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []

    def spans(self) -> list[Span]:
        """Return all spans so far."""
        return [span for body in list(self.bodies) for span in _spans_in(body)]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Lend one that listens."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    started = Receiver(f"http://127.0.0.1:{server.server_port}")
    started.bodies = bodies
    try:
        yield started
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans_in(body: bytes) -> Iterator[Span]:
    for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = {one.key: one.value for one in of_process.resource.attributes}
        for scope in of_process.scope_spans:
            for span in scope.spans:
                took_ns = span.end_time_unix_nano - span.start_time_unix_nano
                yield Span(
                    service=about["service.name"].string_value,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    took_s=took_ns / 1e9,
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes={
                        one.key: one.value.string_value for one in span.attributes
                    },
                )
