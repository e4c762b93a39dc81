"""Messages of the bus for rooms, by the short way where there is one."""

from collections.abc import Callable
from contextlib import suppress

import structlog
from nats import errors as nats_errors
from nats.aio.subscription import Subscription as NatsSubscription
from typing_extensions import override

from eventcore.adapters.nats import NatsBus
from eventcore.errors import Unavailable as BusUnavailable
from eventcore.ports import Subscription
from gateway_ws.adapters.shortcut import Shortcut
from gateway_ws.ports import Hearing, Unavailable

_log = structlog.get_logger(__name__)


class BusHearing(Hearing):
    """What rooms hear."""

    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus
        self._shortcut = Shortcut.into(bus.client)
        if self._shortcut is None:
            _log.warning("messages take the long way: nats-py has changed")
        else:
            bus.on_reconnect(self._shortcut.stand_again)

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
        subscription = await self._bus.client.subscribe(subject, pending_bytes_limit=0)
        way.attach(subscription, hear)
        await self._bus.check()
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
