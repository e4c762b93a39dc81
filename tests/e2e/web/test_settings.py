"""Somebody sets a project up, and adds, removes and takes along what is in it."""

import io
import zipfile

import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.support.browser import Size, Studio, shoot, sign_in, window
from tests.support.polling import until
from tests.support.stack import Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])


@BOTH
async def test_what_is_chosen_for_a_project_is_there_again(
    browser: Browser, stack: Stack, size: Size
) -> None:
    async with person(stack) as ada, window(browser, size) as page:
        project = await ada.create_project("a timer")
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/projects/{project}/settings")
        await page.get_by_label("Tokens for a run").fill("5000")
        await page.get_by_label("Locked paths").fill("LICENSE\n\n public/ ")
        await page.get_by_test_id("save-settings").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()
        chosen = await ada.get(f"/api/projects/{project}/settings")
        assert chosen["lockedPaths"] == ["LICENSE", "public/"]

        async def told() -> object:
            return (await ada.get("/api/config"))["isolation"]

        await until(told, "the server says how apps are run")
        await page.reload()
        await expect(page.get_by_label("Tokens for a run")).to_have_value("5000")
        await expect(page.get_by_test_id("isolation")).to_contain_text("isolated: ")
        await shoot(page, f"settings-{size}")


async def test_a_secret_is_set_is_never_shown_and_is_removed(
    browser: Browser, stack: Stack
) -> None:
    async with person(stack) as ada, window(browser, "desktop") as page:
        project = await ada.create_project("a timer")
        await sign_in(page, ada)
        await page.goto(f"{stack.url}/projects/{project}/settings")
        part = page.get_by_test_id("variables")
        await part.get_by_label("Name").fill("API_KEY")
        await part.get_by_label("Value", exact=True).fill("hunter2")
        await page.get_by_test_id("put-variable").click()
        variable = page.get_by_test_id("variable")
        await expect(variable).to_contain_text("Secret")
        assert "hunter2" not in await page.content()
        await page.get_by_role("button", name="Remove API_KEY").click()
        await expect(variable).to_have_count(0)


async def test_a_picture_is_uploaded_exported_and_deleted(
    browser: Browser, studio: Studio
) -> None:
    picture = FilePayload(name="dot.png", mimeType="image/png", buffer=b"\x89PNG\0\xff")
    async with window(browser, "desktop", studio) as page:
        await page.goto(studio.url)
        await page.get_by_test_id("tab-code").click()
        await page.get_by_test_id("upload-open").click()
        await page.get_by_test_id("upload-files").set_input_files(picture)
        await page.get_by_test_id("upload-submit").click()
        await expect(page.get_by_test_id("binary-file")).to_be_visible()
        async with studio.http() as http:
            answer = await http.get(f"/api/projects/{studio.project}/export/zip")
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert any(name.endswith("public/dot.png") for name in names)
        await page.get_by_test_id("delete-file").click()
        await page.get_by_test_id("delete-file-confirm").click()
        gone = page.locator("[data-testid=file-item][data-path='public/dot.png']")
        await expect(gone).to_have_count(0)


async def test_what_was_spent_is_told_by_model_and_project(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await page.goto(f"{studio.stack.url}/account")
        await expect(page.get_by_test_id("usage-part")).to_have_count(2)
        await shoot(page, "account-usage-desktop")
