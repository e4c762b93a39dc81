"""Nothing gets out of a container; elsewhere no more than is written down."""

import os

import pytest

from tests.contract.escapes import (
    SHUT,
    THROUGH,
    documented,
    everything,
    got_through,
)
from tests.contract.runtimes import APART, DOCKER, KINDS, PLAIN, PODS


def test_every_attempt_is_in_the_table_and_fails_in_a_container() -> None:
    names = everything()
    assert len(names) >= 60
    for kind in KINDS:
        assert list(documented(kind)) == names
    for kind in (DOCKER, PODS):
        assert set(documented(kind).values()) == {SHUT}


@pytest.mark.parametrize("kind", APART)
async def test_nothing_gets_through_that_is_not_written_down(kind: str) -> None:
    through = await got_through(kind)
    said = {name for name, cell in documented(kind).items() if cell == THROUGH}
    assert through <= said
    if os.geteuid() == 0:  # whoever is not root is held by more than the table says
        assert through == said


async def test_without_walls_no_more_gets_through_than_is_said() -> None:
    if os.geteuid() != 0:
        pytest.skip("the table is for a service that gives each app a user of its own")
    through = await got_through(PLAIN)
    open_ways = {name for name, cell in documented(PLAIN).items() if cell != SHUT}
    assert through <= open_ways
