"""``python -m gateway_ws``: the WebSocket gateway as a process."""

import asyncio
import sys

from chassis.process import run
from chassis.settings import read
from gateway_ws import bootstrap
from gateway_ws.settings import Settings


async def main(stopping: asyncio.Event) -> None:
    """Serve until *stopping* is set."""
    await bootstrap.run(read(Settings), stopping)


if __name__ == "__main__":
    sys.exit(run("gateway-ws", main))
