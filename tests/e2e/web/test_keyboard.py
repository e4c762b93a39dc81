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
        await studio.saved(
            "src/CardForm.tsx", lambda text: text.startswith("// by keys\n")
        )


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


async def test_a_part_of_the_other_version_is_taken_over_with_keys(
    browser: Browser, studio: Studio
) -> None:
    path, old = "src/storage.ts", await studio.content("src/storage.ts")
    async with window(browser, "desktop", studio) as page:
        await open_desk(page, studio)
        await page.get_by_test_id("tab-code").click()
        await page.locator(f"[data-testid=file-item][data-path='{path}']").click()
        view = page.locator(f"[data-testid=code-view][data-path='{path}']")
        await view.locator(".cm-content").focus()
        await page.keyboard.press("Control+Home")
        await page.keyboard.insert_text("// mine\n")
        await studio.save(path, f"{old}// theirs\n")
        conflict = page.get_by_test_id("conflict")
        await expect(conflict).to_contain_text("// theirs")
        await conflict.get_by_role("button", name="Take this part").last.focus()
        await page.keyboard.press("Enter")
        mine = conflict.locator(".cm-content").nth(1)
        await expect(mine).to_contain_text("// theirs")
        await expect(mine).to_be_focused()
        await page.get_by_test_id("keep-mine").press("Enter")
        await expect(conflict).to_be_hidden()
        both = f"// mine\n{old}// theirs\n"
        await studio.saved(path, lambda text: text == both)


WITHIN_REACH = """() => {
  const offered = "a[href], button, input, select, textarea, summary, iframe,"
    + "[tabindex], [contenteditable=true]";
  const byArrows = "[role=tablist], [role=tree], [role=listbox]";
  const chosen = (element) => element.type !== "radio" || element.checked;
  const wanted = [...document.querySelectorAll(offered)].filter((element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.disabled
    && chosen(element) && element.id !== "main"
    && !(element.tabIndex < 0 && element.closest(byArrows) !== null));
  wanted.forEach((element, at) => element.setAttribute("data-reach", at));
  return wanted.map((element) =>
    element.getAttribute("aria-label") ?? element.outerHTML.slice(0, 120));
}"""
FOCUSED = "() => document.activeElement.getAttribute('data-reach')"
STEPS_TO_SPARE = 80
"""Elements of the app in the frame are stopped at, too."""


async def unreached(page: Page) -> list[str]:
    """Return what can be clicked and is not reached by Tab."""
    wanted: list[str] = await page.evaluate(WITHIN_REACH)
    await page.evaluate("document.activeElement.blur()")
    left = set(range(len(wanted)))
    for _ in range(len(wanted) + STEPS_TO_SPARE):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(FOCUSED)
        if focused is not None:
            left.discard(int(focused))
        if not left:
            break
    return [f"{page.url} {wanted[at]}" for at in sorted(left)]


@BOTH
async def test_tab_reaches_everything_on_every_page(
    browser: Browser, studio: Studio, size: Size
) -> None:
    missed: list[str] = []
    pages = ("/", "/projects", "/account", "/administration", "{project}/settings")
    async with window(browser, size, studio) as page:
        for path in pages:
            project = f"/projects/{studio.project}"
            url = studio.stack.url + path.format(project=project)
            await page.goto(url, wait_until="networkidle")
            missed += await unreached(page)
        await open_desk(page, studio)
        missed += await unreached(page)
        await page.get_by_test_id("tab-code").click()
        await expect(page.locator(".cm-content").first).to_be_visible()
        await page.get_by_test_id("timeline-open").click()
        await page.get_by_test_id("timeline-slider").fill("12")
        missed += await unreached(page)
        await page.get_by_test_id("timeline-close").click()
        await page.get_by_test_id("compare-open").click()
        compared = page.get_by_test_id("compare-view").locator(".cm-content")
        await expect(compared.first).to_be_visible()
        missed += await unreached(page)
    assert missed == []
