"""The one door: each request goes by its host, then by its path, to one service.

A preview's host never reaches the api or the sockets, and a host that is not ours
reaches nothing (a page elsewhere could give its own name our address). While a service
starts, a browser gets a page that loads itself again, others one sentence.
"""

import asyncio
import ipaddress
import socket
import sys
from contextlib import ExitStack
from functools import partial
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

from chassis.process import run
from chassis.settings import read
from proxy import Answer, RequestHead, TcpAddress, Upstream, serve

REQUESTS = Counter("edge_requests", "Requests by where they went.", ["service"])

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_STARTING_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="1">
<title>Starting</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-content: center;
         min-height: 90vh; text-align: center; color: CanvasText; background: Canvas }
  p { opacity: .7; margin: 0 }
</style>
<h1>One moment</h1>
<p>This part of Atelier is starting. The page loads itself again.</p>
</html>
"""
_STARTING_SENTENCE = "This part of Atelier is starting; try again in a second.\n"
_UPGRADE_REQUIRED = Answer(
    426,
    b"This address is for WebSockets: open it with one.\n",
    headers=[(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")],
)


class EdgeSettings(msgspec.Struct, frozen=True):
    """Settings of the door; each is the environment variable of its name."""

    listen_fds: list[int]
    """Sockets that listen already: who starts us keeps the port over our restarts."""
    http_port: int
    """Where this process itself answers /health, /ready and /metrics."""
    api_port: int
    gateway_port: int
    preview_port: int
    public_url: str = "http://localhost:3000"
    """Its host is ours, beside localhost."""
    preview_domain: str = "preview.localhost"
    any_address: bool = False
    """Whether requests to a bare IP address are ours, because we listen on all."""


class Door:
    """Decides where requests go."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._api = _upstream(settings.api_port)
        self._gateway = _upstream(settings.gateway_port)
        self._preview = _upstream(settings.preview_port)
        self._preview_domain = settings.preview_domain.lower()
        public = urlsplit(settings.public_url).hostname
        self._hosts = _LOCAL_NAMES | ({public} if public else set())
        self._any_address = settings.any_address

    async def route(self, head: RequestHead) -> Upstream | Answer:
        """Return the service for a request, or why there is none."""
        if head.host == self._preview_domain or head.host.endswith(
            f".{self._preview_domain}"
        ):
            REQUESTS.labels("preview").inc()
            return self._preview
        if head.host not in self._hosts and not self._is_address(head.host):
            return Answer(421, b"This name does not lead here.\n")
        if head.path == "/ws" or head.path.startswith("/ws/"):
            if not head.is_websocket:
                return _UPGRADE_REQUIRED
            REQUESTS.labels("gateway-ws").inc()
            return self._gateway
        if _is_metrics(head.path):  # of the api, and not for everybody
            return Answer(404, b"There is nothing at this address.\n")
        REQUESTS.labels("api").inc()
        return self._api

    def _is_address(self, host: str) -> bool:
        if not self._any_address:
            return False
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True


def _is_metrics(path: str) -> bool:
    """Tell whether any reading of *path* ends there, slashes and escapes and all."""
    return normpath(f"/{unquote(path).strip('/')}").lower() == "/metrics"


def _upstream(port: int) -> Upstream:
    return Upstream(TcpAddress("127.0.0.1", port), unavailable=_starting)


def _starting(head: RequestHead) -> Answer:
    headers = [(b"Retry-After", b"1"), (b"Cache-Control", b"no-store")]
    if "text/html" in (head.header("accept") or ""):
        page = _STARTING_PAGE.encode()
        return Answer(503, page, "text/html; charset=utf-8", headers)
    return Answer(503, _STARTING_SENTENCE.encode(), headers=headers)


async def answer_about_self(
    stopping: asyncio.Event, head: RequestHead
) -> Upstream | Answer:
    """Answer /health, /ready and /metrics of this process."""
    match head.path:
        case "/health":
            return Answer(200, b"alive")
        case "/ready" if stopping.is_set():
            return Answer(503, b"stopping")
        case "/ready":
            return Answer(200, b"ready")
        case "/metrics":
            return Answer(200, generate_latest(), CONTENT_TYPE_LATEST)
        case _:
            return Answer(404, b"Not found\n")


async def main(stopping: asyncio.Event) -> None:
    """Keep the door until *stopping* is set."""
    settings = read(EdgeSettings)
    door = Door(settings)
    with ExitStack() as sockets:
        listeners = [
            sockets.enter_context(socket.socket(fileno=number))
            for number in settings.listen_fds
        ]
        own = sockets.enter_context(
            socket.create_server(("127.0.0.1", settings.http_port))
        )
        about_self = partial(answer_about_self, stopping)
        async with asyncio.TaskGroup() as tasks:
            for listener in listeners:
                tasks.create_task(serve(listener, door.route, stopping=stopping))
            tasks.create_task(serve(own, about_self, stopping=stopping))


if __name__ == "__main__":
    sys.exit(run("edge", main))
