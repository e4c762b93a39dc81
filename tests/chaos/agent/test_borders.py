"""Workers that die or freeze at each border, each of them several times."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests.integration.agent.failpoints import CORE_FAILPOINTS, FAILPOINTS
from tests.integration.agent.runs import (
    begun,
    check_finished,
    epochs_of,
    finish_with_another,
    go_on_with_another,
)
from tests.integration.agent.world import WAIT_S, AgentProcess, Client, World
from tests.support.polling import until

HITS = 5
SHORT = {"LEASE_TTL_S": "1"}
"""The lease is over long before who froze wakes up."""


@pytest.mark.parametrize("hit", range(1, HITS + 1))
@pytest.mark.parametrize("name", FAILPOINTS)
async def test_a_run_survives_a_kill_at_the_nth_time_at_a_border(
    surroundings: World, tmp_path: Path, name: str, hit: int
) -> None:
    place = f"{name}=kill@{hit}"
    with surroundings.process(tmp_path, ATELIER_FAILPOINTS=place) as agent:
        client = await begun(surroundings)
        await killed_or_done(agent, surroundings, client)
        await finish_with_another(surroundings, client)


async def killed_or_done(agent: AgentProcess, world: World, client: Client) -> None:
    """Return when the worker is dead, or the run over that never came there."""
    async with asyncio.timeout(WAIT_S):
        while agent.returncode is None:
            if await is_completed(world, client):
                return
            await asyncio.sleep(0.05)


async def is_completed(world: World, client: Client) -> bool:
    """Tell by the log itself whether the run is over."""
    connection = await asyncpg.connect(world.database_url)
    try:
        found = await connection.fetchval(
            "SELECT true FROM log.event "
            "WHERE project_id = $1 AND type = 'run.completed'",
            client.project_id,
        )
    finally:
        await connection.close()
    return bool(found)


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_a_worker_that_froze_at_a_border_changes_nothing_when_it_wakes_up(
    surroundings: World, tmp_path: Path, name: str
) -> None:
    place = f"{name}=sleep:3.5@1"
    with surroundings.process(tmp_path, **SHORT, ATELIER_FAILPOINTS=place) as agent:
        client = await begun(surroundings)
        await go_on_with_another(surroundings, client)
        await until(lambda: agent.counted("agent_drives_fenced_total") == 1, "it woke")
        async with surroundings.agent():
            await check_finished(client)
    epochs = await epochs_of(surroundings.database_url, client.project_id)
    assert epochs == sorted(epochs)


@pytest.mark.parametrize("hit", [4, 6])
@pytest.mark.parametrize("name", CORE_FAILPOINTS)
async def test_a_worker_that_froze_in_the_core_changes_nothing_when_it_wakes_up(
    surroundings: World, tmp_path: Path, name: str, hit: int
) -> None:
    place = f"{name}=sleep:3.5@{hit}"
    with surroundings.process(tmp_path, **SHORT, ATELIER_FAILPOINTS=place) as agent:
        client = await begun(surroundings)
        await go_on_with_another(surroundings, client)
        await until(
            lambda: agent.counted("agent_drives_fenced_total") is not None, "it woke"
        )
        async with surroundings.agent():
            await check_finished(client)
    epochs = await epochs_of(surroundings.database_url, client.project_id)
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 1  # it froze, and another went on
