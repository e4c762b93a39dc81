"""Somebody works at the desk: preview, log, problems, spend, and the run's controls."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    Size,
    Studio,
    eavesdrop,
    preview,
    shoot,
    sign_in,
    window,
)
from tests.support.stack import Person, Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])
RUN_TIMEOUT_MS = 120_000


async def open_desk(page: Page, studio: Studio) -> None:
    await page.goto(studio.url)
    badge = page.get_by_test_id("state-badge")
    await expect(badge).to_have_attribute("data-state", "complete")
    connected = page.locator("[data-testid=workspace-header][data-connection=open]")
    await expect(connected).to_be_visible()


async def test_the_preview_is_shown_as_wide_as_a_device_and_stays_so(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_desk(page, studio)
        width = preview(page).locator("html").evaluate
        for device, pixels in (("phone", 390), ("tablet", 820), ("desktop", 1280)):
            await page.get_by_test_id(f"device-{device}").click()
            frame = page.get_by_test_id("preview-frame")
            await expect(frame).to_have_attribute("data-device", device)
            assert await width("() => innerWidth") == pixels
        await page.get_by_test_id("device-phone").click()
        await shoot(page, "workspace-device-phone")
        await page.reload()
        frame = page.get_by_test_id("preview-frame")
        await expect(frame).to_have_attribute("data-device", "phone")


@BOTH
async def test_the_preview_is_loaded_again_and_opened_in_a_tab(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        await open_desk(page, studio)
        await page.keyboard.press("Alt+1")
        title = preview(page).locator("h1")
        await title.evaluate("(title) => { title.textContent = 'scribbled' }")
        await page.get_by_test_id("preview-reload").click()
        await expect(title).not_to_have_text("scribbled")
        async with page.context.expect_page() as opening:
            await page.get_by_test_id("preview-open").click()
        opened = await opening.value
        await expect(opened.locator("h1")).to_be_visible()
        assert await opened.evaluate("window.opener") is None


@BOTH
async def test_who_has_no_key_is_told_how_to_set_one(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        await open_desk(page, studio)
        banner = page.get_by_test_id("demo-banner")
        await expect(banner).to_contain_text("Set OPENROUTER_API_KEY")
        await banner.get_by_role("button", name="Hide").click()
        await page.reload()
        await expect(page.get_by_test_id("project-name")).to_be_visible()
        await expect(banner).to_have_count(0)


@BOTH
async def test_of_a_long_log_only_what_is_seen_is_drawn(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        voice = await eavesdrop(page)
        await open_desk(page, studio)
        if size == "phone":
            await page.get_by_test_id("tab-log").click()
        for start in range(0, 6_000, 200):
            text = "".join(f"line {n}\n" for n in range(start, start + 200))
            voice.say("sandbox_log", type="stdout", content=text)
        voice.say(
            "sandbox_log", type="stderr", content="\x1b[31mthe last line\x1b[0m\n"
        )
        log = page.get_by_test_id("log")
        await expect(log).to_have_attribute("data-lines", "5000")
        await expect(log.get_by_text("the last line")).to_be_visible()
        assert await log.locator("p").count() < 150
        await shoot(page, f"workspace-log-{size}")
        await page.get_by_test_id("log-filter").fill("line 5999")
        await expect(log).to_have_attribute("data-lines", "1")
        await page.get_by_test_id("log-filter").fill("")
        await page.get_by_test_id("log-errors").check()
        await expect(log).to_have_attribute("data-lines", "1")


async def test_a_broken_file_is_a_problem_with_its_place_until_it_is_whole(
    browser: Browser, studio: Studio
) -> None:
    path, whole = "src/Column.tsx", await studio.content("src/Column.tsx")
    async with window(browser, "desktop", studio) as page:
        await open_desk(page, studio)
        await expect(preview(page).locator("h1")).to_be_visible()
        await studio.save(path, f"const broken = <div>\n{whole}")
        problem = page.locator(f"[data-testid=problem][data-path='{path}']").first
        await page.get_by_test_id("tab-output-problems").click()
        await expect(problem).to_be_visible()
        await problem.get_by_role("button").first.click()
        view = page.locator(f"[data-testid=code-view][data-path='{path}']")
        await expect(view.locator(".cm-lintRange-error").first).to_be_visible()
        await shoot(page, "workspace-problems")
        await studio.save(path, whole)
        await expect(page.get_by_test_id("no-problems")).to_be_visible()


async def test_what_the_models_have_taken_is_one_click_away(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_desk(page, studio)
        await page.get_by_test_id("usage").click()
        spent = page.get_by_role("group", name="Tokens and cost")
        await expect(spent).to_contain_text("Last run")
        await expect(spent).to_contain_text("Written by the model")
        await shoot(page, "workspace-usage")
        await page.keyboard.press("Escape")
        await expect(spent).to_have_count(0)


@BOTH
async def test_stop_continue_and_a_message_meanwhile(
    browser: Browser, stack: Stack, size: Size
) -> None:
    async with person(stack) as ada, window(browser, size) as page:
        await sign_in(page, ada)
        await begin(page, ada)
        activity = page.get_by_test_id("activity")
        await expect(activity).to_contain_text("Writing", timeout=RUN_TIMEOUT_MS)
        await page.get_by_test_id("message-input").fill("and a dark theme, please")
        await page.get_by_test_id("send-message").click()
        await expect(page.get_by_test_id("message").last).to_contain_text("dark theme")
        await shoot(page, f"workspace-writing-{size}")
        await page.get_by_test_id("stop").click()
        await expect(page.get_by_test_id("outcome-stopped")).to_be_visible()
        start = page.get_by_test_id("start")
        await expect(start).to_have_accessible_name("Continue")
        await shoot(page, f"workspace-stopped-{size}")
        await start.click()
        await expect(page.get_by_test_id("stop")).to_be_visible()
        await expect(activity).to_contain_text("Writing", timeout=RUN_TIMEOUT_MS)


async def begin(page: Page, ada: Person) -> None:
    """Start an app of several phases."""
    project = await ada.create_project("an expense tracker")
    await page.goto(f"{ada.stack.url}/projects/{project}?start=true")
