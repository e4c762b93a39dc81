"""Somebody who never touches the mouse."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import Size, Studio, shoot, window

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])


async def open_desk(page: Page, studio: Studio) -> None:
    await page.goto(studio.url)
    badge = page.get_by_test_id("state-badge")
    await expect(badge).to_have_attribute("data-state", "complete")


async def test_a_file_is_found_changed_and_saved_with_keys_alone(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_desk(page, studio)
        await page.keyboard.press("Control+p")
        await expect(page.get_by_test_id("palette-input")).to_be_focused()
        await page.keyboard.type("cardform")
        await expect(page.get_by_test_id("palette-item").first).to_contain_text(
            "src/CardForm.tsx"
        )
        await page.keyboard.press("Enter")
        view = page.locator("[data-testid=code-view][data-path='src/CardForm.tsx']")
        await expect(view).to_contain_text("export function")
        await view.locator(".cm-content").focus()
        await page.keyboard.press("Control+Home")
        await page.keyboard.insert_text("// by keys\n")
        await page.keyboard.press("Control+s")
        await expect(page.get_by_test_id("save-file")).to_be_hidden()
    assert (await studio.content("src/CardForm.tsx")).startswith("// by keys\n")


@BOTH
async def test_the_palette_does_what_is_chosen_in_it(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        await open_desk(page, studio)
        await page.get_by_test_id("palette-open").click()
        await expect(page.get_by_test_id("palette-item").first).to_be_visible()
        await shoot(page, f"palette-{size}")
        await page.keyboard.type("timeline")
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("timeline")).to_be_visible()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("dark colours")
        await page.keyboard.press("Enter")
        await expect(page.locator("html.dark")).to_have_count(1)


async def test_every_view_has_its_keys_and_they_are_told(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_desk(page, studio)
        for keys, tab in (("Alt+2", "tab-code"), ("Alt+1", "tab-preview")):
            await page.keyboard.press(keys)
            chosen = page.get_by_test_id(tab)
            await expect(chosen).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Alt+4")
        problems = page.get_by_test_id("tab-output-problems")
        await expect(problems).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Control+Shift+f")
        await expect(page.get_by_test_id("search-input")).to_be_focused()
        await page.keyboard.press("Alt+m")
        await expect(page.get_by_test_id("message-input")).to_be_focused()
        await page.keyboard.press("Control+/")
        await expect(page.get_by_test_id("shortcuts")).to_contain_text("Go to file")
        await shoot(page, "shortcuts")
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("shortcuts")).to_have_count(0)
