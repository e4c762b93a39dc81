"""Whatever a model does wrong, a run ends in the app or in a sentence, and goes on."""

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.project import (
    FileWritten,
    ModelCallEnded,
    ModelCallStarted,
    RunState,
    StartRun,
)
from tests.integration.agent.misbehaviour import (
    FILES,
    PLAN,
    PLANNING,
    WRITING,
    Wrong,
    cut,
)
from tests.integration.agent.runs import failure, is_over
from tests.integration.agent.world import Client, World
from tests.support.model_server import FakeApp, FakePhase, Script, whole

IMPATIENT = {
    "MODEL_CONNECT_S": "2",
    "MODEL_FIRST_BYTE_S": "3",
    "MODEL_FIRST_TOKEN_S": "3",
    "MODEL_SILENCE_S": "3",
    "MODEL_WHOLE_S": "12",
}
AT_ONCE = 8
"""Runs side by side: most of their time they wait for one another's processes."""


@pytest.fixture
def app() -> FakeApp:
    return FakeApp([FakePhase("Board", FILES)])


@pytest.fixture
async def agent_process(surroundings: World, tmp_path: Path) -> AsyncIterator[World]:
    """An agent as a process of its own that waits for nothing long."""
    with surroundings.process(tmp_path, **IMPATIENT):
        yield surroundings


async def run(world: World, name: str, scripts: list[Script]) -> Client:
    """Return the client of a run of its own app that met *scripts* and is over."""
    world.model.scripts_of[name] = deque(scripts)
    client = world.client()
    await client.create(name)
    await client.do(StartRun(uuid4()))
    await client.until(is_over)
    world.model.scripts_of[name].clear()
    return client


async def verdict(client: Client, wrong: Wrong) -> str | None:
    """Return what is not as it should be after a run, or None."""
    state = (await client.view()).state
    if wrong.ends_in_app != (state is RunState.COMPLETE):
        return f"{state} {await failure(client) if state is RunState.ERROR else ''}"
    if not wrong.ends_in_app:
        if not (await failure(client)).endswith("."):
            return "no sentence"
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.COMPLETE)
    return await flaw(client)


async def flaw(client: Client) -> str | None:
    """Return what is wrong with the log of a project that is complete, or None."""
    events = await client.events()
    written = [one for one in events if isinstance(one, FileWritten)]
    found = {one.path: one.content for one in written}
    calls = sum(isinstance(one, ModelCallStarted) for one in events)
    ends = sum(isinstance(one, ModelCallEnded) for one in events)
    if {path: found.get(path) for path in FILES} != FILES:
        return "other files"
    if len(written) > len(found):
        return "a file twice"
    return None if calls == ends else f"{calls} calls, {ends} ends"


async def flaws(
    world: World, library: Mapping[str, Wrong], before: list[Script]
) -> dict[str, str]:
    """Return what goes wrong, by the misbehaviour that brings it about."""
    found = {}
    turn = asyncio.Semaphore(AT_ONCE)

    async def meet(name: str, wrong: Wrong) -> None:
        async with turn:
            client = await run(world, name, [*before, wrong.script])
            reason = await verdict(client, wrong)
        if reason is not None:
            found[name] = reason

    async with asyncio.TaskGroup() as tasks:
        for name, wrong in library.items():
            tasks.create_task(meet(name, wrong))
    return found


@pytest.mark.timeout(400)
async def test_wherever_a_stream_is_cut_the_files_are_the_same(
    agent_process: World,
) -> None:
    assert await flaws_of_cuts(agent_process, 30, seed=1) == {}


async def flaws_of_cuts(world: World, count: int, seed: int) -> dict[str, str]:
    """Return which of *count* cuts at random bytes lead to anything but the app."""
    chance = random.Random(seed)  # noqa: S311 - where to cut is no secret
    library = {f"cut {number} of seed {seed}": cut(chance) for number in range(count)}
    return await flaws(world, library, [whole(json.dumps(PLAN))])


def test_there_are_many_misbehaviours() -> None:
    assert len(WRITING) + len(PLANNING) >= 100


@pytest.mark.timeout(400)
async def test_no_misbehaviour_while_writing_wedges_a_project(
    agent_process: World,
) -> None:
    assert await flaws(agent_process, WRITING, [whole(json.dumps(PLAN))]) == {}


@pytest.mark.timeout(400)
async def test_no_misbehaviour_while_planning_wedges_a_project(
    agent_process: World,
) -> None:
    assert await flaws(agent_process, PLANNING, []) == {}
