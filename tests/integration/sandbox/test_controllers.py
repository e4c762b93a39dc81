"""Two controllers on one bus: each project has one of them, until that one is gone."""

import asyncio
import os
import signal
from pathlib import Path
from uuid import UUID

from contracts.sandbox import (
    Failed,
    InstallDependencies,
    Pending,
    RemoveSandbox,
    Running,
    StartServer,
    SyncFiles,
)
from eventcore.errors import Unavailable
from tests.integration.sandbox.pairs import Pair, seen
from tests.integration.sandbox.stage import SandboxServer, Stage
from tests.support.polling import until

SERVER = """
const {createServer} = require('http');
createServer((_, answer) => answer.end('I am ' + process.pid)).listen(process.env.PORT);
"""
APP = {
    "package.json": '{"scripts": {"dev": "node server.js"}}',
    "server.js": SERVER,
    "more.txt": "all of it",
}


async def build(world: Stage) -> UUID:
    project = world.add(APP)
    for operation in (SyncFiles(1), InstallDependencies()):
        outcome = await world.ask(project, operation)
        assert not isinstance(outcome, Failed), outcome
    assert isinstance(await world.ask(project, StartServer()), Running)
    return project


def running(server: SandboxServer, project: UUID) -> list[int]:
    """Return what works in a controller's folder of a project."""
    there = server.layout.box(project).app
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone
        try:
            if entry.isdigit() and Path(f"/proc/{entry}/cwd").samefile(there):
                found.append(int(entry))
        except OSError:
            continue
    return found


def by_owner(pair: Pair, project: UUID) -> tuple[SandboxServer, SandboxServer]:
    """Return who runs a project, and who does not."""
    one, two = pair
    first, second = running(one, project), running(two, project)
    assert bool(first) != bool(second), (first, second)
    return (one, two) if first else (two, one)


async def test_whoever_is_asked_one_controller_has_the_project(
    world: Stage, pair: Pair
) -> None:
    for _ in range(4):
        project = await build(world)
        owner, _ = by_owner(pair, project)
        texts = {await seen(server, project) for server in pair}
        assert len(texts) == 1
        assert texts.pop().startswith("I am ")
        operations = [world.ask(project, StartServer()) for _ in range(6)]
        assert {type(one) for one in await asyncio.gather(*operations)} == {Running}
        assert by_owner(pair, project)[0] is owner
        await world.ask(project, RemoveSandbox())
        assert not running(owner, project)


async def test_the_projects_of_a_controller_that_dies_go_to_the_other(
    world: Stage, pair: Pair
) -> None:
    project = await build(world)
    owner, other = by_owner(pair, project)
    owner.kill()
    try:
        # The bus may not know yet who is dead: a question to that one is asked again.
        async def answered() -> bool:
            try:
                answer = await world.ask_once(
                    project, StartServer(), "again", patience_s=5
                )
            except Unavailable:
                return False
            return isinstance(answer, Pending | Running)

        await until(answered, "the other one takes the question")

        async def shown() -> bool:
            return (await seen(other, project)).startswith("I am ")

        await until(shown, "the other one shows the app")
        there = other.layout.box(project).app
        assert {name.name for name in there.iterdir()} >= set(APP)
    finally:
        owner.start()
    assert (await seen(owner, project)).startswith("I am ")
    assert by_owner(pair, project)[0] is other


async def test_a_controller_that_was_frozen_ends_what_is_no_longer_its_own(
    world: Stage, pair: Pair
) -> None:
    project = await build(world)
    owner, other = by_owner(pair, project)
    os.kill(owner.pid, signal.SIGSTOP)
    try:

        async def shown() -> bool:
            return (await seen(other, project)).startswith("I am ")

        await until(shown, "the other one shows the app")
    finally:
        os.kill(owner.pid, signal.SIGCONT)

    async def alone() -> bool:
        return not running(owner, project)

    await until(alone, "the first one has let go")
    assert running(other, project)
    assert await seen(owner, project) == await seen(other, project)


async def test_a_controller_that_stops_gives_its_projects_back(
    world: Stage, pair: Pair
) -> None:
    project = await build(world)
    owner, other = by_owner(pair, project)
    owner.stop()
    try:

        async def shown() -> bool:
            return (await seen(other, project)).startswith("I am ")

        await until(shown, "the other one shows the app")
    finally:
        owner.start()
