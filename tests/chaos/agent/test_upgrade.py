"""Two versions at once, as in a rolling upgrade: each finishes what the other began."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.project import RunState
from standalone.migrate import MIGRATIONS, migrate
from tests.integration.agent.runs import FILES, begun, check_finished
from tests.integration.agent.world import World, world
from tests.support.model_server import FakeApp
from tests.support.previous import Version, previous_version


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return previous_version(tmp_path_factory.mktemp("previous"))


@pytest.fixture
async def surroundings(
    nats_url: str, empty_postgres: str, app: FakeApp, previous: Version
) -> AsyncIterator[World]:
    """Servers with the tables of the earlier version."""
    await migrate(empty_postgres, previous.folder / "migrations")
    async with world(nats_url, empty_postgres, app) as servers:
        yield servers


@pytest.mark.parametrize("direction", ["upgrade", "rollback"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_run_goes_on_under_another_version(
    surroundings: World,
    empty_postgres: str,
    app: FakeApp,
    tmp_path: Path,
    previous: Version,
    direction: str,
    end: signal.Signals,
) -> None:
    """Tables go first, then one worker after the other; and back."""
    order = [previous.environment, {}]
    first, second = order if direction == "upgrade" else order[::-1]
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    if direction == "rollback":
        await migrate(empty_postgres, MIGRATIONS)
    short = {"LEASE_TTL_S": "5"}  # who is killed gives nothing back
    with surroundings.process(tmp_path, **first, **short) as leaving:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        await migrate(empty_postgres, MIGRATIONS)
        with surroundings.process(tmp_path, **second):
            leaving.send(end)
            go_on.set()
            view = await client.until(lambda view: view.state is RunState.COMPLETE)
            assert view.generated_files == sorted(FILES)
            await check_finished(client)


async def test_both_versions_answer_and_relay_side_by_side(
    surroundings: World, empty_postgres: str, tmp_path: Path, previous: Version
) -> None:
    await migrate(empty_postgres, MIGRATIONS)
    with (
        surroundings.process(tmp_path, **previous.environment),
        surroundings.process(tmp_path),
    ):
        clients = [await begun(surroundings) for _ in range(4)]
        for client in clients:
            await client.until(lambda view: view.state is RunState.COMPLETE)
            await check_finished(client)
