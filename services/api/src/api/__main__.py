"""``python -m api``: the api as a process."""

import asyncio
import sys

from api import bootstrap
from api.settings import Settings
from chassis.process import run
from chassis.settings import read


async def main(stopping: asyncio.Event) -> None:
    """Serve until *stopping* is set."""
    await bootstrap.run(read(Settings), stopping)


if __name__ == "__main__":
    sys.exit(run("api", main))
