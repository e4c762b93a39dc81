"""Somebody goes back to any moment of a project, and forward again."""

import random

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser import Size, Studio, shoot, window
from tests.support.stack import Message, Person, recorded_files

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])
SEED = 20_240_229


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def events(studio: Studio) -> list[Message]:
    """Return everything on record, as another client has it."""
    await studio.save(
        "src/main.tsx", f"// later\n{await studio.content('src/main.tsx')}"
    )
    async with studio.http() as http:
        somebody = Person(studio.stack, http)
        async with somebody.socket(studio.project, after=0) as socket:
            await socket.say("get_state")
            answer = await socket.hear(
                lambda m: m["type"] == "state_update" and "seq" not in m
            )
            last = answer["data"]["version"]
            if not socket.recorded() or socket.recorded()[-1]["seq"] < last:
                await socket.hear(lambda m: m.get("seq") == last)
            return socket.recorded()


async def open_timeline(page: Page, studio: Studio) -> None:
    await page.goto(studio.url)
    await page.get_by_test_id("tab-code").click()
    await page.get_by_test_id("timeline-open").click()


async def go_to(page: Page, seq: int) -> None:
    await page.get_by_test_id("timeline-slider").fill(str(seq))
    await expect(page.get_by_test_id("timeline")).to_have_attribute(
        "data-seq", str(seq)
    )


async def text_of(page: Page, path: str) -> str | None:
    shown = page.locator(f"[data-testid=code-text][data-path='{path}']")
    return await shown.text_content()


async def test_files_of_any_moment_are_those_that_a_client_had_then(
    browser: Browser, studio: Studio, events: list[Message]
) -> None:
    written = [m["seq"] for m in events if m["type"] == "file_end"]
    moments = random.Random(SEED).sample(written[:-1], 6)  # noqa: S311 - examples
    async with window(browser, "desktop", studio) as page:
        await open_timeline(page, studio)
        await page.get_by_test_id("plain-text").click()
        for seq in moments:
            await go_to(page, seq)
            then = recorded_files(events[:seq])
            path = events[seq - 1]["data"]["path"]
            assert await text_of(page, path) == then[path]
            present = page.locator("[data-testid=file-item][data-progress=written]")
            await expect(present).to_have_count(len(then))


@BOTH
async def test_state_and_conversation_are_those_of_the_moment(
    browser: Browser, studio: Studio, events: list[Message], size: Size
) -> None:
    first_file = next(m["seq"] for m in events if m["type"] == "file_end")
    async with window(browser, size, studio) as page:
        await open_timeline(page, studio)
        await go_to(page, first_file)
        badge = page.get_by_test_id("state-badge")
        await expect(badge).to_have_attribute("data-state", "implementing")
        if size == "phone":
            await page.get_by_test_id("tab-chat").click()
        conversation = page.get_by_test_id("conversation")
        await expect(conversation.get_by_test_id("phase")).to_have_count(1)
        await expect(conversation.get_by_test_id("outcome-complete")).to_have_count(0)
        await expect(page.get_by_test_id("message-input")).to_have_count(0)
        await shoot(page, f"timeline-past-{size}")
        await page.get_by_test_id("timeline-now").click()
        await expect(badge).to_have_attribute("data-state", "complete")
        complete = conversation.get_by_test_id("outcome-complete").first
        await expect(complete).to_be_visible()
        await expect(page.get_by_test_id("message-input")).to_be_visible()


@BOTH
async def test_the_difference_to_now_names_every_file_and_shows_it(
    browser: Browser, studio: Studio, events: list[Message], size: Size
) -> None:
    seq = next(m["seq"] for m in events if m["type"] == "generation_complete")
    then, now = recorded_files(events[:seq]), recorded_files(events)
    paths = then.keys() | now.keys()
    differing = {path for path in paths if then.get(path) != now.get(path)}
    async with window(browser, size, studio) as page:
        await open_timeline(page, studio)
        await go_to(page, seq)
        await page.get_by_test_id("difference-open").click()
        listed = page.get_by_test_id("difference")
        await expect(listed).to_have_count(len(differing))
        await listed.filter(has_text="src/main.tsx").click()
        view = page.locator("[data-testid=compare-view][data-path='src/main.tsx']")
        await expect(view).to_contain_text("// later")
        await shoot(page, f"timeline-difference-{size}")


async def test_the_keyboard_moves_through_the_events(
    browser: Browser, studio: Studio, events: list[Message]
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_timeline(page, studio)
        slider = page.get_by_test_id("timeline-slider")
        await slider.focus()
        for _ in range(3):
            await page.keyboard.press("ArrowLeft")
        timeline = page.get_by_test_id("timeline")
        await expect(timeline).to_have_attribute("data-seq", str(len(events) - 3))
        await page.keyboard.press("Home")
        await expect(page.get_by_test_id("timeline-event")).to_contain_text("Created")
        await page.get_by_test_id("timeline-play").click()
        await expect(timeline).to_have_attribute("data-seq", str(len(events)))
        await page.get_by_test_id("timeline-close").click()
        await expect(timeline).to_have_count(0)
