"""What a cluster does to pods, and what becomes of those who use them."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from msgspec.structs import replace

from sandbox.adapters.pods.body import Order, body
from sandbox.ports import BadFolder, Process, Unreachable
from tests.contract.runtimes import PODS, REAL_PODS, Bench, bench
from tests.contract.test_runtime import HELLO, fetch
from tests.integration.deploy.tools import faults
from tests.support.cluster import FakeCluster, allowed, shared_cluster, violations
from tests.support.kubelet import Pod
from tests.support.polling import until
from tests.support.real_cluster import RealCluster

ORDER = Order(
    name="sandbox-1",
    owner="sandbox",
    controller="0123456789abcdef",
    project="11111111-2222-3333-4444-555555555555",
    image="atelier/apps",
    memory_bytes=1 << 30,
    processors=1.5,
    disk_bytes=1 << 31,
    runtime_class="",
)


@pytest.fixture(params=[PODS, REAL_PODS])
async def lent(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with bench(request.param, os.environ) as made:
        yield made


def cluster_of(lent: Bench) -> FakeCluster | RealCluster:
    assert lent.cluster is not None
    return lent.cluster


def pods(lent: Bench) -> list[Pod]:
    """Return the project's pods, but for those that are about to be gone."""
    project = str(lent.project_id)
    return [
        pod
        for pod in cluster_of(lent).pods()
        if pod["metadata"]["labels"]["atelier.project"] == project
        and "deletionTimestamp" not in pod["metadata"]
    ]


@pytest.mark.parametrize("version", ["1.35.0", "1.36.0", "1.37.0"])
def test_schemas_of_the_version_accept_a_pod(version: str) -> None:
    assert not faults(body(ORDER), version)


def test_a_pod_is_restricted_and_has_no_way_to_the_api_server() -> None:
    pod = body(ORDER)
    assert not violations(pod)
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["hostUsers"] is False
    limits = pod["spec"]["containers"][0]["resources"]["limits"]
    assert limits.keys() == {"cpu", "memory", "ephemeral-storage"}


def test_a_stricter_runtime_is_asked_for_by_name() -> None:
    spec = body(replace(ORDER, runtime_class="gvisor"))["spec"]
    assert spec["runtimeClassName"] == "gvisor"
    assert "hostUsers" not in spec


async def test_no_more_is_asked_than_the_role_allows() -> None:
    async with bench(PODS, os.environ) as lent:
        await lent.run("console.log('here')")
    asked = {tuple(one.split(" ", 1)) for one in shared_cluster().asked}
    assert asked <= allowed()


async def test_files_and_packages_stay_through_a_lost_connection(lent: Bench) -> None:
    process = await lent.serve(HELLO)
    before = pods(lent)
    cluster_of(lent).cut()
    assert await process.wait() == 137
    assert b"the connection to its pod has ended" in lent.printed["stderr"]
    assert await lent.folder.lacks({"server.js"}) == set()
    again = await lent.launch("node", "server.js", serves=True)
    await until(lambda: _answers(again), "the server answers again")
    assert [one["metadata"]["uid"] for one in pods(lent)] == [
        one["metadata"]["uid"] for one in before
    ]


async def test_what_was_missed_is_found_by_listing_again(lent: Bench) -> None:
    await lent.run("console.log('here')")
    cluster_of(lent).forget()
    (pod,) = pods(lent)
    cluster_of(lent).remove(pod)
    await until(lambda: _lacks(lent), "the end of the pod is noticed")
    assert await lent.folder.has_folder("b") is False
    await lent.run("console.log('again')")
    assert [one["metadata"]["uid"] for one in pods(lent)] != [pod["metadata"]["uid"]]


async def test_a_pod_whose_end_nobody_has_told_is_replaced(lent: Bench) -> None:
    process = await lent.serve(HELLO)
    (before,) = pods(lent)
    cluster_of(lent).cut()  # whoever watches waits a moment before it looks again
    await process.wait()
    cluster_of(lent).remove(before)
    await lent.run("console.log('again')")
    (after,) = pods(lent)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


@pytest.mark.parametrize("kind", [PODS, REAL_PODS])
async def test_an_app_that_fills_its_disk_ends_with_its_pod(kind: str) -> None:
    async with bench(kind, os.environ, disk_bytes=16 << 20) as lent:
        code, _ = await lent.run(
            "const fs = require('fs'); let n = 0;"
            "setInterval(() => fs.writeFileSync(`f${n++}`, Buffer.alloc(2e6)), 20)"
        )
        assert code == 137
        assert b"exceeds the limit" in lent.printed["stderr"]
        assert await lent.folder.lacks({"script.js"}) == {"script.js"}


async def test_what_cannot_be_written_is_told_and_what_was_removed_comes_back(
    lent: Bench,
) -> None:
    await lent.run("require('fs').rmSync('../staging', {recursive: true})")
    await lent.write(a_txt="here")
    large = dict.fromkeys(("x" * 300, "b.txt", "c.txt"), b"x" * 400000)
    with pytest.raises(BadFolder, match="File name too long"):
        await lent.folder.apply(large, ())
    assert await lent.folder.read(["a.txt"], 100) == {"a.txt": b"here"}


async def test_a_removed_project_has_no_pod(lent: Bench) -> None:
    await lent.run("console.log('here')")
    await lent.folder.remove()
    await lent.folder.remove()
    assert pods(lent) == []


async def test_a_large_answer_comes_whole(lent: Bench) -> None:
    process = await lent.serve(
        "require('http').createServer((q, answer) => answer.end(Buffer.alloc(3e7, 65)))"
        ".listen(process.env.PORT, process.env.HOST)"
    )
    assert len(await fetch(process, "/")) > 30_000_000
    assert b"A" * 10 in await fetch(process, "/again")


async def _answers(process: Process) -> bool:
    with suppress(Unreachable):
        return await process.ask("a") > 0
    return False


async def _lacks(lent: Bench) -> bool:
    return await lent.folder.lacks({"script.js"}) == {"script.js"}
