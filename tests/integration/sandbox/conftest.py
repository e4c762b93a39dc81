"""One service for all tests of this folder; a bus and an agent for each."""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from tests.integration.sandbox.pairs import Pair, two_controllers
from tests.integration.sandbox.stage import (
    SandboxServer,
    Stage,
    sandbox_server,
    stage,
)
from tests.support import browser as browsers


@pytest.fixture(scope="package")
def shared_server() -> Iterator[SandboxServer]:
    """A running service; a test that ends it starts it again."""
    with sandbox_server() as server:
        yield server


@pytest.fixture
async def service(shared_server: SandboxServer) -> AsyncIterator[Stage]:
    """The service, with projects that no other test has."""
    async with stage(shared_server) as made:
        yield made
    said = shared_server.log.read_text(errors="replace")[-4000:]
    print(said)  # noqa: T201 - shown when a test fails


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two services on one bus, for a module that asks for them."""
    with two_controllers({}, {}) as made:
        yield made


@pytest.fixture(scope="module")
def server(pair: Pair) -> SandboxServer:
    """The service that a module is about: of a pair the first, or one of its own."""
    return pair[0]


@pytest.fixture
async def world(server: SandboxServer) -> AsyncIterator[Stage]:
    """The module's service, with projects that no other test has."""
    async with stage(server) as made:
        yield made


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser that a person has."""
    async with browsers.chromium() as launched:
        yield launched


@pytest.fixture
def browser() -> None:
    """A browser that the service can look at pages with."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    if not any(map(shutil.which, names)):
        pytest.skip("no chromium on the PATH: install Debian's package `chromium`")
    if shutil.which("bwrap") is None:
        pytest.skip("pages are looked at only where bubblewrap is installed")
