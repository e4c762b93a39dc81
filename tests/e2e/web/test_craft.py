"""Every page: nothing for axe to find, no other host, quiet, and small."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page, Request, expect

from tests.support.browser import (
    LOOKS,
    Look,
    Size,
    Studio,
    cookies_of,
    findings,
    preview,
    shoot,
    window,
)
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_LOAD_BYTES = 250_000
EVERYWHERE = pytest.mark.parametrize("look", LOOKS, ids=str)
BEFORE = {
    "landing": "/",
    "sign-in": "/sign-in",
    "sign-up": "/sign-up?invitation=x",
    "nowhere": "/nowhere",
}
WITHIN = {
    "projects": "/projects",
    "account": "/account",
    "administration": "/administration",
    "settings": "/projects/{project}/settings",
}


@EVERYWHERE
async def test_axe_finds_nothing_on_the_pages_before_signing_in(
    browser: Browser, stack: Stack, axe: str, look: Look
) -> None:
    found: list[str] = []
    async with window(browser, look.size, dark=look.dark) as page:
        for name, path in BEFORE.items():
            await page.goto(stack.url + path)
            await expect(page.locator("main h1")).to_be_visible()
            await shoot(page, f"{name}-{look}", whole=True)
            found += await findings(page, axe)
    assert found == []


@EVERYWHERE
async def test_axe_finds_nothing_on_the_pages_of_somebody(
    browser: Browser, studio: Studio, axe: str, look: Look
) -> None:
    found: list[str] = []
    async with window(browser, look.size, studio, dark=look.dark) as page:
        for name, path in WITHIN.items():
            await page.goto(studio.stack.url + path.format(project=studio.project))
            await expect(page.locator("main h1")).to_be_visible()
            await expect(
                page.locator("main [role=status]:has-text('Load')")
            ).to_have_count(0)
            await shoot(page, f"{name}-{look}", whole=True)
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


async def show_preview(page: Page) -> None:
    await page.keyboard.press("Alt+1")
    await expect(preview(page).locator("h1")).to_be_visible()


STEPS: list[Callable[[Page], Awaitable[None]]] = [
    show_preview,
    show_code,
    show_search,
    show_versions,
    show_timeline,
    show_palette,
]


@EVERYWHERE
async def test_axe_finds_nothing_in_any_view_of_the_workspace(
    browser: Browser, studio: Studio, axe: str, look: Look
) -> None:
    async with window(browser, look.size, studio, dark=look.dark) as page:
        await page.goto(studio.url)
        badge = page.get_by_test_id("state-badge")
        await expect(badge).to_have_attribute("data-state", "complete")
        found = await findings(page, axe)
        for step in STEPS:
            await step(page)
            await shoot(page, f"workspace-{step.__name__.removeprefix('show_')}-{look}")
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
    moved: dict[str, object] = {}
    async with window(browser, size) as page:
        await page.add_init_script(SHIFTS)
        for path in (*BEFORE.values(), *WITHIN.values(), "/projects/{project}"):
            if path == "/projects":
                await page.context.add_cookies(cookies_of(studio.stack, studio.cookies))
            url = studio.stack.url + path.format(project=studio.project)
            await page.goto(url, wait_until="networkidle")
            shifts = await page.evaluate("window.shifts")
            if sum(shift[0] for shift in shifts) > STILL:
                moved[path] = shifts
    assert moved == {}
