"""Output of a command on its way to whoever takes it, at a bounded rate."""

import asyncio
import time
from typing import Protocol

from sandbox.domain.output import Stream
from sandbox.ports import OnOutput

_CHUNK = 64 * 1024
_BYTES_PER_S = 1_048_576
"""An app that writes more than this has to wait: nobody could read it anyway."""


class Source(Protocol):
    """Where output comes from."""

    async def read(self, n: int, /) -> bytes:
        """Return at most *n* bytes; none at the end."""
        ...


async def pump(reader: Source, stream: Stream, on_output: OnOutput) -> None:
    """Hand over what comes from *reader* until its end, and then that this is it."""
    since, taken = time.monotonic(), 0
    try:
        while data := await reader.read(_CHUNK):
            await on_output(stream, data)
            taken += len(data)
            passed = time.monotonic() - since
            if passed > 1.0:
                since, taken = time.monotonic(), 0
            elif taken > _BYTES_PER_S:
                await asyncio.sleep(1.0 - passed)
    finally:
        await on_output(stream, b"")
