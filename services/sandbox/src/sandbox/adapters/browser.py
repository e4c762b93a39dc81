"""Looks at a page with a Chromium that has no window and no network but that page.

It runs as a command of the project's sandbox, apart from the app and from everything
else: its name service knows the preview alone, its only way out leads to the preview
proxy, and its profile ends with it. What a page does in there an app could do anyway,
so that Chromium's own sandbox, for which there is no room inside ours, is left off.
"""

import asyncio
import contextlib
import json
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from chassis import logs
from sandbox.adapters.network.probe import fetch
from sandbox.domain.diagnosis.page import (
    CAPTURE,
    ENABLE,
    HEIGHT,
    WIDTH,
    Page,
    screenshot,
)
from sandbox.domain.output import Stream
from sandbox.ports import (
    Browser,
    Command,
    Look,
    Process,
    Runtime,
    RuntimeFailed,
    Unreachable,
)

_log = logs.get(__name__)

_START_S = 30.0
_LOOK_S = 20.0
_POLL_S = 0.05
_QUIET_S = 0.6
"""So long nothing new happens in a page that has come to rest."""
_MESSAGE_BYTES = 1_048_576
_CAPTURE_S = 5.0
_VIEW = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
_ANSWER_BYTES = 65_536
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--no-default-browser-check", "--disable-extensions"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-breakpad", "--disable-quic", "--mute-audio"),
    *("--disable-default-apps", "--no-pings", "--window-size=1280,800"),
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--user-data-dir=/tmp/browser",
    "--remote-debugging-port={port}",
)


class _Target(msgspec.Struct):
    address: str = msgspec.field(name="webSocketDebuggerUrl")


class _Message(msgspec.Struct):
    method: str = ""
    params: dict[str, Any] = {}
    id: int | None = None
    result: dict[str, Any] = {}


_targets = msgspec.json.Decoder(_Target)
_messages = msgspec.json.Decoder(_Message)


class Chromium(Browser):
    """Starts a browser for each look, in the sandbox of the project.

    Without a *runtime* nobody looks. *previews* is where this service serves them.
    """

    def __init__(self, runtime: Runtime | None, previews: tuple[str, int]) -> None:
        self._runtime = runtime
        self._previews = previews

    @override
    async def look(self, project_id: UUID, url: str) -> Look | None:
        runtime = self._runtime
        if runtime is None or not runtime.has_browser:
            return None
        try:
            process = await runtime.launch(project_id, self._command(url), _ignore)
        except RuntimeFailed as exc:
            _log.warning("a browser cannot be started", reason=str(exc))
            return None
        try:
            return await _look(process, url)
        except (OSError, WebSocketException, msgspec.MsgspecError) as exc:
            # TimeoutError is an OSError. What it has not seen it cannot tell.
            _log.warning("a browser did not look", reason=str(exc) or repr(exc))
            return None
        finally:
            await process.stop()

    def _command(self, url: str) -> Command:
        parts = urlsplit(url)
        rules = f"MAP {parts.hostname} 127.0.0.1:{{way}}, MAP * ~NOTFOUND"
        # Other browsers see it over HTTPS or as *.localhost: what they may do there.
        trusted = f"--unsafely-treat-insecure-origin-as-secure={_plain(url)}"
        argv = ("chromium", *_FLAGS, f"--host-resolver-rules={rules}", trusted)
        return Command((*argv, "about:blank"), serves=True, reaches=self._previews)


def _plain(url: str) -> str:
    """Return the address of a preview without TLS, which only the door speaks."""
    return f"http://{urlsplit(url).netloc}"


async def _ignore(_: Stream, __: bytes) -> None:
    """Drop what a browser prints: it talks to itself."""


async def _look(process: Process, url: str) -> Look:
    async with asyncio.timeout(_START_S):
        target = await _open_target(process)
        socket = await connect(
            target.address,
            sock=await process.connect(),
            max_size=_MESSAGE_BYTES,
            compression=None,
            proxy=None,
            close_timeout=1,
            origin=None,
        )
    page = Page(_plain(url))
    async with socket:
        # A browser that is busy may navigate before it is ready to tell of it.
        async with asyncio.timeout(_START_S):
            for number, method in enumerate(ENABLE):
                await _answered(socket, number, method)
        await _send(socket, 9, "Page.navigate", url=f"{_plain(url)}/")
        # A page that prints without end is told as far as it was heard.
        with contextlib.suppress(TimeoutError, WebSocketException):
            async with asyncio.timeout(_LOOK_S):
                await _until_rest(socket, page)
        found = page.findings
        jpeg = await _captured(socket) if page.loaded else None
    if not page.loaded:
        _log.warning("a page did not load in time", events=page.events)
    return Look(found, jpeg, is_whole=page.loaded)


async def _send(
    socket: ClientConnection, number: int, method: str, **params: object
) -> None:
    await socket.send(json.dumps({"id": number, "method": method, "params": params}))


async def _answered(
    socket: ClientConnection, number: int, method: str, **params: object
) -> dict[str, Any]:
    """Return the result of a request; what is told until then is dropped."""
    await _send(socket, number, method, **params)
    while True:
        message = _messages.decode(await socket.recv())
        if message.id == number:
            return message.result


async def _captured(socket: ClientConnection) -> bytes | None:
    """Return how the page looks, if the browser says so in time."""
    with contextlib.suppress(TimeoutError, WebSocketException, msgspec.MsgspecError):
        async with asyncio.timeout(_CAPTURE_S):
            # Only now: what was found is not the doing of another size.
            await _send(socket, 10, "Emulation.setDeviceMetricsOverride", **_VIEW)
            answer = await _answered(socket, 11, "Page.captureScreenshot", **CAPTURE)
            return screenshot(answer)
    return None


async def _open_target(process: Process) -> _Target:
    """Return a new tab, as soon as the browser has one."""
    while not process.ended:
        with contextlib.suppress(Unreachable, msgspec.DecodeError):
            connection = await process.connect()
            answer = await fetch(
                connection, "127.0.0.1", "/json/new", "*/*", method="PUT"
            )
            return _targets.decode(answer.body[:_ANSWER_BYTES])
        await asyncio.sleep(_POLL_S)
    raise Unreachable("the browser ended before it looked")


async def _until_rest(socket: ClientConnection, page: Page) -> None:
    """Hear what the page does until nothing new happens any more."""
    events, since = page.events, time.monotonic()
    while not page.loaded or time.monotonic() - since < _QUIET_S:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_S / 4):
                message = _messages.decode(await socket.recv())
                page.feed(message.method, message.params)
        if page.events != events:
            events, since = page.events, time.monotonic()
