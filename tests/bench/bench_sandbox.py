"""From files to an app on the screen, beside `npm install && npm run dev`.

Everything is measured in one run on one machine, in rounds in which the rivals take
turns; medians and ranges are printed, and the ratio to npm with a warm cache. An app
counts as served when its page and every module that the page loads were answered, for
the sandbox and for the rival alike. The screen is a Chromium, where there is one.

Two rows say when content is on the screen, and differ in what is open before:

- *then on the screen*: nothing is. A fresh browser context loads the app's address
  after the app was claimed, or started, and the row is that alone. The same for npm.
- *frame open before, files to screen*: what a person has open in the product while an
  app is written. A page of another site has a frame on the project's opening page, with
  the rights that the workspace gives it, for so long that this page is at rest. The row
  begins with the request to bring the files, has all that the agent asks for in it
  (files, packages, start), and ends when the app's text is in the frame: the claim of a
  sandbox is part of it. What is not: the agent's own events, the door in front.
"""

import asyncio
import json
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from contracts.sandbox import (
    InstallDependencies,
    RemoveSandbox,
    Running,
    SandboxOperation,
    StartServer,
    SyncFiles,
)
from sandbox.adapters.files.layout import Box
from sandbox.domain.previews import pages
from tests.bench.sandbox_rivals import Plain, npm, plain
from tests.integration.sandbox.stage import Stage, host_of, sandbox_server, stage
from tests.integration.sandbox.templates import are_made, kanban, templates
from tests.support.browser import ARGUMENTS
from tests.support.desk import desk
from tests.support.engine import engine_url
from tests.support.npm import node_environ
from tests.support.servers import server_folder

RICH = Path(__file__).parents[2] / "services/sandbox/src/sandbox/templates/react-rich"
ROUNDS = 3
REQUESTS = 200
_SHOWN = "(document.querySelector('#root')?.textContent ?? '') !== ''"
_EDIT = "src/board.ts"
_HOT_S = 60.0
_QUIET_S = 2.0
_REST_S = 3.0
"""The opening page has loaded itself a second time by then, and is done."""

Times = dict[str, list[float]]


def main() -> None:
    """Print all tables."""
    asyncio.run(_run())


def _print(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _run() -> None:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(server_folder())
        browser = await stack.enter_async_context(_browser())
        fresh = await stack.enter_async_context(_stage())
        hot = await stack.enter_async_context(_stage(SANDBOX_HOT_MIB="160"))
        docker = await _docker(stack)
        await are_made(fresh, "bun", "react", "react-rich")
        bench = _Bench(folder, browser)
        small = kanban()
        for number in range(ROUNDS):
            await bench.plain_app("small", small, cold=number == 0)
            await _is_hot(hot)
            await bench.sandbox("small: hot sandbox claimed", hot, small)
            await _is_hot(hot)
            await bench.framed("small: hot sandbox", hot, small)
            await bench.sandbox("small: fresh process sandbox", fresh, small)
            if docker is not None:
                await bench.sandbox("small: fresh container", docker, small)
        bench.table("An app of 7 dependencies (the demo's board)", "small")
        for number in range(ROUNDS):
            await bench.plain_app("rich", _rich(), cold=number == 0)
            await bench.sandbox("rich: fresh process sandbox", fresh, _rich())
        bench.table("An app of 40 dependencies", "rich")
        await bench.proxy(fresh, small)


@asynccontextmanager
async def _stage(**settings: str) -> AsyncIterator[Stage]:
    with sandbox_server(world=True, **templates(**settings)) as server:
        async with stage(server) as made:
            yield made


async def _docker(stack: AsyncExitStack) -> Stage | None:
    """Return a service that runs containers; None where no engine can run."""
    try:
        url = engine_url()
    except pytest.skip.Exception as exc:
        _print(f"no containers: {exc}")
        return None
    made = _stage(SANDBOX_RUNTIME="docker", DOCKER_HOST=url)
    return await stack.enter_async_context(made)


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser | None]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        _print("no screen: there is no chromium on the PATH")
        yield None
        return
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS
        )
        yield launched
        await launched.close()


def _rich() -> dict[str, str | bytes]:
    return {
        path.relative_to(RICH).as_posix(): path.read_text(encoding="utf-8")
        for path in RICH.rglob("*")
        if path.is_file() and path.name != "package-lock.json"
    }


async def _is_hot(hot: Stage) -> None:
    """Wait until a sandbox waits for its files, and has rehearsed to get some."""
    deadline = time.monotonic() + _HOT_S
    while not _has_rehearsed(hot.server.spares()):
        if time.monotonic() > deadline:
            raise TimeoutError("no sandbox became hot")
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)  # what the last round left is over as well


def _has_rehearsed(spares: list[Box]) -> bool:
    """Tell whether a dev server wrote such a folder, and got no file for a while."""
    files = [box.app / "index.html" for box in spares]
    pages = [path.stat().st_mtime for path in files if path.exists()]
    is_served = any((box.layer.upper / ".vite-temp").exists() for box in spares)
    return is_served and bool(pages) and time.time() - max(pages) > _QUIET_S


class _Bench:
    """What was measured so far."""

    def __init__(self, folder: Path, browser: Browser | None) -> None:
        self._cache = folder / "npm"
        self._log = folder / "plain.log"
        self._browser = browser
        self._times: Times = {}

    def _add(self, name: str, seconds: float) -> None:
        self._times.setdefault(name, []).append(seconds * 1000)

    # --- the rival ----------------------------------------------------------------

    async def plain_app(
        self, app: str, files: Mapping[str, str | bytes], *, cold: bool
    ) -> None:
        """Measure npm; *cold* also once with an empty cache."""
        if cold:
            shutil.rmtree(self._cache, ignore_errors=True)
            async with plain(files, self._cache, self._log) as made:
                self._add(f"{app}: npm, cold cache", made.total_s)
        async with plain(files, self._cache, self._log) as made:
            self._add(f"{app}: npm, warm cache", made.total_s)
            self._add(f"{app}:   of that npm install", made.install_s)
            self._add(f"{app}:   of that npm run dev", made.start_s)
            await self._screen(f"{app}:   then on the screen", made.url)
            await self._more(app, made)

    async def _more(self, app: str, made: Plain) -> None:
        environ = {**node_environ(), "npm_config_cache": str(self._cache)}
        begun = time.monotonic()
        await npm(made.folder, environ, "install", "nanoid@5.1.5", "--prefer-offline")
        self._add(f"{app}: npm, one more package", time.monotonic() - begun)

    async def _screen(self, name: str, url: str) -> Page | None:
        if self._browser is None:
            return None
        context = await self._browser.new_context()
        page = await context.new_page()
        begun = time.monotonic()
        await page.goto(url, wait_until="commit")
        await page.wait_for_function(_SHOWN)
        self._add(name, time.monotonic() - begun)
        return page

    # --- the sandbox --------------------------------------------------------------

    async def sandbox(
        self, name: str, world: Stage, files: Mapping[str, str | bytes]
    ) -> None:
        """Measure a project from its files to its end."""
        project = world.add(files)
        self._times.setdefault(name, [])  # its row stands above those of its parts
        total = 0.0
        for step, operation in (
            ("files", SyncFiles(1)),
            ("packages", InstallDependencies()),
            ("start, all modules", StartServer()),
        ):
            seconds, answer = await _timed(world, project, operation)
            total += seconds
            self._add(f"{name}:   of that {step}", seconds)
        if not isinstance(answer, Running):
            raise TypeError(f"the app does not run: {answer}")
        self._add(name, total)
        url = f"http://{_address(world, project)}/"
        page = await self._screen(f"{name}:   then on the screen", url)
        if page is not None:
            if _EDIT in files:
                await self._edit(name, world, project, page)
            await page.context.close()
        await self._another(name, world, project)
        seconds, _ = await _timed(world, project, RemoveSandbox())
        self._add(f"{name}:   stop and clean-up", seconds)

    async def framed(
        self, name: str, world: Stage, files: Mapping[str, str | bytes]
    ) -> None:
        """Measure from a project's files to the screen, with a frame open before."""
        if self._browser is None:
            return
        project = world.add(files)
        address = f"http://{_address(world, project)}{pages.OPENING}"
        async with desk(self._browser, address) as page:
            await asyncio.sleep(_REST_S)
            begun = time.monotonic()
            seen = asyncio.create_task(_seen(page))
            for operation in (SyncFiles(1), InstallDependencies(), StartServer()):
                await world.ask(project, operation)
            self._add(f"{name}: frame open before, files to screen", await seen - begun)
        await world.ask(project, RemoveSandbox())

    async def _edit(self, name: str, world: Stage, project: UUID, page: Page) -> None:
        """Change the title in a component, and wait until the page shows it."""
        path = "src/App.tsx"
        text = str(world.agent.projects[project].files[path])
        marked = f"{text}\ndocument.documentElement.dataset.bench = 'seen';\n"
        begun = time.monotonic()
        await world.write(project, path, marked)
        await page.wait_for_function(
            "document.documentElement.dataset.bench === 'seen'", polling=10
        )
        self._add(f"{name}:   file write to browser", time.monotonic() - begun)

    async def _another(self, name: str, world: Stage, project: UUID) -> None:
        known = world.agent.projects[project]
        package = json.loads(str(known.files["package.json"]))
        package["dependencies"]["nanoid"] = "5.1.5"
        known.files["package.json"] = json.dumps(package)
        known.version += 1
        await _timed(world, project, SyncFiles(known.version))
        seconds, _ = await _timed(world, project, InstallDependencies())
        self._add(f"{name}:   one more package", seconds)

    # --- what was found -----------------------------------------------------------

    def table(self, title: str, app: str) -> None:
        """Print the rows of an app."""
        line = "{:<52} {:>9} {:>20} {:>7}"
        _print(f"\n{title}; milliseconds, {ROUNDS} rounds")
        _print(line.format("", "median", "range", "ratio"))
        warm = statistics.median(self._times[f"{app}: npm, warm cache"])
        for name, times in self._times.items():
            if name.startswith(f"{app}:"):
                middle = statistics.median(times)
                span = f"{min(times):.0f} to {max(times):.0f}"
                shown = name.removeprefix(f"{app}: ")
                shown = (
                    f"    {shown.rpartition(':   ')[2]}" if ":   " in name else shown
                )
                ratio = f"{middle / warm:.2f}"
                _print(line.format(shown, f"{middle:.0f}", span, ratio))

    async def proxy(self, world: Stage, files: Mapping[str, str | bytes]) -> None:
        """Compare a module through the preview proxy with one of plain Vite."""
        project = world.add(files)
        for operation in (SyncFiles(1), InstallDependencies(), StartServer()):
            await world.ask(project, operation)
        port, host = world.server.preview_port, host_of(project)
        async with plain(files, self._cache, self._log) as made, _client() as client:
            direct: list[float] = []
            through: list[float] = []
            for _ in range(REQUESTS):
                direct.append(await _get(client, f"{made.url}/{_EDIT}", {}))
                url = f"http://127.0.0.1:{port}/{_EDIT}"
                through.append(await _get(client, url, {"host": host}))
        both = [statistics.median(times) * 1000 for times in (direct, through)]
        _print(
            f"\npreview proxy, a module {REQUESTS} times, a connection for each: "
            f"median {both[0]:.2f} ms direct, {both[1]:.2f} ms through it, "
            f"{both[1] - both[0]:+.2f} ms"
        )
        await world.ask(project, RemoveSandbox())


async def _seen(page: Page) -> float:
    """Return when the frame of *page* has the text of an app."""
    while True:
        with suppress(PlaywrightError):  # the frame goes to another page meanwhile
            await page.frames[1].wait_for_function(_SHOWN)
            return time.monotonic()


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(trust_env=False, timeout=30, limits=limits)


async def _get(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str]
) -> float:
    begun = time.perf_counter()
    answer = await client.get(url, headers=headers)
    answer.raise_for_status()
    return time.perf_counter() - begun


def _address(world: Stage, project: UUID) -> str:
    """Return host and port of a preview without a door in front."""
    name = host_of(project).rpartition(":")[0]
    return f"{name}:{world.server.preview_port}"


async def _timed(
    world: Stage, project: UUID, operation: SandboxOperation
) -> tuple[float, object]:
    begun = time.monotonic()
    answer = await world.ask(project, operation, key=uuid4().hex)
    return time.monotonic() - begun, answer
