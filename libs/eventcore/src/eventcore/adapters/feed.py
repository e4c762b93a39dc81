"""The recorded events of a shard from JetStream, by an ordered consumer of our own.

No acknowledgements: whoever follows keeps a checkpoint. Whatever is odd, a number left
out, silence, a reconnect, ends the consumer, and another one begins after what was
yielded last. So a consumer that loses messages costs time, never events.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from typing_extensions import override

from chassis import logs
from contracts import codec
from contracts.envelope import Recorded
from eventcore.adapters.connection import subscribe
from eventcore.adapters.jetstream import (
    create_ordered_consumer,
    read_end,
    sequences_of,
)
from eventcore.adapters.nats import NatsBus
from eventcore.errors import EventCoreError
from eventcore.ports import Batch, Checkpoint, Feed, Subscription

MAX_MESSAGES = 500
"""Messages that are yielded together."""
HEARTBEAT_S = 2.0
SILENCE_S = 5.0
"""Two heartbeats and a bit."""

_log = logs.get(__name__)


class _Restart(EventCoreError):
    """The consumer is not in order any more; another one is needed."""


class JetStreamFeed(Feed):
    """Follows streams over the connection of a bus."""

    def __init__(self, bus: NatsBus) -> None:
        self._client = bus.client
        self._consumers: set[_Consumer] = set()
        bus.on_reconnect(self._restart_all)

    @override
    async def follow(
        self, shard: int, after: Checkpoint | None
    ) -> AsyncGenerator[Batch, None]:
        """Follow by one consumer after another, each from where the last one ended."""
        while True:
            end = await read_end(self._client, shard)
            start = 1
            if after is not None and after.stream_created == end.created:
                start = after.sequence + 1
            consumer = _Consumer(self._client, shard, end.created)
            self._consumers.add(consumer)
            try:
                await consumer.open(start)
                while True:
                    batch = await consumer.next()
                    after = batch.checkpoint
                    yield batch
            except _Restart as reason:
                _log.info("consumer begins anew", shard=shard, reason=str(reason))
            finally:
                self._consumers.discard(consumer)
                await consumer.close()

    def _restart_all(self) -> None:
        for consumer in self._consumers:
            consumer.restart("the connection was lost")


class _Consumer:
    def __init__(self, client: Client, shard: int, created: str) -> None:
        self._client = client
        self._shard = shard
        self._created = created
        self._arrived: deque[Msg] = deque()
        self._filled = asyncio.Event()
        self._taken = 0
        """Messages delivered by this consumer, as the server counts them."""
        self._lost: str | None = None
        self._subscription: Subscription | None = None

    async def open(self, start: int) -> None:
        """Have messages delivered from sequence *start* on."""
        inbox = self._client.new_inbox()
        self._subscription = await subscribe(self._client, inbox, self._arrive)
        await create_ordered_consumer(
            self._client, self._shard, inbox, start, HEARTBEAT_S
        )

    async def close(self) -> None:
        """Let go; the server forgets a consumer that nobody listens to."""
        if self._subscription is not None:
            await self._subscription.close()

    def restart(self, reason: str) -> None:
        """Make the one who waits begin anew."""
        self._lost = reason
        self._filled.set()

    async def next(self) -> Batch:
        """Return what has arrived, waiting for the first.

        Raises:
            _Restart: Something is missing, or nothing came for too long.

        """
        events: list[Recorded] = []
        sequence = count = 0
        while not count:
            await self._wait()
            while self._arrived and count < MAX_MESSAGES:
                message = self._arrived.popleft()
                if await self._is_control(message):
                    continue
                sequence = self._sequence_of(message)
                events += _events_of(message)
                count += 1
        return Batch(events, Checkpoint(self._created, sequence))

    async def _wait(self) -> None:
        while not self._arrived:
            if self._lost is not None:
                raise _Restart(self._lost)
            self._filled.clear()
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self._filled.wait()
            except TimeoutError as error:
                raise _Restart("not even a heartbeat came") from error

    async def _arrive(self, message: Msg) -> None:
        self._arrived.append(message)
        self._filled.set()

    async def _is_control(self, message: Msg) -> bool:
        """Take in a heartbeat or a request of flow control."""
        headers = message.headers or {}
        if message.data or "Status" not in headers:
            return False
        if headers["Status"] != "100":
            raise _Restart(headers.get("Description", headers["Status"]))
        # All before it was taken in, so that more may come.
        resume = message.reply or headers.get("Nats-Consumer-Stalled")
        if resume:
            with suppress(errors.Error, OSError):
                await self._client.publish(resume)
        delivered = headers.get("Nats-Last-Consumer")
        if delivered is not None and int(delivered) != self._taken:
            raise _Restart(f"{delivered} messages were sent, {self._taken} arrived")
        return True

    def _sequence_of(self, message: Msg) -> int:
        sequences = sequences_of(message.reply)
        if sequences is None:
            raise _Restart("a message that no consumer sent")
        of_stream, of_consumer = sequences
        self._taken += 1
        if of_consumer != self._taken:
            raise _Restart(f"message {self._taken} of this consumer is missing")
        return of_stream


def _events_of(message: Msg) -> list[Recorded]:
    try:
        return codec.decode_batch(message.data)
    except codec.Undecodable as error:
        # The gap shows at the project's next event, and the log fills it.
        _log.error("message left out", subject=message.subject, reason=str(error))
        return []
