"""Holding a lease: renewed in time, or given up before it ends."""

import asyncio

from eventcore.errors import Fenced, Unavailable
from eventcore.ports import Lease, LeaseStore

_RENEW_AFTER = 0.3
"""Share of the life after which it is renewed, so that a renewal may fail."""
_RETRY_AFTER = 0.05
"""Share of the life after which a renewal that failed is tried again."""
_MARGIN = 0.2
"""Share of the life before whose end the holder stops, by its own clock."""


class HeldLease:
    """A lease and when it ends by the monotonic clock of this process.

    Its end counts from before it was asked for, so it ends here before it does there.
    """

    def __init__(
        self, leases: LeaseStore, lease: Lease, ttl_s: float, asked_at: float
    ) -> None:
        """*asked_at* is the loop's time when the lease was asked for."""
        self.lease = lease
        self._leases = leases
        self._ttl_s = ttl_s
        self._stop_at = asked_at + ttl_s * (1 - _MARGIN)

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            Fenced: It is lost, or cannot be shown to be held: stop at once.

        """
        clock = asyncio.get_running_loop().time
        pause_s = self._ttl_s * _RENEW_AFTER
        while True:
            await asyncio.sleep(min(pause_s, max(0.0, self._stop_at - clock())))
            answered = await self._renew()
            pause_s = self._ttl_s * (_RENEW_AFTER if answered else _RETRY_AFTER)

    async def _renew(self) -> bool:
        """Renew once; tell whether the database answered."""
        asked_at = asyncio.get_running_loop().time()
        if asked_at >= self._stop_at:  # the process stood still, or nobody answers
            raise Fenced(self.lease.stream, self.lease.epoch)
        try:
            async with asyncio.timeout_at(self._stop_at):
                renewed = await self._leases.renew(self.lease, self._ttl_s)
        except (Unavailable, TimeoutError):
            return False
        if not renewed:
            raise Fenced(self.lease.stream, self.lease.epoch)
        self._stop_at = asked_at + self._ttl_s * (1 - _MARGIN)
        return True
