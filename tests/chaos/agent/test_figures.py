"""How long takeovers and stops take, by the clock: what is promised is in seconds."""

import asyncio
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.project import RunState, StartRun, StopRun
from contracts.sandbox import (
    CancelOperation,
    InstallDependencies,
    Pending,
    StartServer,
    SyncFiles,
)
from tests.integration.agent.runs import begun, epochs_of
from tests.integration.agent.world import World
from tests.support.model_server import FakeApp
from tests.support.polling import until

LEASE_S = 2.0
TAKEN_OVER_WITHIN_S = LEASE_S + 2.0
STOPPED_WITHIN_S = 1.0


def tell(what: str, took_s: float, capsys: pytest.CaptureFixture[str]) -> None:
    """Show a figure, whether the test passes or not."""
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {took_s:.2f} s\n")


@pytest.mark.parametrize("number", range(5))
async def test_a_dead_workers_run_is_taken_over_within_the_lease_and_two_seconds(
    surroundings: World,
    app: FakeApp,
    tmp_path: Path,
    number: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del number
    app.holds["src/app.ts"] = asyncio.Event()
    ttl = {"LEASE_TTL_S": str(LEASE_S)}
    with surroundings.process(tmp_path, **ttl) as first:
        client = await begun(surroundings)
        await client.until(lambda view: "index.html" in view.generated_files)
        async with surroundings.agent(lease_ttl_s=LEASE_S):
            killed_at = time.monotonic()
            first.kill()
            url = surroundings.database_url
            while 2 not in await epochs_of(url, client.project_id):  # noqa: ASYNC110 - the log calls nobody
                await asyncio.sleep(0.02)
            took_s = time.monotonic() - killed_at
    tell("takeover", took_s, capsys)
    assert took_s < TAKEN_OVER_WITHIN_S


@pytest.mark.parametrize("step", [SyncFiles, InstallDependencies, StartServer])
async def test_a_stop_ends_a_step_of_the_sandbox_within_a_second(
    surroundings: World, step: type, capsys: pytest.CaptureFixture[str]
) -> None:
    client = surroundings.client()
    surroundings.sandbox.answers[step] = Pending()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        keys = surroundings.sandbox.keys
        await until(lambda: bool(keys(step)), "the step is under way")
        await client.do(StopRun())
        stopped_at = time.monotonic()
        await until(lambda: bool(keys(CancelOperation)), "it is cancelled")
        took_s = time.monotonic() - stopped_at
    tell("stop", took_s, capsys)
    assert took_s < STOPPED_WITHIN_S


@pytest.mark.parametrize("state", [RunState.DESIGNING, RunState.IMPLEMENTING])
async def test_a_stop_closes_the_models_connection_within_a_second(
    surroundings: World,
    app: FakeApp,
    state: RunState,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = surroundings.client()
    if state is RunState.DESIGNING:
        surroundings.model.scripts.append([asyncio.Event()])
    else:
        app.holds["index.html"] = asyncio.Event()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        number = 1 if state is RunState.DESIGNING else 2
        asked = await surroundings.model.request_number(number)
        await client.do(StopRun())
        stopped_at = time.monotonic()
        async with asyncio.timeout(10):
            await asked.hung_up.wait()
        took_s = time.monotonic() - stopped_at
    tell("stop", took_s, capsys)
    assert took_s < STOPPED_WITHIN_S
