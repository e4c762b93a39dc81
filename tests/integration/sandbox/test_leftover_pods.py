"""Pods of a controller that never comes back, and two that never fight over one."""

import os
import signal
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.integration.sandbox.pairs import Pair
from tests.integration.sandbox.referee import (
    Referee,
    build,
    pods,
    shows,
    two_with_pods,
)
from tests.integration.sandbox.stage import Stage
from tests.support.cluster import shared_cluster
from tests.support.polling import until

OWNER = "pair"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with two_with_pods(OWNER) as made:
        yield made


async def test_a_controller_that_was_frozen_does_not_touch_what_others_have_by_now(
    world: Stage, pair: Pair
) -> None:
    referee = Referee(world, pair)
    shared_cluster().watch_deletions(referee.look)
    project = await build(world)
    owner, other = pair if project in pods(OWNER, pair[0]) else pair[::-1]
    os.kill(owner.pid, signal.SIGSTOP)
    try:

        async def moved() -> bool:
            return await shows(other, project)

        await until(moved, "the other one shows the app")
        theirs = pods(OWNER, other)[project]

        async def reaped() -> bool:
            return project not in pods(OWNER, owner)

        await until(reaped, "the pod of the frozen one is gone")
    finally:
        os.kill(owner.pid, signal.SIGCONT)

    async def answers() -> bool:
        return await shows(owner, project)

    await until(answers, "the first one passes visitors on")
    assert pods(OWNER, other)[project] == theirs
    assert referee.fouls == []
    assert referee.reaped == 1


async def test_pods_of_a_controller_that_never_comes_back_are_ended(
    world: Stage, pair: Pair
) -> None:
    referee = Referee(world, pair)
    shared_cluster().watch_deletions(referee.look)
    built: set[UUID] = set()  # of those of another test, no agent knows any more
    while not all(built & pods(OWNER, server).keys() for server in pair):
        built.add(await build(world))
    gone, other = pair
    left, kept = pods(OWNER, gone), pods(OWNER, other)
    gone.kill()

    async def reaped() -> bool:
        return not pods(OWNER, gone)

    await until(reaped, "what it had left is gone")
    assert pods(OWNER, other).items() >= kept.items()
    assert referee.fouls == []
    assert referee.reaped == len(left)
    for project in built & left.keys():

        async def shown(project: UUID = project) -> bool:
            return await shows(other, project)

        await until(shown, "the other one shows the app")
