"""A log folded offline comes to the state that is live."""

import asyncio
import json
import sys
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from contracts.project import SaveFile, StartRun
from contracts.requests import GetDigest, StateDigest
from tests.integration.agent.runs import build
from tests.integration.agent.world import World


async def replayed(world: World, *arguments: str) -> tuple[int, str, str]:
    """Return how `python -m agent replay` ends and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", "replay", *arguments),
        env={"DATABASE_URL": world.database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_hash_of_a_log_is_that_of_the_live_state(
    surroundings: World, tmp_path: Path
) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        await client.do(SaveFile(uuid4(), "logo.png", "aGk=", encoding="base64"))
        await client.do(StartRun(uuid4()))
        live = await client.ask(GetDigest())
        history = await client.history()
    assert isinstance(live, StateDigest)
    history = history[: live.version]
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in history)
    kept = tmp_path / "history.jsonl"
    kept.write_bytes(lines)
    code, out, _ = await replayed(surroundings, "--history", str(kept))
    told = json.loads(out)
    assert (code, told["version"], told["hash"]) == (0, live.version, live.sha256)
    assert told["files"]["logo.png"] == 2


async def test_a_project_is_folded_from_the_database(surroundings: World) -> None:
    client = surroundings.client()
    async with surroundings.agent():
        await build(client)
        live = await client.ask(GetDigest())
    code, out, _ = await replayed(surroundings, str(client.project_id))
    assert isinstance(live, StateDigest)
    assert (code, json.loads(out)["hash"]) == (0, live.sha256)


async def test_what_is_not_there_is_said_in_a_sentence(surroundings: World) -> None:
    code, out, err = await replayed(surroundings, str(UUID(int=7)))
    assert (code, out, err) == (1, "", "replay: there is no such project\n")
