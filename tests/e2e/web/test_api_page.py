"""The interactive page of the API, used as somebody tries it."""

import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import sign_in, window
from tests.support.stack import Stack, person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_file_is_sent_and_an_archive_is_saved_from_the_page(
    browser: Browser, stack: Stack, tmp_path: Path
) -> None:
    async with person(stack) as ada, window(browser, "desktop") as page:
        await sign_in(page, ada)
        project = await ada.create_project("a list of birds")
        picture = tmp_path / "a.bin"
        picture.write_bytes(b"\0\xff")
        await page.goto(f"{stack.url}/api/docs#uploadFile")
        upload = page.locator("#uploadFile")
        await upload.get_by_label("project_id", exact=True).fill(project)
        await upload.get_by_label("path", exact=True).fill("img/a.bin")
        await upload.get_by_label("Body", exact=True).set_input_files(picture)
        await upload.get_by_role("button", name="Send").click()
        await expect(upload).to_contain_text('"encoding": "base64"')
        export = page.locator("#exportFiles")
        await export.locator("summary").first.click()
        await export.get_by_label("project_id", exact=True).fill(project)
        async with page.expect_download() as download:
            await export.get_by_role("button", name="Send").click()
        saved = tmp_path / "saved.zip"
        await (await download.value).save_as(saved)
        await expect(export).to_contain_text("Saved as ")
    with zipfile.ZipFile(saved) as archive:
        (name,) = archive.namelist()
        assert name.endswith("/img/a.bin")
        assert archive.read(name) == b"\0\xff"
