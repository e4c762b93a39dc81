"""A person in a browser: from signing up to a change of the app that runs."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import FrameLocator, Page, async_playwright, expect

from tests.support.demo_model import app_toml
from tests.support.stack import ROOT, Stack

SCREENSHOTS = ROOT / "test-results"
RUN_TIMEOUT_MS = 150_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the PATH: install Debian's package `chromium`")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS
        )
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        try:
            yield page
        finally:
            await browser.close()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser_page() as opened:
        yield opened


async def begin(page: Page, stack: Stack, prompt: str) -> None:
    """Describe an app on the landing page and sign up on the way."""
    await page.goto(stack.url)
    await page.get_by_test_id("prompt-box").fill(prompt)
    await page.get_by_test_id("prompt-submit").click()
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill(f"{uuid4().hex}@example.org")
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_test_id("sign-up-submit").click()


def preview(page: Page) -> FrameLocator:
    return page.frame_locator("[data-testid=preview-frame]")


async def shoot(page: Page, name: str) -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    await page.screenshot(path=path, animations="disabled")
    return path


async def test_a_prompt_on_the_landing_page_becomes_an_app_that_can_be_used(
    page: Page, stack: Stack
) -> None:
    app = app_toml("kanban")
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    await begin(page, stack, "a kanban board for a small team")
    title = preview(page).get_by_role("heading", level=1)
    await expect(title).to_have_text(app["title"], timeout=RUN_TIMEOUT_MS)
    await preview(page).locator(app["check"]["click"]).click()
    await expect(preview(page).locator(app["check"]["shows"])).to_be_visible()
    await shoot(page, "workspace")
    previews = [urlsplit(url).path for url in loads if ".preview." in url]
    assert previews.count("/") == 1
    assert previews[0] == "/.atelier/opening"  # the frame was there before the app

    await page.get_by_test_id("message-input").fill("add a search box")
    await page.get_by_test_id("send-message").click()
    search = preview(page).locator("#search")
    await expect(search).to_be_visible(timeout=RUN_TIMEOUT_MS)
    await shoot(page, "follow-up")


async def test_a_page_that_is_loaded_again_in_the_middle_shows_the_same(
    page: Page, stack: Stack
) -> None:
    await begin(page, stack, "an expense tracker")
    await expect(page.get_by_test_id("file-item").first).to_be_visible(
        timeout=RUN_TIMEOUT_MS
    )
    await page.reload()
    await expect(preview(page).get_by_role("heading", level=1)).to_have_text(
        app_toml("expenses")["title"], timeout=RUN_TIMEOUT_MS
    )
    files = page.get_by_test_id("file-item")
    await expect(files).to_have_count(8)
