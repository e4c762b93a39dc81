"""Folding a log offline, for a person who wants to know what it comes to."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from agent.domain.replay import OutOfOrder, fold_recorded, read_history, summary
from agent.domain.state import Project
from contracts.codec import Undecodable
from contracts.envelope import Recorded

_EVENTS = (
    "SELECT seq, id, type, at, data FROM log.event WHERE project_id = $1 ORDER BY seq"
)
_TIMEOUT_S = 10.0


def replay(arguments: list[str]) -> int:
    """Print what a log comes to; return the exit code."""
    parser = argparse.ArgumentParser(prog="agent replay", description=__doc__)
    parser.add_argument("project", nargs="?", type=UUID, help="the project's id")
    parser.add_argument("--history", type=Path, help="one recorded event a line")
    options = parser.parse_args(arguments)
    if (options.project is None) == (options.history is None):
        parser.error("name a project, or a file with --history")
    try:
        project = _folded(options.project, options.history)
    except (OutOfOrder, Undecodable, msgspec.MsgspecError, OSError) as error:
        return _complain(str(error))
    except asyncpg.PostgresError as error:
        return _complain(f"the database refuses: {error}")
    if not project.version:
        return _complain("there is no such project")
    text = msgspec.json.format(msgspec.json.encode(summary(project)), indent=2)
    sys.stdout.write(text.decode() + "\n")
    return 0


def _folded(project_id: UUID | None, history: Path | None) -> Project:
    if history is not None:
        with history.open("rb") as lines:
            return fold_recorded(read_history(lines))
    assert project_id is not None  # noqa: S101 - the parser has seen to it
    return fold_recorded(asyncio.run(_read(project_id)))


async def _read(project_id: UUID) -> list[Recorded]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise OSError("DATABASE_URL names no database")
    connection = await asyncpg.connect(url, timeout=_TIMEOUT_S)
    try:
        rows = await connection.fetch(_EVENTS, project_id)
    finally:
        await connection.close()
    return [
        Recorded(
            id=row["id"],
            project_id=project_id,
            seq=row["seq"],
            type=row["type"],
            at=row["at"],
            data=msgspec.Raw(row["data"]),
        )
        for row in rows
    ]


def _complain(text: str) -> int:
    sys.stderr.write(f"replay: {text}\n")
    return 1
