"""Workers that die, freeze or leave in the middle of a run, and those who go on."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.failpoints import names_in
from contracts.project import (
    ModelCallEnded,
    ModelCallStarted,
    RunState,
    StartRun,
)
from tests.integration.agent.failpoints import (
    CORE_FAILPOINTS,
    ERASE_FAILPOINTS,
    FAILPOINTS,
)
from tests.integration.agent.runs import (
    begun,
    check_finished,
    epochs_of,
    finish_with_another,
    go_on_with_another,
)
from tests.integration.agent.world import World, world
from tests.support.model_server import FakeApp
from tests.support.polling import until
from tests.support.servers import NatsServer, PostgresServer, server_folder

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "services/agent/src", ROOT / "libs/eventcore/src")


def test_every_failpoint_is_tried() -> None:
    assert names_in(*SOURCES) == sorted(
        [*FAILPOINTS, *CORE_FAILPOINTS, *ERASE_FAILPOINTS]
    )


@pytest.mark.parametrize(
    "place",
    [
        *(f"{name}=kill@1" for name in FAILPOINTS),
        *(f"{name}=kill@4" for name in CORE_FAILPOINTS),
        "driver.before_append=kill@6",
    ],
)
async def test_a_run_survives_a_kill_at_every_border(
    surroundings: World, tmp_path: Path, place: str
) -> None:
    with surroundings.process(tmp_path, ATELIER_FAILPOINTS=place) as agent:
        client = await begun(surroundings)
        await until(lambda: agent.returncode is not None, "the worker is killed")
        await finish_with_another(surroundings, client)


async def test_all_workers_are_replaced_under_load_and_nothing_is_lost(
    surroundings: World, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        # Where nobody takes a lease back in time, it is over soon enough.
        ttl = {"LEASE_TTL_S": "10"}
        agents = [surroundings.process(tmp_path, **ttl) for _ in range(2)]
        for agent in agents:
            stack.enter_context(agent)
        clients = [await begun(surroundings) for _ in range(4)]
        for agent in agents:
            stack.enter_context(surroundings.process(tmp_path, **ttl))
            clients.append(await begun(surroundings))
            agent.send(signal.SIGTERM)
            await until(lambda one=agent: one.returncode == 0, "it left")  # type: ignore[misc] # bound now
        for client in clients:
            await client.until(lambda view: view.state is RunState.COMPLETE)
            await check_finished(client)


async def test_a_finished_file_is_not_asked_for_again(
    surroundings: World, app: FakeApp, tmp_path: Path
) -> None:
    app.holds["src/app.ts"] = asyncio.Event()
    with surroundings.process(tmp_path) as agent:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        agent.kill()
        await finish_with_another(surroundings, client)
        first, second = surroundings.model.implements()
    assert first.paths == ["index.html", "src/app.ts", "src/styles.css"]
    assert second.paths == ["src/app.ts", "src/styles.css"]
    assert len(surroundings.model.designs()) == 1


async def test_a_killed_call_is_recorded_as_interrupted(
    surroundings: World, app: FakeApp, tmp_path: Path
) -> None:
    app.holds["src/app.ts"] = asyncio.Event()
    with surroundings.process(tmp_path) as agent:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        agent.kill()
    await surroundings.end_leases()
    async with surroundings.agent():
        await client.until(lambda view: view.state is RunState.COMPLETE)
        events = await client.events()
    attempts = [one.attempt for one in events if isinstance(one, ModelCallStarted)]
    outcomes = [one.outcome for one in events if isinstance(one, ModelCallEnded)]
    assert attempts == [1, 1, 2]
    assert outcomes == ["complete", "interrupted", "complete"]


async def test_a_worker_that_is_told_to_leave_gives_its_run_back(
    surroundings: World, app: FakeApp, tmp_path: Path
) -> None:
    app.holds["src/app.ts"] = asyncio.Event()
    with surroundings.process(tmp_path) as agent:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        agent.send(signal.SIGTERM)
        await until(lambda: agent.returncode == 0, "the worker leaves")
        await go_on_with_another(surroundings, client)


async def test_a_worker_that_froze_changes_nothing_when_it_wakes_up(
    surroundings: World, app: FakeApp, tmp_path: Path
) -> None:
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    with surroundings.process(tmp_path, LEASE_TTL_S="5") as agent:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        frozen = surroundings.model.implements()[0]
        agent.send(signal.SIGSTOP)
        await go_on_with_another(surroundings, client)
        go_on.set()  # the rest of its answer waits for it
        agent.send(signal.SIGCONT)
        async with asyncio.timeout(60):
            await frozen.over.wait()
        await until(
            lambda: agent.counted("agent_drives_fenced_total") == 1, "it is counted"
        )
        await check_finished(client)
    epochs = await epochs_of(surroundings.database_url, client.project_id)
    assert epochs == sorted(epochs)
    assert set(epochs) == {1, 2}


async def test_two_workers_share_the_runs(surroundings: World) -> None:
    async with surroundings.agent(max_runs=2), surroundings.agent(max_runs=2):
        clients = [surroundings.client() for _ in range(6)]
        for client in clients:
            await client.create()
            await client.do(StartRun(uuid4()))
        for client in clients:
            await client.until(lambda view: view.state is RunState.COMPLETE)
            await check_finished(client)


# --- servers that die ---------------------------------------------------------------


async def test_a_run_outlives_the_bus(
    nats_server: NatsServer, surroundings: World, app: FakeApp
) -> None:
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent():
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        await asyncio.to_thread(nats_server.kill)
        go_on.set()
        async with asyncio.timeout(60):
            await surroundings.model.implements()[0].over.wait()
        await asyncio.to_thread(nats_server.start)
        await client.until(lambda view: view.state is RunState.COMPLETE)
        await check_finished(client)
    assert len(surroundings.model.implements()) == 1


async def test_a_run_outlives_the_database(nats_url: str, app: FakeApp) -> None:
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    with server_folder() as folder, PostgresServer(folder) as postgres:
        postgres.make_template()
        with postgres.database() as dsn:
            async with (
                world(nats_url, dsn, app) as servers,
                servers.agent(lease_ttl_s=5.0),  # nobody can give it back meanwhile
            ):
                client = await begun(servers)
                await client.until(lambda view: "index.html" in view.generated_files)
                await asyncio.to_thread(postgres.kill)
                go_on.set()
                await asyncio.to_thread(postgres.start)
                await client.until(lambda view: view.state is RunState.COMPLETE)
                await check_finished(client)
