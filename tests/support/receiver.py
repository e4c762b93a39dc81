"""A server that hears webhooks, and answers them as it is told."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from msgspec import Struct

from tests.support.polling import wait_until


class Heard(Struct, frozen=True):
    """A call."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The body as JSON."""
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded


class Receiver:
    """What was heard, and the statuses of the answers to come; 204 after the last."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[Heard] = []
        self.answers: list[int] = []

    def wait_for(self, count: int, *, timeout_s: float = 20.0) -> list[Heard]:
        """Return what was heard once there are so many."""
        wait_until(
            lambda: len(self.heard) >= count,
            f"{count} calls of a webhook",
            timeout_s=timeout_s,
        )
        return self.heard


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Lend one, on a free port of this machine."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): text for name, text in self.headers.items()}
            kept.heard.append(Heard(headers, self.rfile.read(length)))
            status = kept.answers.pop(0) if kept.answers else 204
            self.send_response(status)
            self.send_header("location", kept.url + "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
