"""Somebody brings a project along, by mouse, by keyboard and on a phone."""

import io
import re
import zipfile

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.support.browser import Size, Studio, findings, shoot, sign_in, window
from tests.support.stack import Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])


def packed(name: str, *paths: str) -> FilePayload:
    """Return a zip with a file at each of *paths*."""
    packing = io.BytesIO()
    with zipfile.ZipFile(packing, "w") as archive:
        for path in paths:
            archive.writestr(path, "hello\n")
    mime = "application/zip"
    return FilePayload(name=name, mimeType=mime, buffer=packing.getvalue())


async def open_by_keyboard(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await page.get_by_test_id("palette-input").fill("import")
    await page.keyboard.press("Enter")


@BOTH
async def test_a_zip_becomes_a_project_and_what_is_not_source_is_named(
    browser: Browser, stack: Stack, axe: str, size: Size
) -> None:
    async with person(stack) as ada, window(browser, size) as page:
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/projects")
        await page.get_by_test_id("import-open").click()
        zip_ = packed("to-do.zip", "app/index.html", "app/node_modules/a/a.js")
        await page.get_by_test_id("import-file").set_input_files(zip_)
        assert await findings(page, axe) == []
        await shoot(page, f"import-{size}")
        await page.get_by_test_id("import-submit").click()
        left_out = page.get_by_test_id("import-left-out")
        await expect(left_out).to_contain_text("node_modules")
        assert await findings(page, axe) == []
        await page.get_by_test_id("import-show").click()
        await expect(page.get_by_test_id("project-name")).to_have_text("To do")
        project = page.url.rsplit("/", 1)[-1]
        files = await ada.get(f"/api/project-files/{project}")
        assert [file["path"] for file in files] == ["index.html"]


async def test_the_keyboard_alone_imports_and_a_refusal_leaves_nothing_behind(
    browser: Browser, stack: Stack, axe: str
) -> None:
    async with person(stack) as ada, window(browser, "desktop") as page:
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/account")
        await expect(page.locator("main h1")).to_be_visible()
        await open_by_keyboard(page)
        await page.get_by_role("radio", name="Zip file").focus()
        await page.keyboard.press("ArrowRight")
        await page.get_by_label("URL").fill("https://127.0.0.1/ada/todo.git")
        await page.keyboard.press("Enter")
        problem = page.get_by_test_id("import-problem")
        await expect(problem).to_have_text(re.compile("[a-z]"))
        assert await findings(page, axe) == []
        assert await ada.get("/api/projects") == []
        await page.get_by_role("radio", name="Git repository").focus()
        await page.keyboard.press("ArrowLeft")
        notes = packed("notes.zip", "notes.txt")
        await page.get_by_test_id("import-file").set_input_files(notes)
        await page.get_by_test_id("import-submit").press("Enter")
        await expect(page.get_by_test_id("project-name")).to_have_text("Notes")


async def test_an_import_that_is_cancelled_under_way_leaves_nothing_behind(
    browser: Browser, stack: Stack
) -> None:
    async with person(stack) as ada, window(browser, "desktop") as page:
        await sign_in(page, ada)
        await page.route("**/import/zip", lambda _: None)  # never comes to an end
        await page.goto(f"{stack.url}/projects?import=true")
        zip_ = packed("notes.zip", "notes.txt")
        await page.get_by_test_id("import-file").set_input_files(zip_)
        await page.get_by_test_id("import-submit").click()
        await expect(page.get_by_text("ing the zip")).to_be_visible()
        await shoot(page, "import-under-way-desktop")
        async with page.expect_response(lambda one: one.request.method == "DELETE"):
            await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("import")).to_have_count(0)
        assert await ada.get("/api/projects") == []


async def test_a_phone_shows_what_was_spent_and_leads_to_the_settings(
    browser: Browser, studio: Studio, axe: str
) -> None:
    async with window(browser, "phone", studio) as page:
        await page.goto(studio.url)
        await page.get_by_test_id("more-open").click()
        more = page.get_by_role("group", name="More")
        await expect(more.get_by_text("Written by the model").first).to_be_visible()
        assert await findings(page, axe) == []
        await shoot(page, "workspace-more-phone")
        await page.get_by_test_id("more-settings").click()
        await expect(page.get_by_test_id("save-settings")).to_be_visible()
