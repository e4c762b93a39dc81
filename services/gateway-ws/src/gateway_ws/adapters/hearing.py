"""Messages of the bus for rooms."""

from collections.abc import Callable

from typing_extensions import override

from eventcore import errors
from eventcore.ports import Bus, Subscription
from gateway_ws.ports import Hearing, Unavailable


class BusHearing(Hearing):
    """Rooms hear as everybody does."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    async def listen(self, subject: str, hear: Callable[[bytes], None]) -> Subscription:
        try:
            return await self._bus.listen(subject, lambda _, body, __: hear(body))
        except errors.Unavailable as error:
            raise Unavailable(str(error)) from error
