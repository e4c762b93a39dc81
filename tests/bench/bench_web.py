"""The page under 500 messages a second, beside the same page at rest.

A file is written and an app prints, through the real gateway, while the editor shows
the file. Frames are those that the browser has drawn; the last column is the flood's
share of what the machine draws at rest, so that what else runs matters little.
"""

import asyncio
import shutil
import statistics
import sys
from itertools import pairwise
from typing import Any

from playwright.async_api import Page, async_playwright, expect

from tests.support.browser import ARGUMENTS, Studio, build_studio, window
from tests.support.flood import MESSAGES_PER_S, PATH, flood_of
from tests.support.servers import server_folder
from tests.support.stack import Stack

SECONDS = 6.0
ROUNDS = 3
WATCH = """
() => {
  const seen = (window.seen = { frames: [], long: 0, longMs: 0 });
  const draw = (now) => { seen.frames.push(now); requestAnimationFrame(draw); };
  requestAnimationFrame(draw);
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) {
      seen.long += 1;
      seen.longMs += task.duration;
    }
  }).observe({ type: "longtask" });
}
"""
TAKE = """
() => {
  const seen = window.seen;
  const taken = { ...seen };
  Object.assign(seen, { frames: [], long: 0, longMs: 0 });
  return taken;
}
"""


class Row:
    """A figure at rest and under the flood, one value for each round."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rest: list[float] = []
        self.flood: list[float] = []

    def line(self) -> str:
        """Return medians, and the flood's share of the figure at rest."""
        rest, flood = statistics.median(self.rest), statistics.median(self.flood)
        share = f"{flood / rest:>8.2f}" if rest else f"{'-':>8}"
        return f"{self.name:<34} {rest:>10.2f} {flood:>10.2f} {share}"


ROWS = [
    Row("frames a second"),
    Row("longest frame, ms"),
    Row("99th percentile of frames, ms"),
    Row("tasks over 50 ms"),
    Row("in such tasks, ms a second"),
]


async def take(page: Page) -> list[float]:
    """Return the figures since the last time."""
    seen: dict[str, Any] = await page.evaluate(TAKE)
    at = seen["frames"]
    gaps = sorted(after - before for before, after in pairwise(at))
    seconds = (at[-1] - at[0]) / 1000
    return [
        len(gaps) / seconds,
        gaps[-1],
        gaps[int(len(gaps) * 0.99)],
        seen["long"],
        seen["longMs"] / seconds,
    ]


async def measure(page: Page, studio: Studio) -> None:
    """Fill the rows by watching the page at rest and under the flood, in turn."""
    view = page.locator(f"[data-testid=code-view][data-path='{PATH}']")
    async with flood_of(studio.stack, studio.project) as flood:
        await flood.start()
        await flood.run(0.5)
        await expect(view).to_be_visible()
        await page.evaluate(WATCH)
        for _ in range(ROUNDS):
            await page.evaluate(TAKE)
            await asyncio.sleep(SECONDS)
            rest = await take(page)
            await flood.run(SECONDS)
            under = await take(page)
            for row, still, busy in zip(ROWS, rest, under, strict=True):
                row.rest.append(still)
                row.flood.append(busy)
        await expect(view).to_have_attribute(
            "data-length", str(len(flood.text.encode("utf-16-le")) // 2)
        )


async def run() -> None:
    """Start everything, measure, and print the rows."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.stdout.write("Skipped: there is no chromium on the PATH\n")
        return
    with (
        server_folder() as folder,
        Stack(folder, DEMO_CHARACTERS_PER_SECOND="0") as stack,
    ):
        studio = await build_studio(stack)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=ARGUMENTS
            )
            async with window(browser, "desktop", studio) as page:
                await page.goto(studio.url)
                await page.get_by_test_id("tab-code").click()
                await measure(page, studio)
            await browser.close()
    sys.stdout.write(
        f"{f'at {MESSAGES_PER_S} messages a second':<34} {'rest':>10} "
        f"{'flood':>10} {'share':>8}\n"
    )
    sys.stdout.writelines(f"{row.line()}\n" for row in ROWS)


def main() -> None:
    """Run the bench."""
    asyncio.run(run())
