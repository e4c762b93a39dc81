"""Visitors of previews: by host name to a running app, or to a page that says why not.

The name alone decides; nothing else in a request does. Whoever knows it may look, and
wakes an app that sleeps.
"""

import asyncio
from contextlib import nullcontext, suppress
from http import HTTPStatus
from urllib.parse import parse_qs
from uuid import UUID

from eventcore.errors import Unavailable
from proxy import Answer, RequestHead, TcpAddress, Upstream
from sandbox.application.controller import Controller
from sandbox.application.loads import Loads
from sandbox.application.sandbox import Sandbox
from sandbox.domain.diagnosis.module_graph import is_lasting
from sandbox.domain.limits import SERVED_BYTES
from sandbox.domain.previews import pages, static_site
from sandbox.domain.previews.headers import (
    ADDED,
    HOP,
    Headers,
    to_app,
    to_browser,
    with_modules,
)
from sandbox.domain.previews.name import read_preview_name
from sandbox.ports import Fetched, Owner, Process, Unreachable

_HTML = "text/html; charset=utf-8"
_NO_STORE = (b"Cache-Control", b"no-store")
_NO_CACHE = (b"Cache-Control", b"no-cache")
_FOR_EVER = (b"Cache-Control", b"max-age=31536000,immutable")
"""What a dev server says of bundles itself: another content has another address."""
_FIRST_WAIT_S = 1.0
"""A plain page, or an app that needs no install, is there before a page says wait."""
_ARRIVAL_S = 10.0
"""It takes a tenth of a second, or something is wrong."""
_WORKER_S = 5.0
"""What is slower than that is left to the browser."""
_CHANGES_S = 25.0
"""Below the idle limit of every proxy on the way."""
_BROKEN = "The app broke off before it had answered, or its answer was no HTTP."
_PINGS = ("vite-ping", "vite-hmr")
"""Sub-protocols by which an open page asks for updates, even if nobody looks."""


class Preview:
    """Decides what a request to a preview is answered with."""

    def __init__(self, controller: Controller, domain: str, secret: bytes) -> None:
        self._controller = controller
        self._suffix = f".{domain.lower()}"
        self._secret = secret

    async def route(self, head: RequestHead) -> Upstream | Answer:
        """Return where the request goes, or the answer to it."""
        project_id = self._project_of(head)
        if project_id is None or static_site.is_refused(head.path):
            return _missing(head)
        try:
            owner = await self._controller.owner(project_id)
        except Unavailable:
            return _later()
        if owner is not None:
            return _later() if head.header(HOP.decode()) else _to_other(owner)
        return await self._ours(project_id, head)

    async def _ours(self, project_id: UUID, head: RequestHead) -> Upstream | Answer:
        sandbox = self._controller.open(project_id)
        early = await self._early(head, sandbox)
        if early is not None:
            return early
        await _arrival(sandbox)
        if not _is_ping(head):
            await self._wake(project_id, sandbox)
        server = sandbox.shown
        if server is None:
            return _missing(head) if sandbox.gone else _waiting(head, sandbox)
        if server.process is None:
            return await _static(head, sandbox, server.app.folder)
        kept = server.loads.kept(head.target)
        if kept is not None and head.method == "GET":
            return _module(head, kept)
        if await _lacks_worker(head, server.process):
            return _missing(head)
        return _pass_on(head, server.process, server.loads, sandbox)

    def _project_of(self, head: RequestHead) -> UUID | None:
        if not head.host.endswith(self._suffix):
            return None
        return read_preview_name(head.host.removesuffix(self._suffix), self._secret)

    async def _early(self, head: RequestHead, sandbox: Sandbox) -> Answer | None:
        """Return the answer to who is there before the app; nobody is woken for it."""
        if sandbox.gone:
            return None
        if head.path == pages.OPENED:
            return await _opened(sandbox)
        modules = self._controller.opening
        if head.path == pages.OPENING:
            page = pages.opening_page(prepares=bool(modules))
            return Answer(200, page.encode(), _HTML, [_NO_STORE, *ADDED])
        module = modules.get(head.target) if sandbox.shown is None else None
        return None if module is None else _module(head, module)

    async def _wake(self, project_id: UUID, sandbox: Sandbox) -> None:
        rising = self._controller.visit(project_id)
        if rising is not None and sandbox.shown is None:
            await asyncio.wait({rising}, timeout=_FIRST_WAIT_S)


def _is_ping(head: RequestHead) -> bool:
    return head.is_websocket and head.header("sec-websocket-protocol") in _PINGS


async def _lacks_worker(head: RequestHead, process: Process) -> bool:
    """Tell whether a browser asks for a service worker that the app has no more.

    Dev servers answer with a page where there is nothing.
    """
    if not _is_for_worker(head):
        return False
    with suppress(Unreachable, TimeoutError):
        async with asyncio.timeout(_WORKER_S):
            host = head.header("host") or head.host
            answer = await process.fetch(host, head.target, "*/*")
            is_page = answer.content_type.startswith("text/html")
            return is_page or answer.status == HTTPStatus.NOT_FOUND
    return False


def _is_for_worker(head: RequestHead) -> bool:
    return head.header("service-worker") == "script"


def _module(head: RequestHead, module: Fetched) -> Answer:
    kept = _FOR_EVER if is_lasting(head.target) else _NO_STORE
    return Answer(200, module.body, module.content_type, [kept, *ADDED])


def _pass_on(
    head: RequestHead, process: Process, loads: Loads, sandbox: Sandbox
) -> Upstream:
    def unavailable(head: RequestHead) -> Answer:
        return _waiting(head, sandbox)

    def broken(head: RequestHead) -> Answer:
        return _waiting(head, sandbox, _BROKEN)

    def to_visitor(headers: Headers) -> Headers:
        passed = to_browser(headers, is_secure=sandbox.site.is_secure)
        return with_modules(passed, loads.modules) if head.path == "/" else passed

    return Upstream(
        process.connect,
        request_headers=to_app,
        answer_headers=to_visitor,
        forwarded=False,
        unavailable=unavailable,
        broken=broken,
        # A page that asks for updates alone may have been left open for days.
        meanwhile=nullcontext if _is_ping(head) else sandbox.use.joined,
    )


def _to_other(owner: Owner) -> Upstream:
    def named(headers: Headers) -> Headers:
        return [*headers, (HOP, b"1")]

    def unavailable(_: RequestHead) -> Answer:
        return _later()

    return Upstream(
        TcpAddress(owner.host, owner.port),
        request_headers=named,
        forwarded=False,
        unavailable=unavailable,
        broken=unavailable,
    )


def _later() -> Answer:
    """Answer while it is not known who shows the app, which is soon over."""
    page = pages.waiting_page(None, None, "")
    headers = [(b"Retry-After", b"1"), _NO_STORE, *ADDED]
    return Answer(503, page.encode(), _HTML, headers)


def _missing(head: RequestHead) -> Answer:
    """Answer that there is nothing; a worker that was there takes its leave."""
    if _is_for_worker(head):
        leave = pages.LEAVE.encode()
        return Answer(200, leave, "text/javascript", [_NO_STORE, *ADDED])
    return Answer(404, pages.missing_page().encode(), _HTML, [_NO_STORE, *ADDED])


def _waiting(head: RequestHead, sandbox: Sandbox, note: str | None = None) -> Answer:
    """Answer that there is nothing to see, and why; *note* if there is no trouble.

    A browser that wants a page gets one that asks again.
    """
    headers = [(b"Retry-After", b"1"), _NO_STORE, *ADDED]
    if "text/html" in (head.header("accept") or ""):
        log = sandbox.log_tail
        is_open = sandbox.shown is not None
        page = pages.waiting_page(
            sandbox.doing, sandbox.trouble, log, note, is_open=is_open
        )
        return Answer(503, page.encode(), _HTML, headers)
    sentence = sandbox.trouble or note or "The app is starting."
    return Answer(503, f"{sentence}\n".encode(), headers=headers)


async def _arrival(sandbox: Sandbox) -> None:
    """Wait for an app that gets its files at this moment."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ARRIVAL_S):
            while sandbox.coming:
                await sandbox.changed.wait()


async def _opened(sandbox: Sandbox) -> Answer:
    """Answer when there is an app to show, or after a while that there is none yet.

    Whoever asks comes for it then, and is on his way while it gets its files.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_CHANGES_S):
            while sandbox.shown is None and not sandbox.coming:
                await sandbox.changed.wait()
    is_open = sandbox.shown is not None or sandbox.coming
    said = pages.IS_OPEN if is_open else b""
    return Answer(200, said, headers=[_NO_STORE, *ADDED])


async def _static(head: RequestHead, sandbox: Sandbox, folder: str) -> Answer:
    """Answer with a file of *folder* as it is; HTML watches for changes."""
    if head.method not in ("GET", "HEAD"):
        return Answer(
            405, b"This page is static.\n", headers=[(b"Allow", b"GET, HEAD"), *ADDED]
        )
    if head.path == static_site.CHANGES:
        return await _changes(head, sandbox)
    beneath = f"{folder}/" if folder else ""
    paths = [f"{beneath}{one}" for one in static_site.candidates(head.path)]
    found = await sandbox.folder.read(paths, SERVED_BYTES)
    path = next((one for one in paths if one in found), None)
    if path is None:
        return _missing(head)
    place = static_site.page_of_folder(head.path, path.removeprefix(beneath))
    if place is not None:
        _, mark, query = head.target.partition("?")
        moved = (b"Location", f"{place}{mark}{query}".encode())
        return Answer(302, headers=[moved, _NO_STORE, *ADDED])
    kind = static_site.content_type(path)
    content = found[path]
    if kind == _HTML:
        content = static_site.with_reload(content, await sandbox.files_token())
        return Answer(200, content, kind, [_NO_CACHE, *ADDED])
    return _whole_or_part(head, content, kind)


def _whole_or_part(head: RequestHead, content: bytes, kind: str) -> Answer:
    """Answer with a file, or the part of it that a player of sounds or films wants."""
    headers = [(b"Accept-Ranges", b"bytes"), _NO_CACHE, *ADDED]
    wanted = None if head.header("if-range") else head.header("range")
    size = len(content)
    part = None if wanted is None else static_site.part_of(wanted, size)
    if part is None:
        return Answer(200, content, kind, headers)
    if not part:
        place = (b"Content-Range", f"bytes */{size}".encode())
        return Answer(416, headers=[place, *headers])
    place = (b"Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}".encode())
    return Answer(206, content[part.start : part.stop], kind, [place, *headers])


async def _changes(head: RequestHead, sandbox: Sandbox) -> Answer:
    """Answer when the files are others than those the page was made of."""
    query = parse_qs(head.target.partition("?")[2])
    known = query.get("after", [""])[-1]
    changed = sandbox.changed
    token = await sandbox.files_token()
    if token == known:
        try:
            async with asyncio.timeout(_CHANGES_S):
                await changed.wait()
        except TimeoutError:
            pass
        token = await sandbox.files_token()
    return Answer(200, token.encode(), headers=[_NO_STORE, *ADDED])
