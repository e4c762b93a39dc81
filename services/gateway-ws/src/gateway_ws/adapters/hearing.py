"""Messages of the bus for rooms, by the short way where there is one."""

from collections.abc import Callable
from contextlib import suppress

from nats import errors as nats_errors
from nats.aio.subscription import Subscription as NatsSubscription
from typing_extensions import override

from eventcore.adapters.nats import NatsBus
from eventcore.errors import Unavailable as BusUnavailable
from eventcore.ports import Subscription
from gateway_ws.adapters.shortcut import Shortcut
from gateway_ws.ports import Hearing, Unavailable


class BusHearing(Hearing):
    """What rooms hear."""

    def __init__(self, bus: NatsBus, way: Shortcut | None) -> None:
        """*way* is the short one into *bus*, if there is one."""
        self._bus = bus
        self._shortcut = way

    @override
    async def listen(self, subject: str, hear: Callable[[bytes], None]) -> Subscription:
        try:
            if self._shortcut is not None:
                return await self._listen_directly(self._shortcut, subject, hear)
            return await self._bus.listen(subject, lambda _, body, __: hear(body))
        except (BusUnavailable, nats_errors.Error, OSError) as error:
            raise Unavailable(str(error)) from error

    async def _listen_directly(
        self, way: Shortcut, subject: str, hear: Callable[[bytes], None]
    ) -> Subscription:
        if not self._bus.is_connected:
            raise Unavailable("NATS does not answer")
        subscription = await self._bus.client.subscribe(subject, pending_bytes_limit=0)
        way.attach(subscription, hear)
        return _Direct(way, subscription)


class _Direct(Subscription):
    def __init__(self, way: Shortcut, subscription: NatsSubscription) -> None:
        self._way = way
        self._subscription = subscription

    @override
    async def close(self) -> None:
        self._way.detach(self._subscription)
        with suppress(nats_errors.Error, OSError):
            await self._subscription.unsubscribe()
