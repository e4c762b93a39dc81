"""``python -m agent``: the agent as a process.

``python -m agent replay PROJECT`` folds the project's log, read from the database of
DATABASE_URL, prints what it comes to, and ends; ``python -m agent replay --history
FILE`` does the same with a history of one recorded event a line.
"""

import asyncio
import sys

from agent import bootstrap
from agent.entrypoints.replay import replay
from agent.settings import Settings
from chassis.process import run
from chassis.settings import read


async def main(stopping: asyncio.Event) -> None:
    """Answer and drive until *stopping* is set."""
    await bootstrap.run(read(Settings), stopping)


if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        sys.exit(replay(sys.argv[2:]))
    sys.exit(run("agent", main))
