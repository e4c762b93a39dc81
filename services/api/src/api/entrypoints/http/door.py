"""What every request gets: an id, headers that browsers obey, a count, a line."""

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from prometheus_client import Counter, Histogram

from chassis import logs, tracing

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_REQUESTS = Counter(
    "http_requests_total", "Requests by route.", ["method", "route", "status"]
)
_SECONDS = Histogram("http_request_seconds", "Time to answer by route.", ["route"])
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_ONE_YEAR = "max-age=31536000"

_log = logs.get(__name__)


class Door:
    """The whole application, as the server calls it."""

    def __init__(self, app: "ASGIApp", *, public_url: str) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if urlsplit(public_url).scheme == "https":
            self._headers["strict-transport-security"] = _ONE_YEAR

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on; what is no request goes through untouched."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex
        status = 0
        began = time.perf_counter()

        async def send_with_headers(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableScopeHeaders.from_message(message)
                headers["x-request-id"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        method = scope["method"]
        with logs.bound(request=request_id), tracing.span("http", method=method):
            await self._app(scope, receive, send_with_headers)
            took_s = time.perf_counter() - began
            _note(method, scope, status, took_s)


def _note(method: str, scope: Any, status: int, took_s: float) -> None:  # noqa: ANN401 - what Litestar made of it
    """Count the request under its route, of which there are few, not under its path."""
    route = str(scope.get("path_template") or "none")
    _REQUESTS.labels(method, route, status).inc()
    _SECONDS.labels(route).observe(took_s)
    level = _log.debug if method in _SAFE_METHODS else _log.info
    level("request", method=method, route=route, status=status, ms=int(took_s * 1000))
