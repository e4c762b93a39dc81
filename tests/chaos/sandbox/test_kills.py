"""Services and engines killed at any moment, by the hundred: nothing is left of apps.

`KILLS=200` and `RESTARTS=20` are what is promised, and what is done unless they say
otherwise. `SEED` makes the moments the same again.
"""

import asyncio
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import pytest

from sandbox.adapters.containers.container_body import LABEL
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.processes.leftovers import mark_of
from sandbox.ports import Command, Process, Runtime, RuntimeFailed
from tests.chaos.sandbox.controller import (
    PROJECTS,
    folders_of,
    ignore,
    images_of,
    recover,
    runtime_of,
    write_apps,
)
from tests.contract.runtimes import DOCKER
from tests.integration.sandbox.test_life import bubblewrap_works
from tests.support.engine import EngineServer, cannot_run, client, engine_url, load
from tests.support.polling import until
from tests.support.servers import server_folder

KILLS = int(os.environ.get("KILLS", "200"))
RESTARTS = int(os.environ.get("RESTARTS", "20"))
SEED = os.environ.get("SEED", "atelier")
GONE_WITHIN_S = 5.0
_LONGEST_LIFE_S = 1.5
_START_S = 60.0


@pytest.fixture
def root() -> Iterator[Path]:
    with server_folder() as folder:
        yield folder / "sandboxes"


def marked(root: Path) -> dict[int, str]:
    """Return id and command line of what was started below *root* and lives."""
    mark = mark_of(root).encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in words:
            found[int(entry.name)] = words.decode(errors="replace")
    return found


def apps(root: Path) -> list[str]:
    """Return those of them that have begun, or keep what has.

    Between its two halves bubblewrap has a moment in which the death of one leaves the
    other waiting for ever. It has started nothing then, and ends with the next service.
    """
    return [one for one in marked(root).values() if "bwrap" not in one.split("\0")[0]]


def containers(url: str, root: Path, *, running: bool) -> list[str]:
    """Return the names of the containers of an installation."""
    installation = (root / "installation").read_text(encoding="ascii")
    filters = f'{{"label": ["{LABEL}={installation}"]}}'
    params = {"all": str(int(not running)), "filters": filters}
    with client(url) as engine:
        answer = engine.get("/containers/json", params=params)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return [one["Names"][0] for one in answer.json()]


def volumes(url: str, root: Path) -> list[str]:
    """Return the names of the volumes of an installation."""
    installation = (root / "installation").read_text(encoding="ascii")
    filters = f'{{"label": ["{LABEL}={installation}"]}}'
    with client(url) as engine:
        answer = engine.get("/volumes", params={"filters": filters})
    assert answer.status_code == HTTPStatus.OK, answer.text
    return [one["Name"] for one in answer.json()["Volumes"] or ()]


def devices(root: Path) -> list[str]:
    """Return the images of an installation that a device of this machine is made of."""
    files = Path("/sys/block").glob("loop*/loop/backing_file")
    return [name for file in files if (name := _text(file)).startswith(str(root))]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:  # it has gone meanwhile
        return ""


class Controller:
    """The program of `controller.py`, killed after a while."""

    def __init__(self, kind: str, root: Path, engine: str) -> None:
        module = "tests.chaos.sandbox.controller"
        self._process = subprocess.Popen(
            (sys.executable, "-m", module, kind, str(root), engine),
            stdout=subprocess.PIPE,
        )

    def recovered(self) -> None:
        """Wait until it has ended what was left."""
        output = self._process.stdout
        assert output is not None
        line = b""
        while line != b"recovered\n":  # it may have a word to say before
            assert select.select([output], [], [], _START_S)[0], "it did not start"
            line = output.readline()
            assert line, "it ended"

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.communicate()


def wait_until_gone(url: str | None, root: Path) -> float:
    """Wait until nothing runs any more; return how long that took."""
    since = time.monotonic()
    while left := (
        apps(root) or (url and containers(url, root, running=True)) or devices(root)
    ):
        took = time.monotonic() - since
        assert took < GONE_WITHIN_S * 4, f"orphans: {left}"  # a loaded machine is slow
        time.sleep(0.02)
    return time.monotonic() - since


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", [DOCKER, "bubblewrap"])
def test_a_service_that_is_killed_at_any_moment_leaves_no_app(
    kind: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind != DOCKER and not bubblewrap_works():
        pytest.skip("bubblewrap is not installed, or may not make namespaces")
    url = engine_url() if kind == DOCKER else None
    chance = random.Random(SEED)  # noqa: S311 - to be the same again
    took = []
    left: set[int] = set()
    for _ in range(KILLS):
        controller = Controller(kind, root, url or "")
        controller.recovered()
        assert not left & marked(root).keys()
        time.sleep(chance.random() * _LONGEST_LIFE_S)  # a moment of its life
        controller.kill()
        took.append(wait_until_gone(url, root))
        left = set(marked(root))
    asyncio.run(_recovered(kind, root, url or ""))
    assert marked(root) == {}
    assert_nothing_is_left(url, root)
    with capsys.disabled():
        late = sum(one > GONE_WITHIN_S for one in took)
        sys.stdout.write(
            f"\n{kind}: {KILLS} kills, no orphan; gone after at most {max(took):.2f} s,"
            f" {late} of them later than {GONE_WITHIN_S:g} s\n"
        )


async def _recovered(kind: str, root: Path, url: str) -> None:
    layout = Layout(root)
    async with images_of(layout) as images, runtime_of(kind, layout, url) as runtime:
        await recover(kind, layout, runtime, images)


def assert_nothing_is_left(url: str | None, root: Path) -> None:
    """See that whatever was made for apps is gone, but their own folders."""
    for name in ("berths", "spares", "trash"):
        assert list((root / name).iterdir()) == []
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    assert [line for line in mounts if str(root) in line] == []
    owned = {
        str(Layout(root).born(UUID(one.name))) for one in (root / "boxes").iterdir()
    }
    assert {disk.name for disk in (root / "disks").iterdir()} <= owned
    assert devices(root) == []
    if url is not None:
        assert containers(url, root, running=False) == []
        assert volumes(url, root) == []


@pytest.fixture
def engine() -> Iterator[EngineServer]:
    reason = cannot_run()
    if reason is not None:
        pytest.skip(f"no container engine: {reason}")
    with server_folder() as folder, EngineServer(folder) as server:
        load(server.url)
        yield server


@pytest.mark.timeout(3600)
async def test_an_engine_that_is_killed_at_any_moment_leaves_no_container(
    engine: EngineServer, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - to be the same again
    layout = Layout(root)
    layout.make()
    async with runtime_of(DOCKER, layout, engine.url) as runtime:
        await write_apps(folders_of(DOCKER, layout, runtime))
        for _ in range(RESTARTS):
            async with asyncio.TaskGroup() as starts:
                begun = [starts.create_task(_launch(runtime, n)) for n in range(3)]
                await asyncio.sleep(chance.random())  # a moment of their starts
                engine.kill()
                engine.start()
            for process in (task.result() for task in begun):
                if process is not None:
                    await process.stop()
                    assert process.ended
            again = await _launch(runtime, 0)
            assert again is not None, "nothing can be started after a restart"
            await again.stop()

        async def nothing_is_left() -> bool:
            return not (
                containers(engine.url, root, running=False) or volumes(engine.url, root)
            )

        await until(nothing_is_left, "no container is left", timeout_s=30)
    assert apps(root) == []
    assert_nothing_is_left(engine.url, root)
    with capsys.disabled():
        sys.stdout.write(f"\n{RESTARTS} kills of the engine, no orphan\n")


async def _launch(runtime: Runtime, number: int) -> Process | None:
    command = Command(("node", "server.js"), serves=True)
    try:
        return await runtime.launch(PROJECTS[number], command, ignore)
    except RuntimeFailed:
        return None
