"""Somebody changes the files of an app by hand."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import Size, Studio, preview, shoot, window

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("size", ["desktop", "phone"])


async def open_code(page: Page, studio: Studio) -> None:
    await page.goto(studio.url)
    await page.get_by_test_id("tab-code").click()


async def open_file(page: Page, size: Size, path: str) -> None:
    if size == "phone":
        await page.get_by_test_id("file-select").select_option(path)
    else:
        await page.locator(f"[data-testid=file-item][data-path='{path}']").click()
    view = page.locator(f"[data-testid=code-view][data-path='{path}']")
    await expect(view).to_have_attribute("data-editable", "true")
    await expect(view.locator(".cm-content")).to_be_visible()


async def type_at_start(page: Page, text: str) -> None:
    await page.locator(".cm-content").last.click()
    await page.keyboard.press("Control+Home")
    await page.keyboard.insert_text(text)


@BOTH
async def test_what_is_saved_is_in_the_preview_at_once(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        await open_code(page, studio)
        await open_file(page, size, "index.html")
        await expect(page.get_by_test_id("code-view")).to_contain_text("<title>")
        await type_at_start(page, f"<p id='by-hand-{size}'>by hand</p>\n")
        await expect(page.get_by_test_id("file-state")).to_have_text("Not saved")
        await shoot(page, f"editing-unsaved-{size}")
        await page.keyboard.press("Control+s")
        await expect(page.get_by_test_id("save-file")).to_be_hidden()
        await page.get_by_test_id("tab-preview").click()
        await expect(preview(page).locator(f"#by-hand-{size}")).to_be_visible()
        await studio.saved("index.html", lambda text: f"by-hand-{size}" in text)


async def test_what_was_typed_survives_a_reload_and_can_be_discarded(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_code(page, studio)
        await open_file(page, "desktop", "vite.config.ts")
        await type_at_start(page, "// typed and not saved\n")
        await expect(page.get_by_test_id("unsaved-mark").first).to_be_visible()
        await page.reload()
        await page.get_by_test_id("tab-code").click()
        view = page.get_by_test_id("code-view")
        await expect(view).to_contain_text("// typed and not saved")
        await page.get_by_test_id("discard-edit").click()
        await expect(view).not_to_contain_text("// typed and not saved")
        await expect(page.get_by_test_id("unsaved-mark")).to_have_count(0)
    assert "typed and not saved" not in await studio.content("vite.config.ts")


@BOTH
async def test_a_file_that_was_changed_twice_shows_both_and_lets_one_choose(
    browser: Browser, studio: Studio, size: Size
) -> None:
    path, old = "src/board.ts", await studio.content("src/board.ts")
    async with window(browser, size, studio) as page:
        await open_code(page, studio)
        await open_file(page, size, path)
        await type_at_start(page, f"// mine {size}\n")
        await studio.save(path, f"{old}// theirs {size}\n")
        conflict = page.get_by_test_id("conflict")
        await expect(conflict).to_contain_text(f"// theirs {size}")
        await expect(conflict).to_contain_text(f"// mine {size}")
        await shoot(page, f"editing-conflict-{size}")
        # Saving blindly would lose what somebody else has written.
        await page.keyboard.press("Control+s")
        await expect(conflict).to_be_visible()
        assert f"// theirs {size}" in await studio.content(path)
        await page.get_by_test_id("keep-mine").click()
        await expect(conflict).to_be_hidden()
        await expect(page.get_by_test_id("file-state")).to_have_text("")  # saved
        mine = f"// mine {size}\n"
        await studio.saved(path, lambda text: text.startswith(mine))


async def test_taking_theirs_gives_up_ones_own(
    browser: Browser, studio: Studio
) -> None:
    path, old = "src/storage.ts", await studio.content("src/storage.ts")
    async with window(browser, "desktop", studio) as page:
        await open_code(page, studio)
        await open_file(page, "desktop", path)
        await type_at_start(page, "// mine\n")
        await studio.save(path, f"// theirs\n{old}")
        await page.get_by_test_id("take-theirs").click()
        view = page.get_by_test_id("code-view")
        await expect(view).to_contain_text("// theirs")
        await expect(view).not_to_contain_text("// mine")


@BOTH
async def test_search_finds_text_in_all_files_and_goes_there(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        await open_code(page, studio)
        await page.get_by_test_id("search-open").click()
        await page.get_by_test_id("search-input").fill("export default")
        result = page.get_by_test_id("search-result").first
        await expect(result).to_contain_text("export default")
        await shoot(page, f"editing-search-{size}")
        path = await result.get_attribute("data-path")
        await result.click()
        view = page.locator(f"[data-testid=code-view][data-path='{path}']")
        await expect(view.locator(".cm-activeLine")).to_contain_text("export default")


@BOTH
async def test_a_file_is_compared_with_an_earlier_version_and_restored(
    browser: Browser, studio: Studio, size: Size
) -> None:
    path, first = "src/main.tsx", await studio.content("src/main.tsx")
    await studio.save(path, f"// once {size}\n{first}")
    await studio.save(path, f"// twice {size}\n{first}")
    async with window(browser, size, studio) as page:
        await open_code(page, studio)
        await open_file(page, size, path)
        await page.get_by_test_id("compare-open").click()
        view = page.get_by_test_id("compare-view")
        await expect(view).to_have_attribute("data-changes", "1")
        await expect(view).to_contain_text(f"// once {size}")
        await expect(view).to_contain_text(f"// twice {size}")
        await shoot(page, f"editing-compare-{size}")
        before = page.get_by_test_id("version-before")
        await before.select_option(index=3)
        await expect(view).not_to_contain_text(f"// once {size}")
        await page.get_by_test_id("restore-version").click()
        await expect(page.get_by_test_id("code-view")).to_be_visible()
        await expect(page.get_by_test_id("file-state")).to_have_text("")
        await studio.saved(path, lambda text: text == first)


async def test_a_new_file_is_made_when_it_is_saved(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_code(page, studio)
        await page.get_by_test_id("new-file").click()
        await page.get_by_label("Path").fill("../outside.txt")
        await page.get_by_test_id("new-file-submit").click()
        await expect(page.get_by_role("alert")).to_contain_text("below the project")
        await page.get_by_label("Path").fill("notes/by-hand.md")
        await page.get_by_test_id("new-file-submit").click()
        await type_at_start(page, "# By hand\n")
        await page.get_by_test_id("save-file").click()
        await expect(page.get_by_test_id("save-file")).to_be_hidden()
        await studio.saved("notes/by-hand.md", lambda text: text == "# By hand\n")


async def test_a_save_that_does_not_work_says_why_and_can_be_tried_again(
    browser: Browser, studio: Studio
) -> None:
    async with window(browser, "desktop", studio) as page:
        await open_code(page, studio)
        await open_file(page, "desktop", "tsconfig.json")
        await type_at_start(page, "\n")
        await page.route("**/api/project-files/**", lambda route: route.abort())
        await page.get_by_test_id("save-file").click()
        problem = page.get_by_test_id("save-problem")
        await expect(problem).to_contain_text("does not answer")
        await shoot(page, "editing-not-saved-desktop")
        await page.unroute("**/api/project-files/**")
        await problem.get_by_role("button").click()
        await expect(problem).to_be_hidden()
        await expect(page.get_by_test_id("save-file")).to_be_hidden()
        await studio.saved("tsconfig.json", lambda text: text.startswith("\n"))
