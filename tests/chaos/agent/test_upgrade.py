"""Two versions at once, as in a rolling upgrade: each finishes what the other began.

The other version is a commit of this repository: PREVIOUS_VERSION, or else the last
tag, or else twenty commits ago.
"""

import asyncio
import os
import signal
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import Struct

from contracts.project import RunState
from standalone.migrate import MIGRATIONS, migrate
from tests.integration.agent.test_crashes import FILES, begun, check_finished
from tests.integration.agent.world import World, world
from tests.support.model_server import FakeApp

ROOT = Path(__file__).resolve().parents[3]
FEW = "HEAD~20"


class Version(Struct, frozen=True):
    """The sources of a version, unpacked."""

    commit: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes `python -m agent` run them."""
        members = [*self.folder.glob("libs/*/src"), *self.folder.glob("services/*/src")]
        return {"PYTHONPATH": os.pathsep.join(map(str, members))}


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Version:
    named = os.environ.get("PREVIOUS_VERSION")
    tag = git("describe", "--tags", "--abbrev=0").stdout.strip()
    found = git("rev-parse", "--verify", f"{named or tag or FEW}^{{commit}}")
    if found.returncode != 0:
        pytest.skip("there is no earlier version here: the clone is shallow")
    commit = found.stdout.strip()
    folder = tmp_path_factory.mktemp("previous")
    archive = folder / "previous.tar"
    parts = ("libs", "services", "migrations")
    assert git("archive", f"--output={archive}", commit, *parts).returncode == 0
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return Version(commit, folder)


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
    with surroundings.process(tmp_path, **first) as leaving:
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
