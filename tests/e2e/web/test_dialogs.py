"""What opens over a page: axe finds nothing in it, and Escape closes it."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    LOOKS,
    Look,
    Studio,
    findings,
    shoot,
    sign_in,
    window,
)
from tests.support.stack import Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPPOSITES = pytest.mark.parametrize("look", [LOOKS[1], LOOKS[2]], ids=str)
Opener = Callable[[Page], Awaitable[None]]


def button(name: str) -> Opener:
    return lambda page: page.get_by_role("button", name=name).first.click()


def at(test_id: str) -> Opener:
    return lambda page: page.get_by_test_id(test_id).click()


async def shortcuts(page: Page) -> None:
    await page.keyboard.press("Control+/")


async def look_at(page: Page, axe: str, name: str, opened: Opener) -> list[str]:
    """Open a dialog, look at it, and close it with the keyboard."""
    await opened(page)
    await expect(page.get_by_role("dialog")).to_be_visible()
    await shoot(page, f"dialog-{name}")
    found = await findings(page, axe)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    return found


LISTED = {
    "rename": button("Rename Test"),
    "delete": button("Delete Test"),
    "import": at("import-open"),
    "palette": at("palette-open"),
    "shortcuts": shortcuts,
}
AT_THE_DESK = {
    "new-file": at("new-file"),
    "upload": at("upload-open"),
    "delete-file": at("delete-file"),
    "desk-shortcuts": shortcuts,
}


@OPPOSITES
async def test_dialogs_of_the_list(
    browser: Browser, stack: Stack, axe: str, look: Look
) -> None:
    found: list[str] = []
    async with person(stack) as ada, window(browser, look.size, dark=look.dark) as page:
        await ada.create_project("a timer")
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/projects")
        await expect(page.get_by_test_id("project-item")).to_be_visible()
        for name, opened in LISTED.items():
            found += await look_at(page, axe, f"{name}-{look}", opened)
        await button("Rename Test")(page)
        await page.get_by_role("textbox", name="Name").fill("Egg timer")
        await page.get_by_test_id("rename-submit").click()
        await expect(page.get_by_test_id("project-item")).to_contain_text("Egg timer")
        await button("Delete Egg timer")(page)
        await page.get_by_test_id("delete-confirm").click()
        await expect(page.get_by_test_id("projects-empty")).to_be_visible()
        await shoot(page, f"projects-empty-{look}")
        found += await findings(page, axe)
    assert found == []


@OPPOSITES
async def test_dialogs_of_the_desk(
    browser: Browser, studio: Studio, axe: str, look: Look
) -> None:
    found: list[str] = []
    async with window(browser, look.size, studio, dark=look.dark) as page:
        await page.goto(studio.url)
        await page.get_by_test_id("tab-code").click()
        await expect(page.locator(".cm-content").first).to_be_visible()
        for name, opened in AT_THE_DESK.items():
            found += await look_at(page, axe, f"{name}-{look}", opened)
        await page.locator(".cm-content").first.click()
        await page.keyboard.insert_text("// not saved\n")
        await expect(page.get_by_test_id("file-state")).to_have_text("Not saved")
        await page.goto(f"{studio.stack.url}/projects")
        found += await look_at(page, axe, f"sign-out-{look}", at("sign-out"))
    assert found == []
