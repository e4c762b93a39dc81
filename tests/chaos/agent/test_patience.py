"""Providers that want no call for a while get none, whoever dies meanwhile."""

import signal
import time
from pathlib import Path

import pytest

from contracts.project import ModelCallEnded, RunState
from tests.integration.agent.runs import busy_run, check_finished
from tests.integration.agent.world import World
from tests.support.polling import until

# More than what a single call waits for by itself.
WANTED_S = 8.0


@pytest.mark.timeout(180)
async def test_a_wait_outlives_the_worker_that_waits(
    surroundings: World, tmp_path: Path
) -> None:
    with surroundings.process(tmp_path) as agent:
        began = time.monotonic()
        client = await busy_run(surroundings, WANTED_S)
        (end,) = [e for e in await client.events() if isinstance(e, ModelCallEnded)]
        assert end.retry_at is not None
        agent.send(signal.SIGKILL)
        await until(lambda: agent.returncode is not None, "it is dead")
    async with surroundings.agent():
        await client.until(lambda view: view.state is RunState.COMPLETE)
        await check_finished(client)
    assert time.monotonic() - began > WANTED_S - 1
    assert len(surroundings.model.designs()) == 2
