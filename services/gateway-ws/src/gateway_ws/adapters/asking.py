"""Questions on the bus by the short way: two of them are asked for each new socket."""

import asyncio
import re
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from typing_extensions import override

from eventcore.adapters.nats import FAILURE, TRACE, NatsBus
from eventcore.errors import Unavailable
from eventcore.ports import Requests
from gateway_ws.adapters.shortcut import Shortcut

if TYPE_CHECKING:
    from nats.aio.client import Client

SHORT_BYTES = 64 * 1024
"""A longer question takes the long way."""

_TRACED = b"NATS/1.0\r\n%b: %%b\r\n\r\n" % TRACE.encode()
_NOBODY = re.compile(rb"^(NATS/1\.0 503|Status: 503)", re.MULTILINE)
_FAILED = re.compile(rb"^%b: *([^\r\n]*)" % FAILURE.encode(), re.MULTILINE)

Answer = tuple[bytes, bytes]
"""Headers and body."""


class _Lost(Exception):
    """The connection went, and with it the question or its answer."""


class ShortRequests(Requests):
    """Asks as the bus does; what it gets first is the answer."""

    def __init__(self, bus: NatsBus, way: Shortcut) -> None:
        self._bus = bus
        self._way = way
        self._inbox = ""
        self._numbers = count()
        self._waiting: dict[bytes, asyncio.Future[Answer]] = {}
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def over(cls, bus: NatsBus, way: Shortcut) -> "ShortRequests":
        """Return one that hears its answers.

        Raises:
            Unavailable: The bus is away.

        """
        requests = cls(bus, way)
        client: Client = bus.client
        requests._inbox = client.new_inbox()  # nobody else can hear it, or guess it
        subscription = await client.subscribe(
            f"{requests._inbox}.*", pending_bytes_limit=0
        )
        way.attach_answers(subscription, requests.hear)
        bus.on_disconnect(requests.lose)
        await bus.check()
        return requests

    @override
    async def request(
        self, subject: str, body: bytes, *, timeout_s: float, traceparent: str | None
    ) -> bytes:
        until = self._loop.time() + timeout_s
        if len(body) <= SHORT_BYTES and self._bus.is_connected:
            with suppress(_Lost):
                return await self._ask(subject, body, timeout_s, traceparent)
        # The long way bridges a gap between two connections.
        left_s = until - self._loop.time()
        return await self._bus.request(
            subject, body, timeout_s=left_s, traceparent=traceparent
        )

    async def _ask(
        self, subject: str, body: bytes, timeout_s: float, traceparent: str | None
    ) -> bytes:
        inbox = f"{self._inbox}.{next(self._numbers)}".encode()
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[inbox] = future
        timer = self._loop.call_later(timeout_s, self._give_up, future, subject)
        try:
            await self._way.send(_command(subject.encode(), inbox, body, traceparent))
            headers, answer = await future
        except OSError as error:
            raise Unavailable(f"no answer on {subject}: {error!r}") from error
        finally:
            timer.cancel()
            del self._waiting[inbox]
        if headers:
            _look_for_failure(subject, headers)
        return answer

    def hear(self, inbox: bytes, headers: bytes, body: bytes) -> None:
        """Take an answer; the question may be forgotten already."""
        future = self._waiting.get(inbox)
        if future is not None and not future.done():
            future.set_result((headers, body))

    def lose(self) -> None:
        """Give up what is asked over the connection that is gone."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_Lost)

    @staticmethod
    def _give_up(future: asyncio.Future[Answer], subject: str) -> None:
        if not future.done():
            future.set_exception(Unavailable(f"no answer on {subject} in time"))


def _command(
    subject: bytes, inbox: bytes, body: bytes, traceparent: str | None
) -> bytes:
    """Return a publication as it is on the wire."""
    if traceparent is None:
        return b"PUB %b %b %d\r\n%b\r\n" % (subject, inbox, len(body), body)
    headers = _TRACED % traceparent.encode()
    size = len(headers)
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject,
        inbox,
        size,
        size + len(body),
        headers,
        body,
    )


def _look_for_failure(subject: str, headers: bytes) -> None:
    if _NOBODY.search(headers):
        raise Unavailable(f"nobody listens on {subject}")
    failed = _FAILED.search(headers)
    if failed is not None:
        raise Unavailable(failed.group(1).decode())
