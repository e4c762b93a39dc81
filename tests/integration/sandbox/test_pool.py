"""Sandboxes that run before they are asked for."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from playwright.async_api import Browser, expect

from contracts.sandbox import (
    Failed,
    InstallDependencies,
    Installed,
    Running,
    StartServer,
    SyncFiles,
)
from sandbox.domain.previews import pages
from tests.integration.sandbox.stage import (
    SandboxServer,
    Stage,
    host_of,
    sandbox_server,
    stage,
)
from tests.integration.sandbox.templates import are_made, kanban, runtime, templates
from tests.integration.sandbox.test_real_packages import hot_reload
from tests.support.desk import desk
from tests.support.polling import until

FETCHED = """
() => Object.fromEntries(performance.getEntriesByType("resource")
  .map(({name, transferSize}) => [name, transferSize]))
"""


@pytest.fixture(scope="module", params=["process", "docker"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    chosen = templates(**runtime(request.param), SANDBOX_HOT_MIB="160")
    with sandbox_server(world=True, **chosen) as lent:
        yield lent


@pytest.fixture
async def world(server: SandboxServer) -> AsyncIterator[Stage]:
    """A service in which one sandbox is hot."""
    async with stage(server) as made:
        await are_made(made, "bun", "react")

        async def hot() -> bool:
            bundles = [box.layer.upper / ".vite/deps" for box in server.spares()]
            return any(folder.exists() for folder in bundles)

        await until(hot, "a sandbox is hot")
        yield made


async def test_a_project_gets_a_sandbox_that_runs(world: Stage) -> None:
    project = world.add(kanban())
    assert not isinstance(await world.ask(project, SyncFiles(1)), Failed)
    installed = await world.ask(project, InstallDependencies())
    assert isinstance(installed, Installed), installed
    assert isinstance(await world.ask(project, StartServer()), Running)
    assert "createRoot" in (await world.visit(project, "/src/main.tsx")).text
    assert "Getting ready" not in (await world.visit(project)).text
    origin = world.server.layout.box(project).origin
    if installed.skipped:  # the sandbox was hot by then, not only being started
        assert origin.read_text(encoding="ascii") != str(project)
    await world.write(project, "src/board.ts", "export const added = 1;")
    await world.sees(project, "added", "/src/board.ts")
    assert not any("opening.js" in one.content for one in world.logs)


async def test_a_page_is_told_with_what_it_loads_until_files_change(
    world: Stage,
) -> None:
    project = world.add(kanban())
    for operation in (SyncFiles(1), InstallDependencies(), StartServer()):
        assert not isinstance(await world.ask(project, operation), Failed)
    link = (await world.visit(project)).headers["link"]
    told = [one.partition(">")[0].removeprefix("<") for one in link.split(",")]
    assert "/src/CardView.tsx" in told
    (react,) = (path for path in told if "/react-dom_client.js?v=" in path)
    bundle = await world.visit(project, react)
    assert "immutable" in bundle.headers["cache-control"]
    assert b"sourceMappingURL=data:" not in bundle.content
    await world.write(project, "src/board.ts", "export const added = 1;")
    await world.sees(project, "added", "/src/board.ts")

    async def is_silent() -> bool:
        return "link" not in (await world.visit(project)).headers

    await until(is_silent, "the page is not told with addresses that are none any more")
    again = await world.visit(project, "/@vite/client")
    assert b"sourceMappingURL=data:" in again.content  # it is the server's own


async def told_to_the_first_visitor(world: Stage) -> list[str]:
    project = world.add(kanban())
    for operation in (SyncFiles(1), InstallDependencies(), StartServer()):
        assert not isinstance(await world.ask(project, operation), Failed)
    async with await hot_reload(world, project) as page:
        said = [await page.recv()]
        await (await page.ping())  # what waited for the page has come before this
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                said.append(await page.recv())
    return [json.loads(text)["type"] for text in said]


async def test_no_visitor_is_told_to_load_again_what_was_just_loaded(
    world: Stage,
) -> None:
    # A dev server without time may notice a change later than anybody waits for it;
    # what it keeps for the next page, it would tell each of them.
    for _ in range(3):
        said = await told_to_the_first_visitor(world)
        if said == ["connected"]:
            break
    assert said == ["connected"]


async def test_a_frame_that_was_there_before_has_the_packages_of_the_app(
    world: Stage, chromium: Browser
) -> None:
    project = world.add(kanban())
    name = host_of(project).partition(":")[0]
    origin = f"http://{name}:{world.server.preview_port}"
    await world.sees(project, pages.OPENING_SCRIPT, pages.OPENING)
    async with desk(chromium, f"{origin}{pages.OPENING}") as page:
        loads: list[str] = []
        page.on("framenavigated", lambda frame: loads.append(frame.url))
        frame = page.frame_locator("#preview")
        await expect(frame.get_by_text("One moment")).to_be_visible()

        async def twice() -> bool:
            return page.frames[1].url == f"{origin}{pages.OPENING}?again"

        await until(twice, "it has run twice")
        for operation in (SyncFiles(1), InstallDependencies(), StartServer()):
            assert not isinstance(await world.ask(project, operation), Failed)
        await expect(frame.locator("h1")).to_have_text("Flowboard")
        fetched = await page.frames[1].evaluate(FETCHED)
    bundles = {path: size for path, size in fetched.items() if "/.vite/deps/" in path}
    assert any("react-dom_client" in path for path in bundles)
    assert set(bundles.values()) == {0}  # the browser had them
    assert loads[-1] == f"{origin}/"
    assert loads.count(f"{origin}/") == 1


async def test_what_was_taken_over_comes_back_after_a_restart(world: Stage) -> None:
    project = world.add(kanban())
    for operation in (SyncFiles(1), InstallDependencies(), StartServer()):
        assert not isinstance(await world.ask(project, operation), Failed)
    world.restart()
    await world.sees(project, "createRoot", "/src/main.tsx")


async def test_an_app_with_other_settings_is_started_for_itself(world: Stage) -> None:
    files = kanban()
    files["vite.config.ts"] = f"{files['vite.config.ts']!s}// another\n"
    project = world.add(files)
    await world.ask(project, SyncFiles(1))
    assert not world.server.layout.box(project).origin.exists()
