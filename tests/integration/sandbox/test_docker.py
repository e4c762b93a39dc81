"""The service with an engine: what it says at the start, and what it removes."""

import asyncio
import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import aiodocker
import pytest

from contracts.sandbox import Done, RemoveSandbox, Running, StartServer
from sandbox.adapters.containers.container_body import LABEL, PROJECT_LABEL
from sandbox.adapters.containers.engine import Engine, EngineFailed
from sandbox.adapters.containers.volumes import Volumes
from sandbox.adapters.files.claim import Claimed, claim
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from tests.integration.sandbox.stage import SandboxServer, sandbox_server, stage
from tests.integration.sandbox.test_life import start
from tests.integration.sandbox.test_problems import check, place
from tests.support.engine import ANOTHER, IMAGE, client, engine_url
from tests.support.polling import until

DOCKER = {"SANDBOX_RUNTIME": "docker"}
SERVES = '{"scripts": {"start": "node server.js"}}'
SERVER = """
require('http').createServer((_, answer) => answer.end('up'))
  .listen(process.env.PORT, process.env.HOST);
"""


@pytest.fixture(scope="module")
def url() -> str:
    return engine_url()


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[SandboxServer]:
    with sandbox_server(SANDBOX_RUNTIME="docker", DOCKER_HOST=url) as started:
        yield started


def leave(server: SandboxServer, url: str, *, running: bool) -> str:
    """Make a container as an instance before this one might have; return its id."""
    installation = (server.root / "sandboxes" / "installation").read_text()
    body = {
        "Image": IMAGE,
        "Cmd": ["sleep", "1000"],
        "Labels": {LABEL: installation},
        "HostConfig": {"NetworkMode": "none"},
    }
    with client(url) as engine:
        answer = engine.post("/containers/create", json=body)
        made: str = answer.json()["Id"]
        if running:
            engine.post(f"/containers/{made}/start").raise_for_status()
    return made


def is_there(url: str, container: str) -> bool:
    with client(url) as engine:
        status = engine.get(f"/containers/{container}/json").status_code
    return status == HTTPStatus.OK


def test_a_start_removes_what_was_left_and_nothing_else(
    server: SandboxServer, url: str
) -> None:
    left = [leave(server, url, running=running) for running in (True, False)]
    foreign = {"Image": IMAGE, "Cmd": ["true"], "Labels": {LABEL: "another"}}
    with client(url) as engine:
        theirs = engine.post("/containers/create", json=foreign).json()["Id"]
        try:
            server.kill()
            server.start()
            assert is_there(url, theirs)
        finally:
            engine.delete(f"/containers/{theirs}")
    assert not any(is_there(url, one) for one in left)


async def test_what_is_nobodys_is_removed_while_others_run(
    server: SandboxServer, url: str
) -> None:
    left = leave(server, url, running=True)

    async def gone() -> bool:
        return not is_there(url, left)

    await until(gone, "the container is gone")


async def test_a_container_that_has_ended_goes_by_itself(
    server: SandboxServer, url: str
) -> None:
    installation = (server.root / "sandboxes" / "installation").read_text()
    engine = Engine(aiodocker.Docker(url), installation)
    try:
        async with stage(server) as world:
            project = world.add({"package.json": SERVES, "server.js": SERVER})
            assert isinstance(await world.ask(project, StartServer()), Running)
            own = await engine.own()
            mine = [one.name for one in own if one.project == str(project)]
            assert len(mine) == 1
            assert await world.ask(project, RemoveSandbox()) == Done()

        async def gone() -> bool:
            return not any(one.name in mine for one in await engine.own())

        await until(gone, "the engine has nothing of it")
    finally:
        await engine.close()


@pytest.mark.usefixtures("browser")
async def test_a_page_of_a_container_is_looked_at_by_the_machines_browser(
    server: SandboxServer,
) -> None:
    page = '<!doctype html>\n<script type="module" src="/main.js"></script>\n'
    files = {"index.html": page, "main.js": "nothing();\n"}
    async with stage(server) as world:
        (problem,) = await check(world, files)
        assert place(problem) == ("console", "main.js", 1)


async def test_two_services_do_not_share_a_folder(tmp_path: Path) -> None:
    async with claim(tmp_path, patience_s=1):
        with pytest.raises(Claimed, match="Another sandbox service"):
            async with claim(tmp_path, patience_s=0):
                pass
    async with claim(tmp_path, patience_s=0):
        pass


def test_an_image_that_is_not_there_is_named(url: str) -> None:
    outcome = start({**DOCKER, "DOCKER_HOST": url, "SANDBOX_IMAGE": "missing"})
    assert outcome.returncode == 1
    assert "There is no image missing" in outcome.stdout


def test_an_engine_that_is_not_there_is_told() -> None:
    outcome = start({**DOCKER, "DOCKER_HOST": "unix:///nowhere.sock"})
    assert outcome.returncode == 1
    assert "SANDBOX_RUNTIME=docker" in outcome.stdout


def test_a_runtime_that_the_engine_does_not_know_is_told(url: str) -> None:
    outcome = start({**DOCKER, "DOCKER_HOST": url, "SANDBOX_OCI_RUNTIME": "odd"})
    assert outcome.returncode == 1
    assert "odd" in outcome.stdout
    assert "runc" in outcome.stdout


async def test_another_runtime_of_the_engine_gets_every_container(url: str) -> None:
    with client(url) as engine:
        known = engine.get("/info").json()["Runtimes"]
    if ANOTHER not in known:
        pytest.skip(f"the engine has no runtime {ANOTHER}")
    with sandbox_server(
        SANDBOX_RUNTIME="docker", DOCKER_HOST=url, SANDBOX_OCI_RUNTIME=ANOTHER
    ) as server:
        async with stage(server) as world:
            project = world.add({"package.json": SERVES, "server.js": SERVER})
            running = await world.ask(project, StartServer())
            assert isinstance(running, Running), running
            label = f'{{"label": ["{PROJECT_LABEL}={project}"]}}'
            with client(url) as engine:
                listed = engine.get("/containers/json", params={"filters": label})
                (one,) = listed.json()
                shown = engine.get(f"/containers/{one['Id']}/json").json()
        assert shown["HostConfig"]["Runtime"] == ANOTHER
        assert await asyncio.to_thread(server.is_ready)


async def test_an_engine_is_asked_whether_it_is_still_there(url: str) -> None:
    here, nowhere = (
        Engine(aiodocker.Docker(one), "i") for one in (url, "unix:///nowhere.sock")
    )
    try:
        await here.check()
        await here.knows("runc")
        with pytest.raises(EngineFailed, match=r"knows no runtime odd, but .*runc"):
            await here.knows("odd")
        with pytest.raises(EngineFailed):
            await nowhere.check()
    finally:
        await here.close()
        await nowhere.close()


async def test_who_comes_after_a_removed_project_gets_packages_of_his_own(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path)
    layers = Layers(layout, None, mounted_elsewhere=True)
    layers.modules("template").mkdir(parents=True)
    lent = []
    async with aiodocker.Docker("unix:///nobody") as nobody:
        volumes = Volumes(Engine(nobody, "installation"), layout, layers)
        for project_id in map(UUID, ("1" * 32, "2" * 32)):
            box = layout.box(project_id)
            box.make(None)
            layers.prepare(box.staging / "made", "template", (), None)
            layers.put(box.staging / "made", "template", box.layer)
            lent.append(volumes.lend(project_id))
            # Disks give the number of a folder that is gone to the next one.
            shutil.rmtree(box.disk.path)
    assert lent[0] != lent[1]
