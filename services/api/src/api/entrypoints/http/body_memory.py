"""How much memory bodies may take in this process, and how long one may be coming.

A body is in memory from its first byte until its request is answered. Those of files
never take the room of others, nor does whoever is not signed in; and no one sender, a
person or an address of strangers, takes more than half of a room.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from litestar import Request
from litestar.enums import ScopeType
from prometheus_client import Gauge

from api.domain.scope import Needs
from api.entrypoints.http.errors import RETRY_AFTER_S, AnyRequest, HttpError
from api.entrypoints.http.operation import MAX_JSON_BYTES, Operation, described
from api.entrypoints.http.security import Security

if TYPE_CHECKING:
    from litestar.types import (
        ASGIApp,
        HTTPReceiveMessage,
        Receive,
        Scope,
        Send,
        WebSocketReceiveMessage,
    )

_HELD = Gauge("http_body_bytes", "Bytes of bodies that are in memory.")
_PATIENCE_S = 20.0
_SLOWEST_BYTES_S = 256 << 10
"""Somebody's line may be as slow as that, beyond the patience."""
_SIXTEENTHS_OF_FILES = 12
_SIXTEENTHS_OF_JSON = 3
_SIXTEENTHS_OF_STRANGERS = 1


class _Room:
    """So many bytes, of which each is somebody's at a time."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._each = free // 2
        self._of = Counter[str]()

    def take(self, sender: str, size: int) -> None:
        """Take *size* bytes.

        Raises:
            HttpError: 503, there are no more so many, or not for this sender.

        """
        if size > self._free or self._of[sender] + size > self._each:
            raise HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too much is being sent at this moment, try again",
                retry_after_s=RETRY_AFTER_S,
            )
        self._free -= size
        self._of[sender] += size
        _HELD.inc(size)

    def give_back(self, sender: str, size: int) -> None:
        self._free += size
        self._of[sender] -= size
        self._of += Counter()  # drops those at zero
        _HELD.dec(size)


class BodyMemory:
    """Around the handlers: counts what they receive until they have answered."""

    def __init__(self, max_bytes: int, security: Security) -> None:
        """Let bodies take *max_bytes* at once."""
        self._security = security
        share = max_bytes // 16
        self._files = _Room(share * _SIXTEENTHS_OF_FILES)
        self._json = _Room(share * _SIXTEENTHS_OF_JSON)
        self._strangers = _Room(share * _SIXTEENTHS_OF_STRANGERS)

    def __call__(self, app: "ASGIApp") -> "ASGIApp":
        """Return *app* with this around it, as Litestar wants its middleware."""

        async def handle(scope: "Scope", receive: "Receive", send: "Send") -> None:
            operation = _operation(scope)
            if operation is None or not operation.has_body:
                await app(scope, receive, send)
                return
            request: AnyRequest = Request(scope)
            body = _Body(
                self._room(operation),
                receive,
                operation.max_bytes,
                lambda: self._security.sender(request),
            )
            try:
                await app(scope, body.receive, send)
            finally:
                body.forget()

        return handle

    def _room(self, operation: Operation) -> _Room:
        if operation.needs is Needs.NOTHING:
            return self._strangers
        return self._json if operation.max_bytes <= MAX_JSON_BYTES else self._files


def _operation(scope: "Scope") -> Operation | None:
    if scope["type"] != ScopeType.HTTP:
        return None
    request: AnyRequest = Request(scope)
    return described(request.route_handler)


class _Body:
    """What is received of one request."""

    def __init__(
        self,
        room: _Room,
        receive: "Receive",
        max_bytes: int,
        sender: Callable[[], str],
    ) -> None:
        """Ask *sender* whose it is when it comes: the route has looked then."""
        self._room = room
        self._receive = receive
        self._find_sender = sender
        self._sender: str | None = None
        self._size = 0
        self._is_whole = False
        self._takes_s = _PATIENCE_S + max_bytes / _SLOWEST_BYTES_S
        self._until: float | None = None

    async def receive(self) -> "HTTPReceiveMessage | WebSocketReceiveMessage":
        """Receive as the server gives it.

        Raises:
            HttpError: 408, it does not come; 503, there is no room for it.

        """
        if self._is_whole:
            return await self._receive()
        if self._until is None:  # it may have waited for its turn before
            self._until = asyncio.get_running_loop().time() + self._takes_s
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT) from error
        if message["type"] == "http.request":
            self._sender = self._sender or self._find_sender()
            self._room.take(self._sender, len(message["body"]))
            self._size += len(message["body"])
            self._is_whole = not message["more_body"]
        return message

    def forget(self) -> None:
        """Give the room back."""
        if self._sender is not None:
            self._room.give_back(self._sender, self._size)
