"""Work that keeps a core busy: a few at a time, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from eventcore.errors import Unavailable

_AT_ONCE = 2
_PATIENCE_S = 20.0


class WaitingRoom:
    """Lets in so many at once that others are still answered."""

    def __init__(
        self, at_once: int = _AT_ONCE, patience_s: float = _PATIENCE_S
    ) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._own = WeakValueDictionary[str, asyncio.Lock]()
        self._patience_s = patience_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it.

        Raises:
            Unavailable: Too many are waiting.

        """
        async with self._held(self._free):
            yield

    @asynccontextmanager
    async def turn_of(self, person: str) -> AsyncIterator[None]:
        """Wait for a turn of *person*, who has one at a time, and have it.

        Raises:
            Unavailable: Too many are waiting, or this person has another turn.

        """
        own = self._own.setdefault(person, asyncio.Lock())
        async with self._held(own), self._held(self._free):
            yield

    @asynccontextmanager
    async def _held(
        self, place: asyncio.Lock | asyncio.Semaphore
    ) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience_s):
                await place.acquire()
        except TimeoutError as error:
            raise Unavailable("too many are waiting") from error
        try:
            yield
        finally:
            place.release()
