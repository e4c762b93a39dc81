"""What services outside get of this worker: each its share, none delays another.

Our own services wait on subjects of their own, and are never counted here.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec import Struct

MAX_IDLE = 1000
"""Services that are remembered while they ask for nothing."""


class Share(Struct, frozen=True):
    """What one service may have of a worker."""

    per_s: float
    """Requests a second in the long run."""
    burst: int
    """Requests at once after a while of silence."""
    at_once: int
    """Requests that are worked on at a time; further ones wait."""
    waiting: int
    """Requests that may wait; more are refused."""


class TooMuch(Exception):
    """The service has had its share: it is to wait a moment, and ask again."""


class _Guest:
    """One service: what it has under way, and what it has used up."""

    __slots__ = ("begun", "paid_until_s", "slots")

    def __init__(self, share: Share) -> None:
        self.slots = asyncio.Semaphore(share.at_once)
        self.begun = 0
        """Requests that are worked on or wait."""
        self.paid_until_s = 0.0
        """When all requests so far had come, had they come at the even rate."""


class Shares:
    """Hands out the shares; each worker does that for itself."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._guests: dict[str, _Guest] = {}
        self._loop = asyncio.get_running_loop()

    @asynccontextmanager
    async def place(self, service: str) -> AsyncGenerator[None, None]:
        """Lend *service* a place to have one request worked on, as soon as one is free.

        Raises:
            TooMuch: It asks too often, or has too many requests under way.

        """
        guest = self._guests.get(service)
        if guest is None:
            self._forget_idle()
            guest = self._guests[service] = _Guest(self._share)
        self._count(guest)
        guest.begun += 1
        try:
            async with guest.slots:
                yield
        finally:
            guest.begun -= 1

    def _count(self, guest: _Guest) -> None:
        share, now_s = self._share, self._loop.time()
        paid_until_s = max(now_s, guest.paid_until_s) + 1 / share.per_s
        is_too_often = paid_until_s > now_s + share.burst / share.per_s
        if is_too_often or guest.begun >= share.at_once + share.waiting:
            raise TooMuch
        guest.paid_until_s = paid_until_s

    def _forget_idle(self) -> None:
        if len(self._guests) < MAX_IDLE:
            return
        now_s = self._loop.time()
        self._guests = {
            name: guest
            for name, guest in self._guests.items()
            if guest.begun or guest.paid_until_s > now_s
        }
