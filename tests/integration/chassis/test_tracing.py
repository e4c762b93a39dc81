"""Spans reach a collector."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

PROGRAM = """
from chassis import tracing
tracing.setup("agent")
parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
with tracing.span("outer", parent) as onward:
    with tracing.span("inner", onward, project="x"):
        pass
tracing.shutdown()
"""


@contextmanager
def collector(received: list[bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_span_and_its_child_join_the_trace_that_was_handed_in() -> None:
    received: list[bytes] = []
    with collector(received) as url:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    message = ExportTraceServiceRequest.FromString(received[0])
    spans = message.resource_spans[0].scope_spans[0].spans
    by_name = {span.name: span for span in spans}
    assert {span.trace_id.hex() for span in spans} == {
        "0af7651916cd43dd8448eb211c80319c"
    }
    assert by_name["outer"].parent_span_id.hex() == "b7ad6b7169203331"
    assert by_name["inner"].parent_span_id == by_name["outer"].span_id
