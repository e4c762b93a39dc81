"""``python -m sandbox``: the sandbox service as a process."""

import asyncio
import sys

from chassis.process import run
from chassis.settings import read
from sandbox import bootstrap
from sandbox.settings import Settings


async def main(stopping: asyncio.Event) -> None:
    """Run apps and serve previews until *stopping* is set."""
    await bootstrap.run(read(Settings), stopping)


if __name__ == "__main__":
    sys.exit(run("sandbox", main))
