"""The whole aggregate by a state machine, for a hundred thousand steps."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.agent.domain.test_lifecycle import Lifecycle


@pytest.mark.timeout(1800)
def test_no_history_leads_the_state_astray() -> None:
    long = settings(max_examples=1_000, stateful_step_count=100, deadline=None)
    run_state_machine_as_test(Lifecycle, settings=long)
