"""A relay as a process of its own, so that a test can stop and kill it.

`python -m tests.integration.eventcore.relay_process DSN SERVERS [--without-lock]`
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import Popen

from chassis import logs
from eventcore.adapters.database import connect
from eventcore.adapters.jetstream import StreamSettings
from eventcore.adapters.relay import Relay
from eventcore.errors import Unavailable

SETTINGS = StreamSettings(duplicate_window_s=1.0)
"""A test can wait that long."""
FROZEN_S = 1.0


@contextmanager
def relay_process(dsn: str, servers: str, *flags: str) -> Iterator[Popen[bytes]]:
    """Lend a running relay, and kill it at the end."""
    module = "tests.integration.eventcore.relay_process"
    process = Popen([sys.executable, "-m", module, dsn, servers, *flags])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def main(dsn: str, servers: str, *flags: str) -> None:
    relay = Relay(dsn, servers, settings=SETTINGS, frozen_s=FROZEN_S)
    if "--without-lock" not in flags:
        await relay.run()
    while True:
        with suppress(Unavailable):
            await relay.relay(await connect(dsn))


if __name__ == "__main__":
    logs.configure("relay", "ERROR")
    asyncio.run(main(*sys.argv[1:]))
