"""A deleted project is erased by whoever lives, and stays deleted for everybody."""

from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts import codec
from contracts.project import (
    Actor,
    CreateProject,
    DeleteProject,
    ProjectErased,
    SaveFile,
)
from contracts.requests import (
    CommandAnswer,
    GetHistory,
    GetManifest,
    History,
    Manifest,
    QueryAnswer,
    Refused,
)
from tests.integration.agent.failpoints import ERASE_FAILPOINTS
from tests.integration.agent.world import SANDBOX, Client, World
from tests.integration.eventcore import sql
from tests.integration.eventcore.streams import read_stream
from tests.support.polling import until


async def types_of(world: World, project_id: UUID) -> list[str]:
    """Return what the log has of a project."""
    connection = await asyncpg.connect(world.database_url)
    try:
        await connection.execute(sql.RELAYED)
        rows = await connection.fetch(
            "SELECT type FROM log.event WHERE project_id = $1 ORDER BY seq", project_id
        )
    finally:
        await connection.close()
    return [row["type"] for row in rows]


async def until_erased(world: World, project_id: UUID) -> None:
    """Wait until the log and the stream have the end alone."""
    end = ["project.erased"]

    async def is_erased() -> bool:
        stored = await read_stream(world.nats_url)
        relayed = [one.type for message in stored for one in message.events]
        return await types_of(world, project_id) == relayed == end

    await until(is_erased, "the project is erased")


async def deleted(world: World) -> Client:
    """Return the owner of a project that is deleted."""
    client = world.client()
    await client.create()
    await client.do(SaveFile(uuid4(), "a.txt", "secret"))
    await client.do(DeleteProject())
    return client


def code_of(answer: CommandAnswer | QueryAnswer) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


@pytest.mark.parametrize("place", ERASE_FAILPOINTS)
async def test_an_eraser_that_is_killed_leaves_nothing_half_done(
    surroundings: World, tmp_path: Path, place: str
) -> None:
    kill = {"ERASE_AFTER_S": "0.5", "ATELIER_FAILPOINTS": f"{place}=kill@1"}
    with surroundings.process(tmp_path, **kill) as agent:
        client = await deleted(surroundings)
        await types_of(surroundings, client.project_id)

        async def is_killed() -> bool:
            return agent.returncode is not None

        await until(is_killed, "the worker is killed")
    left = await types_of(surroundings, client.project_id)
    whole = ["project.created", "file.written", "project.deleted"]
    assert left == (whole if place == ERASE_FAILPOINTS[0] else ["project.erased"])
    async with surroundings.agent(erase_after_s=0.0):
        await until_erased(surroundings, client.project_id)


async def test_an_erased_project_is_answered_for_as_a_deleted_one(
    surroundings: World,
) -> None:
    async with surroundings.agent(erase_after_s=0.0):
        client = await deleted(surroundings)
        await until_erased(surroundings, client.project_id)
    async with surroundings.agent():  # which remembers nothing
        for command in (
            CreateProject("Again", ""),
            SaveFile(uuid4(), "a", ""),
            DeleteProject(),
        ):
            assert code_of(await client.send(command)) == "project_not_found"
        somebody = Client(surroundings.bus, client.project_id, Actor("user", "x"))
        answer = await somebody.send(CreateProject("Mine", ""))
        assert code_of(answer) == "project_not_found"
        assert code_of(await client.ask(GetHistory())) == "project_not_found"
        ours = Client(surroundings.bus, client.project_id, SANDBOX)
        manifest = await ours.ask(GetManifest())
        assert isinstance(manifest, Manifest)
        assert (manifest.deleted, manifest.files, manifest.version) == (True, [], 4)
        history = await ours.ask(GetHistory())
        assert isinstance(history, History)
        (left,), version = history.events, history.version
        assert (left.seq, version) == (4, 4)
        erased = codec.decode_event(left.type, left.data)
        assert erased == ProjectErased(4, UUID(client.actor.id), [])
