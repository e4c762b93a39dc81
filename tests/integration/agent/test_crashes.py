"""Workers that die, freeze or leave in the middle of a run, and those who go on."""

import asyncio
import signal
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.failpoints import names_in
from contracts.project import (
    FileWritten,
    ModelCallEnded,
    ModelCallStarted,
    RunState,
    StartRun,
)
from eventcore.errors import Unavailable
from tests.integration.agent.conftest import CODE, PAGE, STYLES
from tests.integration.agent.test_erasure import ERASE_FAILPOINTS
from tests.integration.agent.world import Client, World, world
from tests.support.model_server import FakeApp
from tests.support.polling import until
from tests.support.servers import NatsServer, PostgresServer, server_folder

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "services/agent/src", ROOT / "libs/eventcore/src")
FILES = {"index.html": PAGE, "src/app.ts": CODE, "src/styles.css": STYLES}
FAILPOINTS = [
    "driver.after_lease",
    "driver.before_append",
    "driver.after_append",
    "driver.before_call",
    "driver.mid_stream",
    "driver.after_file",
    "driver.before_sandbox",
    "driver.after_sandbox",
]
CORE_FAILPOINTS = [
    "append.before_commit",
    "append.after_commit",
    "relay.before_publish",
    "relay.after_publish",
    "relay.after_ack",
]
"""Of the event core; struck in the middle of the run, after its first commands."""


async def check_finished(client: Client) -> None:
    """Check what holds of every log with one run that has ended well."""
    recorded, events = await client.history(), await client.events()
    assert [one.seq for one in recorded] == list(range(1, len(recorded) + 1))
    assert len({one.id for one in recorded}) == len(recorded)
    counts = Counter(one.type for one in recorded)
    assert counts["run.completed"] == 1
    assert counts["phase.designed"] == counts["phase.implemented"] == 1
    assert counts["model_call.started"] == counts["model_call.ended"]
    written = [one for one in events if isinstance(one, FileWritten)]
    assert {one.path: one.content for one in written} == FILES
    assert len(written) == len(FILES)


async def finish_with_another(world: World, client: Client) -> None:
    """Let a second worker take over from one that is gone, and finish the run."""
    await world.end_leases()
    await go_on_with_another(world, client)


async def go_on_with_another(world: World, client: Client) -> None:
    """Let a second worker finish a run whose lease is over."""
    async with world.agent():
        view = await client.until(lambda view: view.state is RunState.COMPLETE)
        assert view.generated_files == sorted(FILES)
        await check_finished(client)


async def begun(world: World) -> Client:
    """Start a run, which whoever is there takes up at once."""
    client = world.client()
    await client.create()
    # A worker may be so quick to die over it that it never says it has understood.
    with suppress(Unavailable):
        await client.do(StartRun(uuid4()))
    return client


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
        agents = [surroundings.process(tmp_path) for _ in range(2)]
        for agent in agents:
            stack.enter_context(agent)
        clients = [await begun(surroundings) for _ in range(4)]
        for agent in agents:
            stack.enter_context(surroundings.process(tmp_path))
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


async def epochs_of(database_url: str, project_id: UUID) -> list[int]:
    """Return the epochs of all events that drivers wrote, in order."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT epoch FROM log.event "
            "WHERE project_id = $1 AND epoch IS NOT NULL ORDER BY seq",
            project_id,
        )
    finally:
        await connection.close()
    return [row["epoch"] for row in rows]


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
