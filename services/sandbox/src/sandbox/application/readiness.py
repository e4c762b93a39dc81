"""Waiting until an app can be seen: its page, and every module that the page loads.

A dev server answers for its page long before it has translated the app and bundled its
packages, which it does when they are first asked for. So they are asked for here, and
whoever looks afterwards has them at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

import msgspec

from sandbox.application.loads import Loads
from sandbox.application.trouble import Troubled
from sandbox.domain.diagnosis.module_graph import (
    imports_of_module,
    is_bundle,
    modules_of_page,
    without_source_map,
)
from sandbox.domain.diagnosis.problems import is_error
from sandbox.domain.ending import ending
from sandbox.domain.limits import ERROR_S, LACKING_S, START_S
from sandbox.ports import Fetched, Process, Unreachable

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25
_SHARE = 0.05
"""Of what it took already: no more is lost by asking late."""
_ANSWER_S = 20.0
"""For one answer: a first page may have to be compiled."""
_LAST_S = 2.0
_MODULES = 2000
_START_BYTES = 16_384
"""Of a bundle; its imports stand there."""
_AT_ONCE = 6
"""As many as a browser asks for."""
_PAGE = "text/html"
_ANYTHING = "*/*"
_OUTDATED = 504
"""What Vite answers when it has bundled packages anew meanwhile."""
_GATEWAY = (502, 503)
_NOTICED_S = 0.3
"""A dev server notices at once that files have changed, unless none has."""
_LATE_S = 2.0
"""It may notice some of them later than others, and later than they are seen."""
_REHEARSALS = 10
"""Its first log line alone costs a dev server 20 ms, the first few of anything twice
what the later ones do."""
_DEV_CLIENT = b"/@vite/client"


async def until_ready(process: Process, host: str, loads: Loads) -> None:
    """Wait until the app can be seen, and learn what it *loads*.

    The bundles that are known already are not asked for.

    Raises:
        Troubled: It never can; the sentence says how that shows.

    """
    walks = Walks()
    async with asyncio.TaskGroup() as race:
        ready = race.create_task(until_served(process, host, walks, loads))
        ended = race.create_task(process.wait())
        first, _ = await asyncio.wait(
            {ready, ended}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        ended.cancel()
    if ended in first:
        code = ended.result()
        how = ending(code, process.cause)
        raise Troubled(f"The app stopped while it was starting ({how}).")
    if walks.status is None:
        why = await _obstacle(process, host)
        raise Troubled(f"The app did not answer within {START_S:g} seconds: {why}.")
    if is_error(walks.status):
        raise Troubled(
            f"The app answers with an error ({walks.status}).", source="http"
        )
    # Where there are many modules, or slow ones, they come as they come.
    if walks.lacking is not None:
        path, how = walks.lacking
        raise Troubled(
            f"The page of the app is there, but not all that it loads: {path} {how}.",
            source="http",
            address=path,
        )


async def _obstacle(process: Process, host: str) -> str:
    """Ask once more, and return what keeps the app from being seen."""
    try:
        async with asyncio.timeout(_LAST_S):
            await process.fetch(host, "/", _PAGE)
    except Unreachable as exc:
        return str(exc)
    except TimeoutError:
        return "it takes a request, and says nothing"
    return "it is too slow"


async def lack_of(process: Process, host: str) -> tuple[str, str] | None:
    """Return what of an app that runs never comes, and how that shows.

    None where all of it comes, or only too slowly to be sure.
    """
    walks = Walks()
    with suppress(TimeoutError):
        async with asyncio.timeout(START_S):
            await until_served(process, host, walks, Loads())
    if walks.lacking is None and walks.status is None:
        return "/", "is never answered"
    return walks.lacking


class Walks:
    """What the start page was answered with, and what it lacks time and again."""

    def __init__(self) -> None:
        self.status: int | None = None
        """The page's, the last time; None: it was never answered."""
        self.lacking: tuple[str, str] | None = None
        """A module that never comes, and how that shows."""
        self._since: dict[str, float] = {}

    def walked(self, missing: Mapping[str, str], begun: float) -> None:
        """Take note of a way that began at *begun*, and of what did not come on it."""
        now = time.monotonic()
        before, self._since = self._since, {}
        for path, how in missing.items():
            self._since[path] = before.get(path, begun)
            if path in before and now - before[path] >= LACKING_S:
                self.lacking = (path, how)


class Seen:
    """How far an app is that ran before, and shows other files now."""

    def __init__(self) -> None:
        self.written = asyncio.Event()
        """It has got them, or will not."""
        self.noticed = asyncio.Event()
        """It knows that it has other files: whoever looks from now on sees those."""
        self.answered = asyncio.Event()
        """It is known whether it can be seen."""
        self.can_be = False
        """It can. Its packages are bundled already, so that whoever looks need not wait
        for its modules to be made, but asks for them."""

    def shown(self) -> None:
        """Take note that it can be seen."""
        self.can_be = True
        self.answered.set()

    def over(self) -> None:
        """Take note that nothing more will be known."""
        self.noticed.set()
        self.answered.set()


async def see(process: Process, host: str, seen: Seen, loads: Loads) -> None:
    """Look at an app that ran before, until it shows the files that it gets now.

    It is an open page meanwhile, so that no visitor is told of what has changed.
    """
    try:
        async with process.attended(host) as noticed:
            await seen.written.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_NOTICED_S):
                    await noticed.wait()
            seen.noticed.set()
            is_whole = await _look(process, host, seen, loads)
            with suppress(Troubled):
                if not is_whole:
                    await until_ready(process, host, loads)
                    seen.shown()
                await asyncio.sleep(_LATE_S)
    finally:
        loads.over()
        seen.over()


async def _look(process: Process, host: str, seen: Seen, loads: Loads) -> bool:
    """Ask once for the page and all that it loads; tell whether all of it was there."""
    try:
        page = await _fetch(process, host, "/", _PAGE)
    except (Unreachable, TimeoutError):
        return False
    if is_error(page.status):
        return False
    seen.shown()
    # A visitor has the page at this moment, and asks for these next.
    walk = _Walk(process, host, loads)
    await walk.follow(loads.modules)
    return await walk.all_loaded(page)


async def rehearse(
    process: Process, host: str, write: Callable[[], Awaitable[None]], loads: Loads
) -> None:
    """Have an app that runs notice its files and show them, until it is quick at that.

    *write* puts them there again, *loads* are not asked for.
    """
    async with process.attended(host) as noticed:
        for _ in range(_REHEARSALS):
            noticed.clear()
            await write()
            with suppress(TimeoutError):
                async with asyncio.timeout(_NOTICED_S):
                    await noticed.wait()
            with suppress(Unreachable, TimeoutError):
                page = await _fetch(process, host, "/", _PAGE)
                await _Walk(process, host, loads).all_loaded(page)


async def loaded_by(process: Process, host: str, path: str) -> Mapping[str, Fetched]:
    """Return a module of a running app and all that it loads; nothing if it is none."""
    walk = _Walk(process, host, Loads(), keeps=True)
    is_whole = await walk.follow([path])
    return walk.kept if is_whole and path in walk.kept else {}


async def until_served(process: Process, host: str, walks: Walks, loads: Loads) -> None:
    """Ask for the start page and all that it loads until everything was served.

    What comes of it goes to *walks*; what stays as it is ends it as well. A module with
    a mistake in it is answered with an error as often as one asks: the page shows it,
    so it counts as served.
    """
    first = time.monotonic()
    patient_until: float | None = None
    while walks.lacking is None:
        with suppress(Unreachable, TimeoutError):
            begun = time.monotonic()
            page = await _fetch(process, host, "/", _PAGE)
            walks.status = page.status
            now = time.monotonic()
            patient_until = patient_until or now + ERROR_S
            if is_error(page.status):
                if now > patient_until:
                    return
            else:
                walk = _Walk(process, host, loads)
                if await walk.all_served(page):
                    return
                walks.walked(walk.missing, begun)
        waited_s = time.monotonic() - first
        await asyncio.sleep(
            max(_FIRST_PAUSE_S, min(_LONGEST_PAUSE_S, waited_s * _SHARE))
        )


async def _fetch(process: Process, host: str, path: str, accept: str) -> Fetched:
    async with asyncio.timeout(_ANSWER_S):
        return await process.fetch(host, path, accept)


class _Walk:
    """One way through all modules of a page but those that are known already."""

    def __init__(
        self, process: Process, host: str, loads: Loads, *, keeps: bool = False
    ) -> None:
        self._process = process
        self._host = host
        self._loads = loads
        self._keeps = keeps
        self.kept: dict[str, Fetched] = {}
        """Every module, those of packages among them, where they are kept."""
        self._known: dict[str, None] = {}
        self._scripts: set[str] = set()
        """Those of them that are modules indeed."""
        self.missing: dict[str, str] = {}
        """Modules that have to be asked for again, and how that shows."""
        self._waiting: list[str] = []

    async def all_served(self, page: Fetched) -> bool:
        """Ask for every module; tell whether none has to be asked for again."""
        if _DEV_CLIENT not in page.body:
            return await self.all_loaded(page)
        async with self._process.attended(self._host):
            return await self.all_loaded(page)

    async def all_loaded(self, page: Fetched) -> bool:
        """Do the same for a dev server that has an open page already."""
        if _PAGE not in page.content_type:
            return True
        modules = modules_of_page(_text(page.body), "/")
        is_whole = await self.follow(modules)
        if is_whole:
            own = self._scripts.difference(modules)
            self._loads.found(path for path in self._known if path in own)
        return is_whole

    async def follow(self, paths: Iterable[str]) -> bool:
        """Ask for these modules and all that they load; tell the same."""
        self._add(paths)
        while self._waiting and not self.missing:
            some = self._waiting[:_AT_ONCE]
            del self._waiting[:_AT_ONCE]
            async with asyncio.TaskGroup() as visits:
                for path in some:
                    visits.create_task(self._visit(path))
        return not self.missing

    def _add(self, paths: Iterable[str]) -> None:
        for path in paths:
            if path not in self._known and len(self._known) < _MODULES:
                self._known[path] = None
                kept = self._loads.kept(path)
                if kept is None:
                    self._waiting.append(path)
                else:
                    self._take(kept.body, path)

    async def _visit(self, path: str) -> None:
        try:
            answer = await _fetch(self._process, self._host, path, _ANYTHING)
        except Unreachable:
            self.missing[path] = "is not answered in HTTP"
            return
        except TimeoutError:
            self.missing[path] = "is never answered"
            return
        if answer.status in (_OUTDATED, *_GATEWAY):
            self.missing[path] = f"answers with an error ({answer.status})"
        elif "javascript" in answer.content_type:
            body = without_source_map(answer.body)
            if answer.is_whole and not is_error(answer.status):
                kept = msgspec.structs.replace(answer, body=body)
                self._loads.keep(path, kept)
                if self._keeps:
                    self.kept[path] = kept
            self._take(body, path)

    def _take(self, module: bytes, path: str) -> None:
        self._scripts.add(path)
        if self._keeps or not is_bundle(path):
            self._add(imports_of_module(_text(module), path))
            return
        # Its own parts are there with it; that it has them stands at its beginning.
        for part in imports_of_module(_text(module[:_START_BYTES]), path):
            self._known.setdefault(part)
            self._scripts.add(part)


def _text(body: bytes) -> str:
    return body.decode(errors="replace")
