"""What is wrong with an app: asked of its server, its type checker and its page.

What is cheap and sure comes first, and where that finds something the rest is left out:
a module that cannot be compiled makes everything after it fail as well.
"""

import asyncio
from asyncio import TaskGroup
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from contracts.project import Problem
from contracts.sandbox import (
    Failed,
    InstallDependencies,
    SandboxOperation,
    StartServer,
)
from sandbox.application.parts import Parts
from sandbox.application.readiness import lack_of
from sandbox.application.sandbox import Sandbox
from sandbox.application.trouble import Troubled
from sandbox.domain.apps.app import App, NoApp
from sandbox.domain.apps.package import read_package
from sandbox.domain.diagnosis import problems
from sandbox.domain.diagnosis.page import Finding
from sandbox.domain.diagnosis.source_map import original_line
from sandbox.domain.diagnosis.type_checker import (
    checker_of,
    chosen_settings,
    may_be_settings,
)
from sandbox.domain.limits import CHECK_S, READ_BYTES, TYPES_S
from sandbox.domain.output import Stream
from sandbox.domain.previews.static_site import candidates
from sandbox.ports import Command, Fetched, Process, RuntimeFailed, Unreachable

_FETCH_S = 20.0
_MODULES = 150
"""Most modules that are asked for; a page of more is looked at by the browser."""
_AT_ONCE = 8
_PAGE = "text/html"
_ANYTHING = "*/*"
_SOURCES = {InstallDependencies: "install", StartServer: "start"}
_TYPES_OPTIONS = ("--noEmit", "--pretty", "false", "--skipLibCheck")
_CONFIGS = 50
"""Files that are looked at for settings of the type checker."""


async def failed(
    sandbox: Sandbox, operation: SandboxOperation, trouble: Troubled
) -> Failed:
    """Return the failure of a step, as a sentence and in parts."""
    found: list[Problem] = []
    source = trouble.source or _SOURCES.get(type(operation))
    if source is not None:
        found = await _bounded_trouble(sandbox, source, trouble)
    mask = sandbox.mask
    return Failed(mask.hide(trouble.reason), mask.hide(trouble.log_tail), found)


async def _bounded_trouble(
    sandbox: Sandbox, source: str, trouble: Troubled
) -> list[Problem]:
    problem = await _of_trouble(sandbox, source, trouble)
    return problems.bounded([problem], sandbox.mask)


async def _of_trouble(sandbox: Sandbox, source: str, trouble: Troubled) -> Problem:
    if source == "install":
        manifests = {}
        try:
            app, files = await sandbox.detect()
            manifests = {path: files[path] for path in app.manifests}
        except Troubled:  # a manifest cannot be read, which the reason begins with
            name = trouble.reason.partition(" ")[0]
            manifests = {name: ""} if name in await _files(sandbox) else {}
        return problems.of_install(trouble.reason, trouble.log_tail, manifests)
    files_here = await _files(sandbox)
    said, about = trouble.log_tail, trouble.address
    return problems.of_output(source, trouble.reason, said, files_here, about)


async def _files(sandbox: Sandbox) -> Collection[str]:
    return (await sandbox.state()).files.keys()


async def check(sandbox: Sandbox, parts: Parts) -> list[Problem]:
    """Return what is wrong with the app as it is now; nothing where it works.

    What takes too long has found nothing: an app is not broken because we are slow.
    """
    if sandbox.crash is not None:
        return await _bounded_trouble(sandbox, "crash", sandbox.crash)
    try:
        await sandbox.catch_up()
    except Troubled as exc:
        source = exc.source or ("start" if sandbox.server is None else "install")
        return await _bounded_trouble(sandbox, source, exc)
    found: list[Problem] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(CHECK_S):
            await _Check(sandbox, parts, found).run()
    if sandbox.crash is not None:
        found = [await _of_trouble(sandbox, "crash", sandbox.crash), *found]
    return problems.bounded(found, sandbox.mask)


class _Check:
    """One check; what it finds goes to *found* as it is found."""

    def __init__(self, sandbox: Sandbox, parts: Parts, found: list[Problem]) -> None:
        self._sandbox = sandbox
        self._parts = parts
        self._found = found
        self._files: Collection[str] = ()
        self._process: Process | None = None
        self._folder = ""
        self._lacks = False
        """Something was not answered that the page cannot do without."""

    async def run(self) -> None:
        """Look at everything, or until something is wrong."""
        self._files = await _files(self._sandbox)
        server = self._sandbox.server
        if server is None:
            return
        self._process, self._folder = server.process, server.app.folder
        if server.process is not None:
            await self._look_at_server(server.process, server.app)
        if not self._found and not self._lacks:
            async with TaskGroup() as both:
                both.create_task(self._look_at_types(server.app))
                both.create_task(self._look_at_page())
        if not self._found and self._lacks and server.process is not None:
            await self._look_for_lack(server.process)

    # --- what the server says -----------------------------------------------------

    async def _look_at_server(self, process: Process, app: App) -> None:
        start = await self._fetch(process, "/", _PAGE)
        if start is None:
            self._lacks = True
            return
        body = self._text(start.body)
        if problems.is_error(start.status):
            self._add_answer(start.status, "/", body)
        elif app.kind == "vite":
            await self._look_at_modules(process, body)

    def _text(self, data: bytes | bytearray) -> str:
        """Return what the app or a tool wrote, which may lack its end."""
        return self._sandbox.mask.hide_cut(data.decode(errors="replace"))

    def _add_answer(self, status: int, address: str, body: str) -> None:
        log = self._sandbox.log_tail
        problem = problems.of_answer(status, address, body, log, self._files)
        self._found.append(problem)

    async def _look_at_modules(self, process: Process, page: str) -> None:
        """Ask for the project's modules as a page does, without running them."""
        waiting = deque((one, "index.html") for one in problems.scripts_of(page))
        seen = {address for address, _ in waiting}
        while waiting and len(seen) <= _MODULES:
            some = [waiting.popleft() for _ in range(min(_AT_ONCE, len(waiting)))]
            answers = await asyncio.gather(
                *(self._fetch(process, address, _ANYTHING) for address, _ in some)
            )
            for (address, wanted_by), answer in zip(some, answers, strict=True):
                code = await self._module(address, wanted_by, answer)
                path = problems.known_path(address, self._files) or wanted_by
                fresh = set(problems.imports_of(code)) - seen
                seen |= fresh
                waiting += ((one, path) for one in sorted(fresh))

    async def _module(
        self, address: str, wanted_by: str, answer: Fetched | None
    ) -> str:
        """Note what is wrong with a module; return its code."""
        if answer is None:
            self._lacks = True
            return ""
        code = self._text(answer.body)
        if problems.is_error(answer.status):
            self._add_answer(answer.status, address, code)
            return ""
        if _PAGE in answer.content_type:  # there is none, and the page comes instead
            text = await self._text_of(wanted_by)
            self._found.append(problems.of_missing_module(address, wanted_by, text))
            return ""
        return code if "javascript" in answer.content_type else ""

    async def _look_for_lack(self, process: Process) -> None:
        """Ask for the page as whoever starts the app does, and with his patience."""
        found = await lack_of(process, self._sandbox.site.host)
        if found is not None:
            address, how = found
            about, log = f"{address} {how}.", self._sandbox.log_tail
            told = problems.of_output("http", about, log, self._files, address)
            self._found.append(told)

    async def _text_of(self, path: str) -> str:
        found = await self._sandbox.folder.read([path], READ_BYTES)
        return found.get(path, b"").decode(errors="replace")

    async def _fetch(
        self, process: Process, target: str, accept: str
    ) -> Fetched | None:
        with suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(_FETCH_S):
                return await process.fetch(self._sandbox.site.host, target, accept)
        return None

    # --- what the type checker says -----------------------------------------------

    async def _look_at_types(self, app: App) -> None:
        names = [path for path in self._files if may_be_settings(path)]
        found = await self._sandbox.folder.read(
            sorted(names, key=len)[:_CONFIGS], READ_BYTES
        )
        texts = {path: text.decode(errors="replace") for path, text in found.items()}
        chosen = chosen_settings(texts)
        checker = await self._type_checker(app) if chosen else None
        if checker is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(TYPES_S):
                for settings in chosen:
                    output = await self._checked_types(checker, settings)
                    self._found += problems.of_types(output, self._files)

    async def _checked_types(self, checker: str, settings: str) -> str:
        """Return what the type *checker* prints, given these *settings*."""
        output = bytearray()

        async def keep(_: Stream, data: bytes) -> None:
            output.extend(data[: problems.TEXT_CHARS - len(output)])

        argv = ("node", checker, *_TYPES_OPTIONS, "--project", settings)
        try:
            process = await self._parts.runtime.launch(
                self._sandbox.project_id, Command(argv), keep
            )
        except RuntimeFailed:
            return ""
        try:
            await process.wait()
        finally:
            await process.stop()
        return self._text(output)

    async def _type_checker(self, app: App) -> str | None:
        if app.kind not in ("vite", "node"):
            return None
        try:
            package = read_package(await self._text_of("package.json"))
        except NoApp:
            return None  # the app itself has written another one
        names = package.dependencies.keys() | package.dev_dependencies.keys()
        return checker_of(names)

    # --- what the page says -------------------------------------------------------

    async def _look_at_page(self) -> None:
        sandbox = self._sandbox
        seen = await self._parts.browser.look(sandbox.project_id, sandbox.site.url)
        if seen is None:
            return
        self._lacks = not seen.is_whole
        if seen.jpeg is not None:
            await sandbox.folder.keep_screenshot(seen.jpeg)
            if self._parts.pictures is not None:
                await self._parts.pictures.keep(sandbox.project_id, seen.jpeg)
        for finding in seen.findings:
            message = sandbox.mask.hide_cut(finding.message)
            masked = msgspec.structs.replace(finding, message=message)
            self._found.append(await self._of_page(masked))

    async def _of_page(self, finding: Finding) -> Problem:
        place = await self._place_of(finding)
        if problems.is_error(finding.status):
            log = self._sandbox.log_tail
            told = problems.of_output(finding.source, finding.message, log, self._files)
            place = problems.Place(told.path, told.line) if told.path else place
            return msgspec.structs.replace(told, path=place.path, line=place.line)
        if place.path is None:
            place = problems.locate(finding.message, self._files)
        return Problem(finding.source, finding.message, place.path, place.line)

    async def _place_of(self, finding: Finding) -> problems.Place:
        """Return the line of the project that stands behind one that a browser saw."""
        address = urlsplit(finding.url)
        names = candidates(address.path) if finding.url else []
        lies = ("", f"{self._folder}/") if self._folder else ("",)
        known = (f"{one}{name}" for one in lies for name in names)
        path = next((name for name in known if name in self._files), None)
        if path is None or self._process is None:
            return problems.Place(path, None if path is None else finding.line + 1)
        target = f"{address.path or '/'}{'?' if address.query else ''}{address.query}"
        answer = await self._fetch(self._process, target, _ANYTHING)
        if answer is None or _PAGE in answer.content_type:
            return problems.Place(path)  # a page is changed on its way to the browser
        code = answer.body.decode(errors="replace")
        line = original_line(code, finding.line, finding.column)
        return problems.Place(path, line or finding.line + 1)
