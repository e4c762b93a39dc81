"""Runs, as the tests of the agent begin, follow and judge them."""

import asyncio
from collections import Counter
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg

from contracts.project import (
    FileWritten,
    ModelCallEnded,
    RunFailed,
    RunState,
    StartRun,
    StateChanged,
)
from eventcore.errors import Unavailable
from tests.integration.agent.conftest import CODE, PAGE, STYLES
from tests.integration.agent.world import Client, World
from tests.support.model_server import refusal


def is_over(view: object) -> bool:
    return getattr(view, "state", None) in (RunState.COMPLETE, RunState.ERROR)


async def build(client: Client, prompt: str | None = None) -> None:
    """Create the project and wait for the end of its first run."""
    await client.create()
    await client.do(StartRun(uuid4(), prompt))
    await client.until(is_over)


async def states(client: Client) -> list[str]:
    events = await client.events()
    return [event.state.value for event in events if isinstance(event, StateChanged)]


async def failure(client: Client) -> str:
    events = await client.events()
    (failed,) = (event for event in events if isinstance(event, RunFailed))
    return failed.message


FILES = {"index.html": PAGE, "src/app.ts": CODE, "src/styles.css": STYLES}


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


async def busy_run(world: World, seconds: float) -> Client:
    """Return the client of a run whose provider wants patience for so long."""
    busy = refusal("429 Too Many Requests", "Slow.", Retry_After=f"{seconds:g}")
    world.model.scripts.append(busy)
    client = await begun(world)
    async with asyncio.timeout(60):
        while True:
            events = await client.events()
            if any(isinstance(event, ModelCallEnded) for event in events):
                return client
            await asyncio.sleep(0.02)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
