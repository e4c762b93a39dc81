"""Every page: nothing for axe to find, no other host, quiet, and small."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page, Request, expect

from tests.support.browser import (
    Size,
    Studio,
    cookies_of,
    findings,
    shoot,
    sign_in,
    window,
)
from tests.support.servers import server_folder
from tests.support.stack import Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_LOAD_BYTES = 250_000
EVERYWHERE = pytest.mark.parametrize(
    ("size", "dark"), [("desktop", False), ("desktop", True), ("phone", False)]
)


@EVERYWHERE
async def test_axe_finds_nothing_on_the_pages_before_signing_in(
    browser: Browser, stack: Stack, axe: str, size: Size, *, dark: bool
) -> None:
    found: list[str] = []
    async with window(browser, size, dark=dark) as page:
        for path in ("/", "/sign-in", "/sign-up?invitation=x", "/nowhere"):
            await page.goto(stack.url + path)
            await expect(page.locator("main h1")).to_be_visible()
            found += await findings(page, axe)
    assert found == []


@EVERYWHERE
async def test_axe_finds_nothing_on_the_pages_of_somebody(
    browser: Browser, studio: Studio, axe: str, size: Size, *, dark: bool
) -> None:
    found: list[str] = []
    async with window(browser, size, studio, dark=dark) as page:
        settings = f"/projects/{studio.project}/settings"
        for path in ("/projects", "/account", "/administration", settings):
            await page.goto(studio.stack.url + path)
            await expect(page.locator("main h1")).to_be_visible()
            await expect(
                page.locator("main [role=status]:has-text('Load')")
            ).to_have_count(0)
            found += await findings(page, axe)
    assert found == []


async def show_code(page: Page) -> None:
    await page.get_by_test_id("tab-code").click()
    await expect(page.locator(".cm-content").first).to_be_visible()


async def show_search(page: Page) -> None:
    await page.get_by_test_id("search-open").click()
    await page.get_by_test_id("search-input").fill("export")
    await expect(page.get_by_test_id("search-result").first).to_be_visible()
    await page.get_by_test_id("search-result").first.click()


async def show_versions(page: Page) -> None:
    await page.get_by_test_id("compare-open").click()
    await expect(
        page.get_by_test_id("compare-view").locator(".cm-content").first
    ).to_be_visible()


async def show_timeline(page: Page) -> None:
    await page.get_by_test_id("timeline-open").click()
    await page.get_by_test_id("timeline-slider").fill("12")
    await page.get_by_test_id("difference-open").click()
    await expect(page.get_by_test_id("difference").first).to_be_visible()


async def show_palette(page: Page) -> None:
    await page.get_by_test_id("palette-open").click()
    await expect(page.get_by_test_id("palette-item").first).to_be_visible()


STEPS: list[Callable[[Page], Awaitable[None]]] = [
    show_code,
    show_search,
    show_versions,
    show_timeline,
    show_palette,
]


@EVERYWHERE
async def test_axe_finds_nothing_in_any_view_of_the_workspace(
    browser: Browser, studio: Studio, axe: str, size: Size, *, dark: bool
) -> None:
    async with window(browser, size, studio, dark=dark) as page:
        await page.goto(studio.url)
        badge = page.get_by_test_id("state-badge")
        await expect(badge).to_have_attribute("data-state", "complete")
        found = await findings(page, axe)
        for step in STEPS:
            await step(page)
            found += await findings(page, axe)
    assert found == []


async def test_nothing_is_asked_of_any_other_host_and_nothing_is_refused(
    browser: Browser, studio: Studio
) -> None:
    hosts: set[str] = set()
    complaints: list[str] = []
    async with window(browser, "desktop", studio) as page:
        page.on("request", lambda r: hosts.add(urlsplit(r.url).hostname or ""))
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("console", lambda m: complaints.append(m.text))
        await page.goto(studio.stack.url)
        await page.goto(studio.url)
        border = page.get_by_role("separator").first
        width = await border.get_attribute("aria-valuenow") or ""
        await border.hover()
        await page.mouse.down()
        await page.mouse.move(500, 300, steps=3)
        await page.mouse.up()
        await expect(border).not_to_have_attribute("aria-valuenow", width)
        await show_code(page)
        await page.locator(".cm-content").first.click()
        await page.keyboard.press("Control+f")
        await expect(page.locator(".cm-search")).to_be_visible()
        await page.keyboard.press("Escape")
        await show_versions(page)
    foreign = {h for h in hosts if not re.fullmatch(r"(.+\.preview\.)?localhost|", h)}
    assert foreign == set()
    assert [c for c in complaints if "[vite]" not in c] == []


@pytest.mark.parametrize("path", ["/", "/projects/{project}"])
async def test_the_first_load_is_small_and_the_editor_comes_later(
    browser: Browser, studio: Studio, path: str
) -> None:
    scripts: dict[str, int] = {}

    def note(request: Request) -> None:
        if request.resource_type == "script":
            scripts[urlsplit(request.url).path] = 0

    async with httpx.AsyncClient(
        base_url=studio.stack.url, headers={"accept-encoding": "gzip"}
    ) as http:
        async with window(browser, "desktop", studio) as page:
            page.on("request", note)
            await page.goto(studio.stack.url + path.format(project=studio.project))
            loaded = page.locator("[data-testid=prompt-box], [data-testid=phase]")
            await expect(loaded.first).to_be_visible()
        for script in [script for script in scripts if script.startswith("/assets/")]:
            async with http.stream("GET", script) as answer:
                scripts[script] = sum([len(part) async for part in answer.aiter_raw()])
    assert 0 < sum(scripts.values()) < FIRST_LOAD_BYTES, scripts
    assert not any("code-view" in path for path in scripts)


SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    const nodes = one.sources.map(({ node }) => node?.outerHTML?.slice(0, 120));
    if (!one.hadRecentInput) window.shifts.push([one.value, ...nodes]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
STILL = 0.005
"""A tenth of this is a word that moves; the limit of a good page is 0.1."""


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_nothing_moves_while_a_page_is_loaded(
    browser: Browser, studio: Studio, size: Size
) -> None:
    before = ("/", "/sign-in", "/sign-up", "/nowhere")
    project = f"/projects/{studio.project}"
    within = (
        "/projects",
        "/account",
        "/administration",
        f"{project}/settings",
        project,
    )
    moved: dict[str, object] = {}
    async with window(browser, size) as page:
        await page.add_init_script(SHIFTS)
        for path in (*before, *within):
            if path == within[0]:
                await page.context.add_cookies(cookies_of(studio.stack, studio.cookies))
            await page.goto(studio.stack.url + path, wait_until="networkidle")
            shifts = await page.evaluate("window.shifts")
            if sum(shift[0] for shift in shifts) > STILL:
                moved[path] = shifts
    assert moved == {}


async def test_the_first_person_decides_who_may_come_in(
    browser: Browser, axe: str
) -> None:
    with server_folder() as folder, Stack(folder) as stack:
        async with (
            person(stack) as ada,
            person(stack) as bob,
            window(browser, "desktop") as page,
        ):
            await sign_in(page, ada)
            await page.goto(f"{stack.url}/account")
            await page.get_by_test_id("administration-link").click()
            await expect(page.get_by_test_id("user")).to_have_count(2)
            await page.get_by_test_id("invite").click()
            await expect(page.get_by_test_id("secret")).to_contain_text("/sign-up?")
            await expect(page.get_by_test_id("invitation")).to_have_count(1)
            assert await findings(page, axe) == []
            await shoot(page, "administration-desktop")
            await page.get_by_label("Nobody may make an account").click()
            await expect(
                page.get_by_label("Nobody may make an account")
            ).to_be_checked()
            await page.get_by_test_id("disable-user").click()
            await expect(page.get_by_test_id("disable-user")).to_have_text("Enable")
            refused = await bob.http.get("/api/projects")
            assert refused.status_code == httpx.codes.UNAUTHORIZED
