"""The bus on NATS: requests with a deadline and a trace, and fleeting messages."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from prometheus_client import Counter
from typing_extensions import override

from chassis import logs
from contracts.subjects import may_answer
from eventcore.adapters.connection import ConnectionLost, connect, subscribe, translated
from eventcore.errors import Unavailable
from eventcore.ports import Bus, Handler, Listener, Subscription

TRACE = "traceparent"
MAX_CONCURRENT = 64
"""Requests of one `serve` that are handled at a time."""
MAX_QUEUED = 1024
"""Requests of one `serve` that wait; their askers give up anyway."""
MAX_TAKEN = 16 * 1024
"""The same where none waits for others: no more come in one piece from the network."""
MAX_OUTBOX_BYTES = 16 << 20
"""Fleeting messages that wait for the socket; more are dropped."""
_AGAIN_S = 0.1
"""Between two looks for somebody who comes back to the bus as we did."""

FAILURE = "Atelier-Failure"
"""Header of an answer that is none: why the request could not be handled."""

_MISDIRECTED = Counter(
    "bus_requests_misdirected",
    "Requests that were dropped: their answer was to go where no asker can listen.",
)
_log = logs.get(__name__)


@asynccontextmanager
async def open_bus(
    servers: str, *, user: str | None = None, name: str | None = None
) -> AsyncIterator["NatsBus"]:
    """Lend a bus on a connection of its own; see `connect`.

    Leaving it finishes the requests that are being handled.

    Raises:
        Unavailable: No server answers.

    """
    bus = NatsBus()
    await bus.open(servers, user=user, name=name or user or "eventcore")
    try:
        yield bus
    finally:
        await bus.close()


class NatsBus(Bus):
    """Requests and fleeting messages on one connection; made by `open_bus`."""

    client: Client
    """The connection, for JetStream."""

    def __init__(self) -> None:
        self._outbox: deque[tuple[str, bytes]] = deque()
        self._outbox_bytes = 0
        self._outbox_filled = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._served: list[_Served] = []
        self._on_disconnect: list[Callable[[], None]] = []
        self._on_reconnect: list[Callable[[], None]] = []

    async def open(self, servers: str, *, user: str | None, name: str) -> None:
        """Connect; see `connect`."""
        self.client = await connect(
            servers,
            user=user,
            name=name,
            reconnected=self._reconnected,
            disconnected=self._disconnected,
        )
        self._sender = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Stop taking requests, finish those under way, send what waits, close."""
        for served in self._served:
            await served.close()
        if self._sender is not None:
            self._sender.cancel()
        with suppress(errors.Error, OSError, TimeoutError):
            if self.is_connected:
                await self._empty_outbox()
                await self.client.flush(2)
        await self.client.close()

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up as far as this side knows."""
        return bool(self.client.is_connected)

    async def check(self, timeout_s: float = 1.0) -> None:
        """Make a round trip to the server, for readiness.

        Raises:
            Unavailable: It does not answer.

        """
        if not self.is_connected:  # a flush would wait in the buffer, and be content
            raise Unavailable("NATS does not answer")
        try:
            async with asyncio.timeout(timeout_s):
                await self.client.flush()
        except (errors.Error, OSError, TimeoutError) as error:
            raise Unavailable("NATS does not answer") from error

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when the connection is lost."""
        self._on_disconnect.append(callback)

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Have *callback* called after each reconnect: messages may be missing."""
        self._on_reconnect.append(callback)

    @override
    async def request(
        self, subject: str, body: bytes, *, timeout_s: float, traceparent: str | None
    ) -> bytes:
        """Send over the one inbox of the connection and wait.

        Where the connection goes meanwhile it is sent again over the next one.
        """
        headers = None if traceparent is None else {TRACE: traceparent}
        try:
            answer = await self._answer(subject, body, timeout_s, headers)
        except errors.NoRespondersError as error:
            raise Unavailable(f"nobody listens on {subject}") from error
        except (errors.TimeoutError, TimeoutError) as error:
            raise Unavailable(f"no answer on {subject} in time") from error
        except errors.MaxPayloadError as error:
            raise ValueError(f"a request on {subject} is too large") from error
        except (errors.Error, OSError) as error:
            raise Unavailable(f"no answer on {subject}: {error!r}") from error
        if answer.headers and FAILURE in answer.headers:
            raise Unavailable(answer.headers[FAILURE])
        return bytes(answer.data)

    async def _answer(
        self,
        subject: str,
        body: bytes,
        timeout_s: float,
        headers: dict[str, str] | None,
    ) -> Msg:
        until = time.monotonic() + timeout_s
        was_away = not self.is_connected
        while True:
            try:
                return await self.client.request(
                    *(subject, body, until - time.monotonic()), headers=headers
                )
            except ConnectionLost:
                was_away = True
            except errors.NoRespondersError:
                # Who answers comes back at a pace of its own.
                if not was_away or time.monotonic() > until:
                    raise
                await asyncio.sleep(_AGAIN_S)

    @override
    def publish(self, subject: str, body: bytes) -> None:
        """Put the message into the outbox; a task sends it in order."""
        size = len(subject) + len(body)
        if not self.is_connected or self._outbox_bytes + size > MAX_OUTBOX_BYTES:
            return
        self._outbox.append((subject, body))
        self._outbox_bytes += size
        self._outbox_filled.set()

    @override
    async def serve(
        self, subject: str, queue: str, handler: Handler, *, bounded: bool = True
    ) -> Subscription:
        """Subscribe in a queue group, and handle each request in a task."""
        served = _Served(self.client, handler, bounded=bounded)
        await served.open(subject, queue)
        self._served = [one for one in self._served if one.is_open]
        self._served.append(served)
        return served

    @override
    async def listen(self, subject: str, listener: Listener) -> Subscription:
        """Subscribe, and return when the server knows of it."""

        async def hear(message: Msg) -> None:
            listener(message.subject, message.data, message.headers or {})

        listening = await subscribe(self.client, subject, hear)
        await self.check()  # from here on nothing is missed
        return listening

    async def _send(self) -> None:
        while True:
            await self._outbox_filled.wait()
            self._outbox_filled.clear()
            await self._empty_outbox()

    async def _empty_outbox(self) -> None:
        while self._outbox:
            subject, body = self._outbox.popleft()
            self._outbox_bytes -= len(subject) + len(body)
            try:
                await self.client.publish(subject, body)
            except (errors.Error, OSError) as error:
                _log.warning("message dropped", subject=subject, error=repr(error))

    async def _disconnected(self) -> None:
        for callback in self._on_disconnect:
            callback()

    async def _reconnected(self) -> None:
        for callback in self._on_reconnect:
            callback()


class _Served(Subscription):
    """One `serve`: a subscription, and a task for each request under way."""

    _subscription: NatsSubscription | None = None

    def __init__(self, client: Client, handler: Handler, *, bounded: bool) -> None:
        self._client = client
        self._handler = handler
        self._slots = asyncio.Semaphore(MAX_CONCURRENT) if bounded else None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._subscription is not None

    async def open(self, subject: str, queue: str) -> None:
        with translated():
            self._subscription = await self._client.subscribe(
                *(subject, queue),
                cb=self._take,
                pending_msgs_limit=MAX_TAKEN if self._slots is None else MAX_QUEUED,
            )
            await self._client.flush()

    @override
    async def close(self) -> None:
        """Take no more requests, and finish those that were taken."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(errors.Error, OSError, TimeoutError):
                await subscription.drain()  # type: ignore[no-untyped-call]
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _take(self, message: Msg) -> None:
        if self._slots is not None:
            await self._slots.acquire()
        task = asyncio.create_task(self._handle(message))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._slots is not None:
            self._slots.release()

    async def _handle(self, message: Msg) -> None:
        headers: dict[str, str] | None = None
        if message.reply and not may_answer(message.subject, message.reply):
            _MISDIRECTED.inc()
            return
        try:
            answer = await self._handler(
                message.subject, message.data, message.headers or {}
            )
        except Unavailable as error:
            answer, headers = b"", {FAILURE: _one_line(error)}
        except Exception:  # noqa: BLE001 - a bug in one must not take the others along
            _log.exception("request failed", subject=message.subject)
            answer, headers = b"", {FAILURE: "the request could not be handled"}
        if not message.reply:
            return
        try:
            await self._client.publish(message.reply, answer, headers=headers)
        except errors.MaxPayloadError:
            _log.error("answer too large", subject=message.subject, size=len(answer))
            failure = {FAILURE: "the answer is too large"}
            await self._client.publish(message.reply, b"", headers=failure)
        except (errors.Error, OSError) as error:
            _log.warning("answer lost", subject=message.subject, error=repr(error))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
