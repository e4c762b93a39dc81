"""``python -m agent``: the agent as a process."""

import asyncio
import sys

from agent import bootstrap
from agent.settings import Settings
from chassis.process import run
from chassis.settings import read


async def main(stopping: asyncio.Event) -> None:
    """Answer and drive until *stopping* is set."""
    await bootstrap.run(read(Settings), stopping)


if __name__ == "__main__":
    sys.exit(run("agent", main))
