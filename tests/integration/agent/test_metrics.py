"""What the agent counts where a good run is not enough to see it move."""

import asyncio
from pathlib import Path

from prometheus_client import REGISTRY

from contracts.project import RunState
from tests.integration.agent.runs import begun, finish_with_another
from tests.integration.agent.world import World
from tests.support.model_server import FakeApp
from tests.support.polling import until
from tests.support.servers import NatsServer


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_run_that_was_taken_over_is_counted(
    surroundings: World, app: FakeApp, tmp_path: Path
) -> None:
    before = metric("agent_lease_takeovers_total")
    app.holds["src/app.ts"] = asyncio.Event()
    with surroundings.process(tmp_path) as first:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        first.kill()
    await finish_with_another(surroundings, client)
    assert metric("agent_lease_takeovers_total") == before + 1


async def test_money_and_outcomes_are_summed_and_slots_are_shown(
    surroundings: World,
) -> None:
    cost, runs = "agent_cost_usd_total", "agent_runs_total"
    model = {"model": "fake/model"}
    before = metric(cost, **model), metric(runs, outcome="completed")
    async with surroundings.agent(max_runs=3):
        assert metric("agent_run_slots") == 3
        client = await begun(surroundings)
        await client.until(lambda view: view.state is RunState.COMPLETE)
    assert metric(cost, **model) > before[0]
    assert metric(runs, outcome="completed") == before[1] + 1
    await until(lambda: metric("agent_runs_driven") == 0, "nothing is driven")


async def test_events_that_cannot_be_published_make_the_relay_late(
    nats_server: NatsServer, surroundings: World, app: FakeApp
) -> None:
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent():
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        await asyncio.to_thread(nats_server.kill)
        go_on.set()
        await until(lambda: lag_s() > 0, "an event waits")
        await asyncio.to_thread(nats_server.start)
        await until(lambda: lag_s() == 0, "everything is published")


def lag_s() -> float:
    return metric("agent_relay_lag_seconds", shard="0")
