"""The agent's surroundings."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.agent.world import World, world
from tests.support.model_server import FakeApp, FakePhase

PAGE = "<!doctype html>\n<title>Board</title>\n" + "<p>A paragraph.</p>\n" * 20
CODE = "export const columns = ['Todo', 'Doing', 'Done']\n" * 10
STYLES = "body { margin: 0 }\n"


@pytest.fixture
def app() -> FakeApp:
    """An app of one phase with three files."""
    files = {"index.html": PAGE, "src/app.ts": CODE, "src/styles.css": STYLES}
    return FakeApp([FakePhase("Board", files)])


@pytest.fixture
async def surroundings(
    nats_url: str, postgres: str, app: FakeApp
) -> AsyncIterator[World]:
    """Servers without an agent."""
    async with world(nats_url, postgres, app) as servers:
        yield servers
