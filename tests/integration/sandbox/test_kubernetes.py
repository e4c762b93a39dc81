"""The service with a cluster: what it says at the start, and what it goes on with."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import yaml

from contracts.sandbox import (
    Done,
    InstallDependencies,
    Installed,
    RemoveSandbox,
    Running,
    StartServer,
    SyncFiles,
)
from tests.integration.sandbox.stage import SandboxServer, Stage, sandbox_server, stage
from tests.integration.sandbox.test_life import start
from tests.support.cluster import fake_cluster, shared_cluster
from tests.support.engine import IMAGE, engine_url
from tests.support.polling import until

OWNER = "test-service"
APP = {
    "package.json": '{"scripts": {"start": "node server.js"},'
    '"dependencies": {"greeter": "1.0.0"}}',
    "server.js": "require('http').createServer((_, answer) =>"
    " answer.end(require('greeter') + ' from a pod'))"
    ".listen(process.env.PORT, process.env.HOST)",
}


def settings(**changed: str) -> dict[str, str]:
    return {
        "SANDBOX_RUNTIME": "kubernetes",
        "SANDBOX_IMAGE": IMAGE,
        "SANDBOX_OWNER": OWNER,
        "KUBECONFIG": str(shared_cluster().kubeconfig),
        **changed,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with sandbox_server(world=False, **settings()) as started:
        yield started


def pod_of(project: UUID) -> str:
    """Return what names the project's only pod."""
    uids = [
        pod["metadata"]["uid"]
        for pod in shared_cluster().pods(OWNER)
        if pod["metadata"]["labels"]["atelier.project"] == str(project)
    ]
    assert len(uids) == 1
    return str(uids[0])


async def running(service: Stage) -> UUID:
    project = service.add(APP)
    await service.ask(project, SyncFiles(1))
    installed = await service.ask(project, InstallDependencies())
    assert isinstance(installed, Installed), installed
    answer = await service.ask(project, StartServer())
    assert isinstance(answer, Running), answer
    return project


async def test_an_app_is_installed_and_shown_and_follows_edits(
    server: SandboxServer,
) -> None:
    async with stage(server) as service:
        project = await running(service)
        await service.sees(project, "hello from a pod")
        await service.write(project, "server.js", APP["server.js"].replace("a", "one"))
        assert isinstance(await service.ask(project, RemoveSandbox()), Done)
    assert shared_cluster().pods(OWNER) == []


async def test_a_service_that_was_killed_goes_on_with_its_pods(
    server: SandboxServer,
) -> None:
    async with stage(server) as service:
        project = await running(service)
        before = pod_of(project)
        server.kill()
        server.start()
        await service.sees(project, "hello from a pod")
        assert pod_of(project) == before
        assert not any("greeter" in one for one in service.registry.asked[2:])
        await service.ask(project, RemoveSandbox(), epoch=2)


async def test_a_pod_that_nobody_remembers_is_removed(server: SandboxServer) -> None:
    async with stage(server) as service:
        project = await running(service)
        record = server.root / "sandboxes" / "boxes" / str(project) / "pod"
        record.write_text("another")

        async def gone() -> bool:
            return shared_cluster().pods(OWNER) == []

        await until(gone, "the pod is gone")


def test_it_says_what_keeps_apps_apart(server: SandboxServer) -> None:
    url = f"http://127.0.0.1:{server.http_port}/ready"
    said = httpx.get(url, trust_env=False).text
    assert "kubernetes; isolated: files, processes, network, user" in said


def test_a_network_that_nothing_shuts_is_told() -> None:
    with fake_cluster(engine_url(), network="host") as open_cluster:
        outcome = start(settings(KUBECONFIG=str(open_cluster.kubeconfig)))
    assert outcome.returncode == 1
    assert "reach the network of the cluster" in outcome.stdout


def test_an_account_without_rights_is_told(tmp_path: Path) -> None:
    config = yaml.safe_load(shared_cluster().kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "another"  # noqa: S105 - a wrong one
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    outcome = start(settings(KUBECONFIG=str(tmp_path / "kubeconfig")))
    assert outcome.returncode == 1
    assert "SANDBOX_RUNTIME=kubernetes: The API server says" in outcome.stdout


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    outcome = start(settings(KUBECONFIG=str(tmp_path / "nowhere")))
    assert outcome.returncode == 1
    assert "SANDBOX_RUNTIME=kubernetes" in outcome.stdout
