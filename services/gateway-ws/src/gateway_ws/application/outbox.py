"""What waits to be written to one client, bounded in bytes."""

import asyncio
from collections import deque

MAX_BYTES = 16 * 1024 * 1024
"""Above the largest page of history; a client further behind than this is closed and
comes back with the seq that it has, so that nothing is lost and memory is bounded."""
LOW_WATER_BYTES = 256 * 1024
"""Below it the next page of history is asked for."""

NORMAL = 1000
FORBIDDEN = 4003
UNAUTHORIZED = 4001
TRY_AGAIN_LATER = 1013
SERVICE_RESTART = 1012


class Outbox:
    """Frames in order, until it is closed."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._changed = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self.close_code: int | None = None

    def put(self, frame: bytes) -> None:
        """Add a frame; one too many closes the outbox with 1013."""
        if self.close_code is not None:
            return
        if self._bytes + len(frame) > self._max_bytes and self._frames:
            self._frames.clear()
            self.close(TRY_AGAIN_LATER)
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._bytes > LOW_WATER_BYTES:
            self._roomy.clear()
        self._changed.set()

    def close(self, code: int) -> None:
        """Let what waits go out, then close the socket with *code*."""
        if self.close_code is None:
            self.close_code = code
            self._changed.set()
            self._roomy.set()

    async def until_roomy(self) -> None:
        """Wait until the client has taken most of what was written to it."""
        await self._roomy.wait()

    async def take(self) -> bytes | None:
        """Return the next frame, or None when all is sent and the outbox is closed."""
        while not self._frames:
            if self.close_code is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        if self._bytes <= LOW_WATER_BYTES:
            self._roomy.set()
        return frame
