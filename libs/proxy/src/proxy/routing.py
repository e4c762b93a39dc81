"""What a route is asked, and what it may answer."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from proxy.head import RequestHead
from proxy.headers import Headers


@dataclass(frozen=True, slots=True)
class Answer:
    """A small answer of our own."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Headers = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A service that listens on TCP."""

    host: str
    port: int


Dial: TypeAlias = Callable[[], Awaitable[socket.socket]]
"""Returns a connected stream that does not block; OSError: nobody listens."""


def _unavailable(_: RequestHead) -> Answer:
    return Answer(503, b"The service is starting.", headers=[(b"Retry-After", b"1")])


def _broken(_: RequestHead) -> Answer:
    return Answer(502, b"The service broke off before it answered.\n")


def _unchanged(headers: Headers) -> Headers:
    return headers


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the request goes, and what is changed on the way."""

    address: TcpAddress | Path | Dial
    """A path is that of a Unix socket; a function is for what has no address at all."""
    request_headers: Callable[[Headers], Headers] = _unchanged
    """Called with the headers as they would be sent; its answer is sent."""
    answer_headers: Callable[[Headers], Headers] = _unchanged
    """The same for the answer's. Framing and hop-by-hop headers are not among them."""
    forwarded: bool = True
    """Say in X-Forwarded-* who asked; False: say nothing, as to a stranger."""
    unavailable: Callable[[RequestHead], Answer] = _unavailable
    """What to answer while nobody listens there."""
    broken: Callable[[RequestHead], Answer] = _broken
    """What to answer where the service ends before it has said anything."""
    meanwhile: Callable[[], AbstractContextManager[object]] = nullcontext
    """Makes what is entered for as long as the two are joined, however that ends."""


Route: TypeAlias = Callable[[RequestHead], Awaitable[Upstream | Answer]]
"""Decides by the head; may raise Refused. Any other exception is a bug: 500."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one door."""

    head_bytes: int = 32 * 1024
    head_s: float = 5.0
    """From the first byte of a request to the end of its head."""
    idle_s: float = 60.0
    """Without a byte in either direction; not for WebSockets and streams of events,
    which TCP watches."""
    connect_s: float = 5.0
    connections: int = 2048
    connections_of_a_peer: int = 1024
    """Browsers open six for each host name, and each preview has a name."""
    drain_s: float = 8.0
    """For exchanges under way when the door closes."""
