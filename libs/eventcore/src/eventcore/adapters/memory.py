"""All ports in memory, for unit tests; they pass the suites of the real adapters."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from msgspec import Raw, Struct
from typing_extensions import override

from contracts import codec
from contracts.envelope import Context, Recorded
from contracts.project import (
    ProjectDeleted,
    ProjectEvent,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunStopped,
)
from eventcore.errors import (
    AlreadyAnswered,
    Fenced,
    Unavailable,
    WrongExpectedVersion,
)
from eventcore.ports import (
    Bus,
    CommandOutcome,
    EventStore,
    Handler,
    Headers,
    Lease,
    LeaseStore,
    Listener,
    Replayed,
    Snapshot,
    SnapshotStore,
    Subscription,
)


class _Held(Struct):
    owner: str
    epoch: int
    until: float


class MemoryStore(EventStore[ProjectEvent], SnapshotStore, LeaseStore):
    """The log of projects; *clock* gives seconds and decides when leases end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._log: dict[UUID, list[Recorded]] = defaultdict(list)
        self._epochs: dict[tuple[UUID, int], int | None] = {}
        self._answers: dict[tuple[UUID, UUID], bytes] = {}
        self._snapshots: dict[UUID, Snapshot] = {}
        self._leases: dict[UUID, _Held] = {}
        self._work: dict[UUID, None] = {}

    @override
    async def read(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[Recorded]:
        """Return a slice of the list."""
        return self._log[stream][after : after + limit]

    @override
    async def replay(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> Replayed:
        """Return the data of a slice of the list."""
        events = await self.read(stream, after=after, limit=limit)
        return Replayed([bytes(one.data) for one in events], after + len(events))

    @override
    async def append(
        self,
        stream: UUID,
        events: Sequence[ProjectEvent],
        *,
        expected: int,
        context: Context,
        epoch: int | None = None,
        outcome: CommandOutcome | None = None,
    ) -> int:
        """Check and add without awaiting, so that nothing comes between."""
        if not events:
            raise ValueError("an append needs at least one event")
        rows = [(codec.event_type(one), codec.encode(one)) for one in events]
        log = self._log[stream]
        if outcome is not None and (stream, outcome.command_id) in self._answers:
            raise AlreadyAnswered(self._answers[stream, outcome.command_id])
        lease = self._leases.get(stream)
        is_fenced = epoch is not None and (lease is None or lease.epoch != epoch)
        if is_fenced or len(log) != expected:
            if epoch is not None and self._is_ours(stream, expected, rows, epoch):
                return expected + len(rows)
            if epoch is not None and is_fenced:
                raise Fenced(stream, epoch)
            raise WrongExpectedVersion(stream, expected)
        at = datetime.now(UTC)
        for seq, (type_, data) in enumerate(rows, expected + 1):
            log.append(
                Recorded(uuid4(), stream, seq, type_, at, Raw(data), meta=context)
            )
            self._epochs[stream, seq] = epoch
        for event in events:
            self._keep_work(stream, event)
        if outcome is not None:
            self._answers[stream, outcome.command_id] = outcome.answer
        return len(log)

    def _is_ours(
        self, stream: UUID, expected: int, rows: list[tuple[str, bytes]], epoch: int
    ) -> bool:
        stored = self._log[stream][expected : expected + len(rows)]
        return [(one.type, bytes(one.data)) for one in stored] == rows and all(
            self._epochs[stream, one.seq] == epoch for one in stored
        )

    def _keep_work(self, stream: UUID, event: ProjectEvent) -> None:
        match event:
            case RunStarted():
                self._work[stream] = None
            case RunCompleted() | RunFailed() | RunStopped() | ProjectDeleted():
                self._work.pop(stream, None)
            case _:
                pass

    @override
    async def answer_of(self, stream: UUID, command_id: UUID) -> bytes | None:
        """Return the answer from the dictionary."""
        return self._answers.get((stream, command_id))

    @override
    async def record_rejection(self, stream: UUID, outcome: CommandOutcome) -> bytes:
        """Keep the first answer."""
        return self._answers.setdefault((stream, outcome.command_id), outcome.answer)

    @override
    async def load_snapshot(self, stream: UUID) -> Snapshot | None:
        """Return the snapshot from the dictionary."""
        return self._snapshots.get(stream)

    @override
    async def save_snapshot(self, stream: UUID, snapshot: Snapshot) -> None:
        """Keep the snapshot with the higher seq."""
        kept = self._snapshots.get(stream)
        if kept is None or kept.seq < snapshot.seq:
            self._snapshots[stream] = snapshot

    @override
    async def take(self, stream: UUID, owner: str, ttl_s: float) -> Lease | None:
        """Take the lease if it is free by the clock."""
        held, now = self._leases.get(stream), self._clock()
        if held is not None and held.until > now:
            return None
        epoch = 1 if held is None else held.epoch + 1
        self._leases[stream] = _Held(owner, epoch, now + ttl_s)
        return Lease(stream, epoch)

    @override
    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        """Move the end of the lease."""
        held = self._leases.get(lease.stream)
        if held is None or held.epoch != lease.epoch:
            return False
        held.until = self._clock() + ttl_s
        return True

    @override
    async def release(self, lease: Lease) -> None:
        """End the lease now."""
        held = self._leases.get(lease.stream)
        if held is not None and held.epoch == lease.epoch:
            held.until = self._clock()

    @override
    async def open_work(self, limit: int) -> list[UUID]:
        """Return streams in the order in which their runs began."""
        now = self._clock()
        free = [
            stream
            for stream in self._work
            if stream not in self._leases or self._leases[stream].until <= now
        ]
        return free[:limit]


class _MemorySubscription(Subscription):
    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    @override
    async def close(self) -> None:
        """Forget the handler or listener."""
        self._close()


class MemoryBus(Bus):
    """Subjects within one event loop; a request runs its handler at once."""

    def __init__(self) -> None:
        self._handlers: list[tuple[str, Handler]] = []
        self._listeners: list[tuple[str, Listener]] = []

    @override
    async def request(
        self, subject: str, body: bytes, *, timeout_s: float, traceparent: str | None
    ) -> bytes:
        """Run the first handler whose pattern fits."""
        headers = {} if traceparent is None else {"traceparent": traceparent}
        for pattern, handler in self._handlers:
            if _matches(pattern, subject):
                try:
                    async with asyncio.timeout(timeout_s):
                        return await handler(subject, body, headers)
                except TimeoutError as error:
                    raise Unavailable(f"no answer on {subject} in time") from error
        raise Unavailable(f"nobody listens on {subject}")

    @override
    def publish(self, subject: str, body: bytes) -> None:
        """Call every listener whose pattern fits."""
        headers: Headers = {}
        for pattern, listener in list(self._listeners):
            if _matches(pattern, subject):
                listener(subject, body, headers)

    @override
    async def serve(
        self, subject: str, queue: str, handler: Handler, *, bounded: bool = True
    ) -> Subscription:
        """Remember the handler."""
        entry = (subject, handler)
        self._handlers.append(entry)
        return _MemorySubscription(lambda: self._handlers.remove(entry))

    @override
    async def listen(self, subject: str, listener: Listener) -> Subscription:
        """Remember the listener."""
        entry = (subject, listener)
        self._listeners.append(entry)
        return _MemorySubscription(lambda: self._listeners.remove(entry))


def _matches(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        token in ("*", other) for token, other in zip(wanted, given, strict=True)
    )
