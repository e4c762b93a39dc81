"""A page as a browser without a window sees it, folded into what is wrong with it.

Sans-I/O: events of the Chrome DevTools Protocol go in. Whatever a page does to be told
here is its own doing, so everything is checked, counted and cut.
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from contracts.sandbox import Screenshot

MAX_FINDINGS = 40
TEXT_CHARS = 3000

WIDTH, HEIGHT = 1280, 800
"""What a page is given, in points."""

ENABLE = ("Runtime.enable", "Network.enable", "Page.enable")
"""What has to be asked for, so that the events come."""

CAPTURE: dict[str, Any] = {
    "format": "jpeg",
    "quality": 60,
    "clip": {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 0.5},
}
"""What has to be asked for, so that `screenshot` understands the answer."""

_ERROR = 400
_SERVER_ERROR = 500
_NOT_FOUND = 404
_PARTS = frozenset({"Document", "Script", "Stylesheet", "Image", "Font", "Media"})
"""What a page is made of. The answers to its own requests may well be refusals."""
_NO_PAGES = frozenset({"Image", "Font", "Media"})
_DATA = frozenset({"Fetch", "XHR"})
_PAGE = "text/html"
"""What a dev server answers with where there is nothing, because a page may show
something at that address."""
_IS_NO_DATA = "Unexpected token '<'"
_UNASKED = ("/favicon.ico", "/apple-touch-icon.png", "/robots.txt")
_ADVICE = ("Warning: ", "react.dev/link/", "[Vue warn]", "Download the React DevTools")
"""Frameworks print as errors what only might go wrong some day."""
_NO_NETWORK = (
    "Failed to fetch",
    "NetworkError",
    "Load failed",
    "ERR_NAME_NOT_RESOLVED",
    "dynamically imported module",
    "WebSocket connection to",
)


class Finding(Struct, frozen=True):
    """Something that went wrong in a page."""

    source: Literal["console", "http"]
    message: str
    url: str = ""
    """Where it happened, or who asked for what failed; empty where nobody says."""
    line: int = 0
    """From 0, as are columns, in what the browser got."""
    column: int = 0
    status: int = 0


class _At(Struct):
    url: str = ""
    line: int = msgspec.field(name="lineNumber", default=0)
    column: int = msgspec.field(name="columnNumber", default=0)


class _Stack(Struct):
    frames: list[_At] = msgspec.field(name="callFrames", default_factory=list)


class _Value(Struct):
    description: str | None = None
    value: Any = None

    @property
    def text(self) -> str:
        if self.description is not None:
            return self.description
        return self.value if isinstance(self.value, str) else repr(self.value)


class _Details(_At):
    text: str = ""
    stack: _Stack | None = msgspec.field(name="stackTrace", default=None)
    exception: _Value | None = None


class _Thrown(Struct):
    details: _Details = msgspec.field(name="exceptionDetails")


class _Printed(Struct):
    type: str
    args: list[_Value] = []
    stack: _Stack | None = msgspec.field(name="stackTrace", default=None)


class _Answer(Struct):
    url: str
    status: int
    kind: str = msgspec.field(name="mimeType", default="")


class _Answered(Struct):
    id: str = msgspec.field(name="requestId")
    type: str
    response: _Answer


class _Request(Struct):
    url: str
    method: str = "GET"


class _Captured(Struct):
    data: bytes


class _Initiator(_At):
    stack: _Stack | None = None


class _Asked(Struct):
    id: str = msgspec.field(name="requestId")
    request: _Request
    initiator: _Initiator = msgspec.field(default_factory=_Initiator)
    type: str = ""
    frame: str = msgspec.field(name="frameId", default="")


class _Failed(Struct):
    id: str = msgspec.field(name="requestId")
    type: str = ""
    error: str = msgspec.field(name="errorText", default="")
    canceled: bool = False


class Page:
    """One look at *url*."""

    def __init__(self, url: str) -> None:
        self._origin = _origin(url)
        self.loaded = False
        """All that the page is made of has come."""
        self.events = 0
        """How many events have said something new."""
        self._frame: str | None = None
        self._findings: list[Finding] = []
        self._asked: dict[str, _Asked] = {}
        self._misled: list[_Asked] = []
        """What wanted data and got a page."""
        self._lacks_script = False
        self._lacks_network = False

    def feed(self, method: str, params: Mapping[str, Any]) -> None:
        """Take in one event; what cannot be read is no event."""
        try:
            self._feed(method, params)
        except msgspec.ValidationError:
            return

    def _feed(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self._ask(msgspec.convert(params, _Asked))
            case "Network.responseReceived":
                self._answer(msgspec.convert(params, _Answered))
            case "Network.loadingFailed":
                self._fail(msgspec.convert(params, _Failed))
            case "Runtime.exceptionThrown":
                self._throw(msgspec.convert(params, _Thrown).details)
            case "Runtime.consoleAPICalled":
                self._print(msgspec.convert(params, _Printed))
            case "Page.loadEventFired":
                self.loaded = True
                self.events += 1
            case _:
                pass

    def _ask(self, asked: _Asked) -> None:
        if asked.type == "Document" and self._frame in (None, asked.frame):
            # The page begins anew: a dev server does that when it has found out which
            # packages there are, and what went wrong before is over.
            self._frame = asked.frame
            self._findings.clear()
            self._asked.clear()
            self._misled.clear()
            self.loaded = self._lacks_script = self._lacks_network = False
        if len(self._asked) < MAX_FINDINGS * 10:
            self._asked[asked.id] = asked
        self.events += 1

    def _answer(self, answered: _Answered) -> None:
        self.events += 1
        answer = answered.response
        path = urlsplit(answer.url).path
        if _origin(answer.url) != self._origin or path in _UNASKED:
            return
        asked = self._asked.get(answered.id)
        if answer.status >= _ERROR:
            if answered.type in _PARTS or _is_broken(answer.status):
                message = f"{path} answers with an error ({answer.status})."
                self._find_failed(message, asked, answer.status)
        elif answer.kind == _PAGE and answered.type in _NO_PAGES:
            self._find_failed(f"{path} does not exist: a page comes instead.", asked)
        elif answer.kind == _PAGE and answered.type in _DATA and asked is not None:
            self._misled.append(asked)

    def _fail(self, failed: _Failed) -> None:
        asked = self._asked.get(failed.id)
        if asked is None or failed.canceled:
            return
        self.events += 1
        request = asked.request
        if _origin(request.url) != self._origin:
            # It cannot be had in here; that says nothing about the app.
            self._lacks_network = True
            self._lacks_script |= failed.type in ("Script", "Stylesheet")
        elif failed.error != "net::ERR_ABORTED":
            path = urlsplit(request.url).path
            message = f"{request.method} {path} failed: {failed.error[:200]}."
            self._find_failed(message, asked)

    def _find_failed(self, message: str, asked: _Asked | None, status: int = 0) -> None:
        by = _Initiator() if asked is None else asked.initiator
        at = self._own([*(by.stack.frames if by.stack is not None else ()), by])
        found = Finding("http", message, at.url, at.line, at.column, status)
        self._find(found)

    def _throw(self, details: _Details) -> None:
        said = details.exception.text if details.exception is not None else ""
        frames = [] if details.stack is None else details.stack.frames
        self._say(said or details.text, [*frames, details])

    def _print(self, printed: _Printed) -> None:
        if printed.type not in ("error", "assert"):
            return
        text = " ".join(one.text for one in printed.args[:10])
        if not any(word in text for word in _ADVICE):
            self._say(text, [] if printed.stack is None else printed.stack.frames)

    def _say(self, text: str, frames: list[_At]) -> None:
        self.events += 1
        if _IS_NO_DATA in text and self._misled:
            self._tell_misled(text)
            return
        at = self._own(frames)
        message = text.replace(self._origin, "")[:TEXT_CHARS]
        self._find(Finding("console", message, at.url, at.line, at.column))

    def _tell_misled(self, text: str) -> None:
        """Say who got a page instead of data, which whoever failed at it cannot."""
        said = text[:200]
        for asked in self._misled[:MAX_FINDINGS]:
            request = asked.request
            what = f"{request.method} {urlsplit(request.url).path}"
            message = f"{what} is answered with a page, and not with data: {said}"
            self._find_failed(message, asked)
        self._misled.clear()

    def _own(self, frames: list[_At]) -> _At:
        """Return the innermost place in what belongs to the project."""
        return next((one for one in frames if self._is_own_module(one.url)), _At())

    def _is_own_module(self, url: str) -> bool:
        path = urlsplit(url).path
        packages = path.startswith(("/node_modules/", "/@"))
        return _origin(url) == self._origin and not packages

    def _find(self, finding: Finding) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(finding)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, in order, as far as it is the app's doing."""
        return [one for one in self._findings if not self._is_ours(one)]

    def _is_ours(self, finding: Finding) -> bool:
        """Tell whether this came of there being no network here but the app's."""
        if finding.source != "console":
            return False
        if self._lacks_script:
            return True
        blamed = any(word in finding.message for word in _NO_NETWORK)
        return self._lacks_network and blamed


def screenshot(result: Mapping[str, Any]) -> bytes | None:
    """Return the JPEG that a browser has answered with, if it is one."""
    try:
        jpeg = msgspec.convert(result, _Captured).data
        return Screenshot(jpeg).jpeg
    except (ValueError, RecursionError):  # msgspec.ValidationError is a ValueError
        return None


def _is_broken(status: int) -> bool:
    return status >= _SERVER_ERROR or status == _NOT_FOUND


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()
