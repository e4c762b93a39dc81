"""What is on the screen is what is on record: on every page, at every moment."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    PATIENCE_MS,
    Size,
    Studio,
    shoot,
    sign_in,
    window,
)
from tests.support.flood import PATH, flood_of
from tests.support.stack import Person, Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])
FLOOD_S = 2.0


async def shown(page: Page) -> dict[str, object]:
    """Return what the page shows of a project."""
    text = page.get_by_test_id("code-text")
    conversation = page.get_by_test_id("conversation")
    return {
        "path": await text.get_attribute("data-path"),
        "text": await text.text_content(),
        "files": await page.get_by_test_id("file-item").all_text_contents(),
        "conversation": await conversation.inner_text(),
        "state": await page.get_by_test_id("state-badge").inner_text(),
    }


async def agree(one: Page, other: Page) -> dict[str, object]:
    """Wait until both pages show the same, and return it."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_MS / 1000
    while True:
        seen, there = await shown(one), await shown(other)
        if seen == there:
            return seen
        if asyncio.get_running_loop().time() > deadline:
            assert seen == there
        await asyncio.sleep(0.05)


async def watch_code(page: Page, ada: Person, project: str) -> None:
    """Open a project that is idle, to see its files as plain text."""
    await page.add_init_script("localStorage.setItem('atelier.plainText', 'true')")
    await sign_in(page, ada)
    await page.goto(f"{ada.stack.url}/projects/{project}")
    await page.get_by_test_id("tab-code").click()
    header = page.get_by_test_id("workspace-header")
    await expect(header).to_have_attribute("data-connection", "open")


async def test_500_messages_a_second_are_all_shown(
    browser: Browser, studio: Studio
) -> None:
    async with (
        window(browser, "desktop", studio) as page,
        flood_of(studio.stack, studio.project) as flood,
    ):
        await page.goto(studio.url)
        await page.get_by_test_id("tab-code").click()
        await expect(page.get_by_test_id("code-view")).to_be_visible()
        await flood.start()
        await flood.run(FLOOD_S)
        view = page.locator(f"[data-testid=code-view][data-path='{PATH}']")
        await expect(view).to_have_attribute("data-length", str(len(flood.text)))
        await page.get_by_test_id("plain-text").click()
        assert await page.get_by_test_id("code-text").text_content() == flood.text
        log = page.get_by_test_id("log")
        await expect(log).to_have_attribute("data-lines", str(flood.lines))
        await expect(log.get_by_text(f"line {flood.lines}")).to_be_visible()
        await shoot(page, "workspace-flood")


async def test_a_tab_that_is_loaded_again_within_a_file_shows_what_another_shows(
    browser: Browser, stack: Stack
) -> None:
    async with (
        person(stack) as ada,
        window(browser, "desktop") as one,
        window(browser, "desktop") as other,
    ):
        project = await ada.create_project("an expense tracker")
        await watch_code(one, ada, project)
        await watch_code(other, ada, project)
        async with ada.socket(project) as socket:
            await socket.say("start_generation")
            await socket.hear("file_end")
            await socket.hear("file_chunk")
            with stack.frozen("standalone.demo_model"):
                before = await agree(one, other)
                await one.reload()
                await agree(one, other)
                assert await shown(one) == before
                await shoot(one, "workspace-reloaded-within-a-file")
            await socket.hear_end()
        assert "Finished" in str((await agree(one, other))["conversation"])


@BOTH
async def test_a_session_that_ended_leads_to_sign_in_and_back(
    browser: Browser, stack: Stack, size: Size
) -> None:
    async with person(stack) as ada, window(browser, size) as page:
        project = await ada.create_project("a kanban board")
        session = (await ada.http.get("/api/auth/get-session")).json()
        workspace = f"{stack.url}/projects/{project}"
        await sign_in(page, ada)
        await page.goto(workspace)
        header = page.get_by_test_id("workspace-header")
        await expect(header).to_have_attribute("data-connection", "open")
        await ada.http.post("/api/auth/sign-out", json={})
        await expect(page.get_by_test_id("sign-in-submit")).to_be_visible()
        await shoot(page, f"session-ended-{size}")
        await page.get_by_label("E-mail").fill(session["user"]["email"])
        await page.get_by_label("Password").fill("correct horse battery")
        await page.get_by_test_id("sign-in-submit").click()
        await expect(header).to_have_attribute("data-connection", "open")
        assert page.url == workspace


async def test_the_log_is_there_when_the_page_is_loaded_again(
    browser: Browser, studio: Studio
) -> None:
    async with (
        window(browser, "desktop", studio) as page,
        flood_of(studio.stack, studio.project) as flood,
    ):
        await page.goto(studio.url)
        header = page.get_by_test_id("workspace-header")
        await expect(header).to_have_attribute("data-connection", "open")
        await flood.run(0.2)
        log = page.get_by_test_id("log")
        await expect(log.get_by_text("line 1", exact=False).first).to_be_visible()
        await page.reload()
        await expect(log.get_by_text("line 1", exact=False).first).to_be_visible()
        await expect(log.locator("[data-stream=note]")).to_have_count(1)
