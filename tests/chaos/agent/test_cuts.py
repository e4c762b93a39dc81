"""A stream cut a thousand times, each time at another byte."""

import pytest

from tests.integration.agent.test_misbehaviour import (
    agent_process,
    app,
    flaws_of_cuts,
)
from tests.integration.agent.world import World

__all__ = ["agent_process", "app"]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(2, 12))
async def test_a_hundred_cuts_leave_the_same_files(
    agent_process: World,
    seed: int,
) -> None:
    assert await flaws_of_cuts(agent_process, 100, seed) == {}
