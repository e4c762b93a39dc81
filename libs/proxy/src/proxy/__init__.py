"""A reverse proxy that reads and rewrites each head: one request, one connection.

Here belongs what is true for any door: strict heads, exact bodies, WebSockets passed
through, limits. Which host leads where does not; that is the caller's `route`.
"""

from proxy.errors import Refused
from proxy.head import RequestHead
from proxy.headers import Headers
from proxy.routing import Answer, Dial, Limits, Route, TcpAddress, Upstream
from proxy.server import serve

__all__ = [
    "Answer",
    "Dial",
    "Headers",
    "Limits",
    "Refused",
    "RequestHead",
    "Route",
    "TcpAddress",
    "Upstream",
    "serve",
]
