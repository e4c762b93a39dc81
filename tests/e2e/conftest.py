"""One browser for all stories, and an app that is built already."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import AXE, Studio, build_studio, chromium
from tests.support.stack import Stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, to be shared: each test opens a context of its own."""
    async with chromium() as launched:
        yield launched


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
