"""Somebody shows the agent a picture."""

import base64

import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.support.browser import Size, Studio, shoot, window

pytestmark = pytest.mark.asyncio(loop_scope="session")

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DROP = """([data]) => {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  const anywhere = document.querySelector("[data-testid=conversation]");
  return ["dragover", "drop"].map((type) => anywhere.dispatchEvent(
    new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true })));
}"""
PASTE = """([data]) => {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
  const event = new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
  document.getElementById("message").dispatchEvent(event);
}"""


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_pictures_are_pasted_dropped_or_chosen_and_go_with_the_message(
    browser: Browser, studio: Studio, size: Size
) -> None:
    async with window(browser, size, studio) as page:
        await page.goto(studio.url)
        message = page.get_by_test_id("message-input")
        await message.fill(f"Use these colours on {size}")
        await page.evaluate(PASTE, [base64.b64encode(PNG).decode()])
        picture = page.get_by_test_id("picture")
        await expect(picture).to_have_count(1)
        chosen = FilePayload(name="two.png", mimeType="image/png", buffer=PNG + b"2")
        await page.get_by_test_id("add-pictures").set_input_files(chosen)
        await expect(picture).to_have_count(2)
        await page.get_by_role("button", name="Remove two.png").click()
        await expect(picture).to_have_count(1)
        # Nobody else may take it: the browser would leave the page for it.
        three = base64.b64encode(PNG + b"3").decode()
        assert await page.evaluate(DROP, [three]) == [False, False]
        await expect(picture).to_have_count(2)
        await page.get_by_role("button", name="Remove dropped.png").click()
        await expect(picture).to_have_count(1)
        await shoot(page, f"pictures-{size}")
        await page.get_by_test_id("send-message").click()
        said = page.get_by_test_id("message").last
        await expect(said).to_contain_text("1 picture")
        await expect(picture).to_have_count(0)
        badge = page.get_by_test_id("state-badge")
        await expect(badge).to_have_attribute("data-state", "complete", timeout=90_000)
