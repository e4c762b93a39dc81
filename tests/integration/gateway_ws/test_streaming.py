"""A whole run, seen by those who stay and by those who come and go."""

import asyncio
import contextlib
import random

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.integration.gateway_ws.guests import seqs
from tests.support.polling import wait_until
from tests.support.stack import (
    Message,
    Person,
    Stack,
    person,
    recorded_files,
    streamed_files,
)

RUN_S = 120.0


def is_last(message: Message) -> bool:
    """Match the last recorded event of a run that ended well."""
    return (
        message["type"] == "state_update"
        and "seq" in message
        and message["data"]["currentState"] == "complete"
    )


def torn_files(visit: list[Message]) -> list[str]:
    """Return files that were shown from their start and ended as something else."""
    files: dict[str, str] = {}
    torn = []
    for message in visit:
        path = message["data"].get("path")
        if message["type"] == "file_start":
            files[path] = ""
        elif message["type"] == "file_chunk":
            files[path] += message["data"]["chunk"]
        elif message["type"] == "file_end":
            content = message["data"]["content"]
            if files.pop(path, content) != content:
                torn.append(path)
    return torn


async def come_and_go(
    somebody: Person, project: str, chance: random.Random
) -> list[list[Message]]:
    """Visit again and again until the run is over; return what each visit heard."""
    visits: list[list[Message]] = [[]]
    after = 0
    async with asyncio.timeout(RUN_S):
        while not any(is_last(message) for message in visits[-1]):
            with contextlib.suppress(
                ConnectionClosed, InvalidHandshake, OSError, TimeoutError
            ):
                async with somebody.socket(project, after) as socket:
                    visits.append(socket.heard)
                    await socket.hear(is_last, timeout_s=chance.uniform(0.05, 1.5))
            after = max(seqs(visits[-1]), default=after)
    return visits


async def build(somebody: Person, project: str) -> list[Message]:
    """Stay from the start of a run to its end."""
    async with somebody.socket(project, after=0) as socket:
        await socket.build()
        return socket.heard


@pytest.mark.parametrize("kills", [0, 3])
async def test_those_who_stay_and_those_who_come_and_go_end_with_the_same(
    stack: Stack, kills: int
) -> None:
    async with person(stack) as somebody:
        project = await somebody.create_project("a kanban board")
        async with asyncio.TaskGroup() as tasks:
            comers = [
                tasks.create_task(
                    come_and_go(somebody, project, random.Random(number))  # noqa: S311 - the same each time
                )
                for number in range(4)
            ]
            if kills:
                tasks.create_task(start(somebody, project))
                for _ in range(kills):
                    await asyncio.sleep(1)
                    wait_until(lambda: kill(stack), "the gateway is there again")
            else:
                staying = tasks.create_task(build(somebody, project))
        async with somebody.socket(project, after=0) as socket:
            await socket.hear(is_last)
    everything = socket.recorded()
    for visits in (comer.result() for comer in comers):
        heard = [message for visit in visits for message in visit if "seq" in message]
        assert heard == everything
        assert [path for visit in visits for path in torn_files(visit)] == []
    if not kills:
        stayed = staying.result()
        assert [message for message in stayed if "seq" in message] == everything
        assert streamed_files(stayed) == recorded_files(stayed)


def kill(stack: Stack) -> bool:
    """End the gateway as a crash would, if it runs."""
    try:
        stack.kill("gateway_ws")
    except (AssertionError, ProcessLookupError):
        return False
    return True


async def start(somebody: Person, project: str) -> None:
    """Start a run and leave."""
    async with somebody.socket(project) as socket:
        await socket.say("start_generation")
        await socket.hear("state_update")
