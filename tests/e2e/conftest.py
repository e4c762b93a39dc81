"""One browser for all stories, and an app that is built already."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.support.browser import ARGUMENTS, AXE, Studio, build_studio
from tests.support.stack import Stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, to be shared: each test opens a context of its own."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the PATH: install Debian's package `chromium`")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS
        )
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
def studio(stack: Stack) -> Studio:
    """Somebody with an app that runs."""
    return asyncio.run(build_studio(stack))


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script that looks for what keeps people out of a page."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed in services/web/node_modules")
    return AXE.read_text(encoding="utf-8")
