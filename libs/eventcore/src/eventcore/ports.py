"""What event sourcing needs from the world, and every error each part may raise."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from contracts.envelope import Context, Recorded

E_contra = TypeVar("E_contra", contravariant=True)


class CommandOutcome(Struct, frozen=True):
    """The answer to a command, stored in the same transaction as its events."""

    command_id: UUID
    answer: bytes


class Snapshot(Struct, frozen=True):
    """A folded state; an optimisation that may vanish at any time."""

    seq: int
    schema: str
    """Hash of the state's definition; another one makes the snapshot void."""
    state: bytes


class Replayed(Struct, frozen=True):
    """The data of events that follow each other, and the version that they end at."""

    data: list[bytes]
    version: int


class EventStore(Protocol[E_contra]):
    """Streams of events by project, each with a dense version 1, 2, 3, ...

    Of one that was erased the last event is left, under the version that it had.
    """

    async def read(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[Recorded]:
        """Return events with a seq above *after*, in order, at most *limit*.

        Fewer where they are large, and none only at the end of the stream.

        Raises:
            Unavailable: The database does not answer.

        """
        ...

    async def replay(
        self, stream: UUID, *, after: int = 0, limit: int = 1000
    ) -> Replayed:
        """Return what `read` does, as the events' data alone: enough for folding.

        Raises:
            Unavailable: The database does not answer.

        """
        ...

    async def append(
        self,
        stream: UUID,
        events: Sequence[E_contra],
        *,
        expected: int,
        context: Context,
        epoch: int | None = None,
        outcome: CommandOutcome | None = None,
    ) -> int:
        """Add at least one event as one unit; return the new version.

        *expected* is the version the decision was made on, 0 for a new stream.
        *epoch* is the fencing token of a run's driver, None for a command.
        *outcome* is stored with the events; a command id that already has an answer
        stores nothing and raises AlreadyAnswered.

        Raises:
            WrongExpectedVersion: Another writer was first; nothing is stored.
            Fenced: The lease is held under another epoch; nothing is stored.
            AlreadyAnswered: The command was answered before; nothing is stored.
            Unavailable: The outcome is unknown: the same call again is safe.

        """
        ...

    async def answer_of(self, stream: UUID, command_id: UUID) -> bytes | None:
        """Return the stored answer of a command, if there is one."""
        ...

    async def record_rejection(self, stream: UUID, outcome: CommandOutcome) -> bytes:
        """Store an answer without events; return the one that counts.

        That is the earlier answer where the command has one already.
        """
        ...


class SnapshotStore(Protocol):
    """At most one snapshot of each stream."""

    async def load_snapshot(self, stream: UUID) -> Snapshot | None:
        """Return the newest snapshot, if there is one."""
        ...

    async def save_snapshot(self, stream: UUID, snapshot: Snapshot) -> None:
        """Keep *snapshot* unless a newer one is there."""
        ...


class Lease(Struct, frozen=True):
    """The right to drive one stream until it ends; *epoch* is the fencing token."""

    stream: UUID
    epoch: int


class LeaseStore(Protocol):
    """Who drives which run; time is the database's."""

    async def take(self, stream: UUID, owner: str, ttl_s: float) -> Lease | None:
        """Return a lease under a new epoch, or None while somebody holds one."""
        ...

    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        """Prolong the lease; False when it belongs to a later epoch."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back, so that another driver need not wait."""
        ...

    async def open_work(self, limit: int) -> list[UUID]:
        """Return streams with an unfinished run that nobody holds a lease of."""
        ...


Headers = Mapping[str, str]
Handler = Callable[[str, bytes, Headers], Awaitable[bytes]]
"""Takes subject, body and headers of a request; returns the body of the answer."""
Listener = Callable[[str, bytes, Headers], None]
"""Takes subject, body and headers of a message; must not block."""


class Subscription(Protocol):
    """Something that is being listened to."""

    async def close(self) -> None:
        """Stop listening."""
        ...


class Requests(Protocol):
    """Questions to other services."""

    async def request(
        self, subject: str, body: bytes, *, timeout_s: float, traceparent: str | None
    ) -> bytes:
        """Return the answer.

        A question may be heard twice, when the way there is lost meanwhile: so it has
        an id, or asks for nothing to be changed.

        Raises:
            Unavailable: Nobody listens, or no answer came in time.

        """
        ...


class Bus(Requests, Protocol):
    """Requests and fleeting messages between services."""

    def publish(self, subject: str, body: bytes) -> None:
        """Send without waiting; lost when nobody listens or the bus is away."""
        ...

    async def serve(
        self, subject: str, queue: str, handler: Handler, *, bounded: bool = True
    ) -> Subscription:
        """Answer requests, sharing them with the others of *queue*.

        Requests are handled concurrently, a bounded number at a time. Not *bounded*:
        *handler* itself sees to that, and is called at once for each of them.
        """
        ...

    async def listen(self, subject: str, listener: Listener) -> Subscription:
        """Hear every message on *subject*, in the order in which they arrive."""
        ...


class Checkpoint(Struct, frozen=True):
    """Up to where the stream of a shard was taken in.

    A sequence means something only in the stream that was made at *stream_created*.
    """

    stream_created: str
    sequence: int


class Batch(Struct, frozen=True):
    """Events that arrived together; *checkpoint* is where they end."""

    events: list[Recorded]
    checkpoint: Checkpoint


class Feed(Protocol):
    """The recorded events of all projects of a shard, as they are published."""

    def follow(
        self, shard: int, after: Checkpoint | None
    ) -> AsyncGenerator[Batch, None]:
        """Yield what was published after *after*, then what is, for ever.

        In the order of the stream, none missing as long as the stream keeps them; a
        stream that was made again starts from its beginning, with events that were
        seen before. Whoever folds goes by each project's seq.

        Raises:
            Unavailable: The bus is away: fold what came and follow again.

        """
        ...


class Gap(Struct, frozen=True):
    """A project's events after *after* are wanted before later ones can be folded."""

    project_id: UUID
    after: int


class ReadModel(Protocol):
    """What events are folded into, with the version of each project and a checkpoint.

    Every method raises Unavailable when the database does not answer.
    """

    async def checkpoint(self, shard: int) -> Checkpoint | None:
        """Return where to go on; None where that is from the beginning."""
        ...

    async def fold(
        self, shard: int, events: Sequence[Recorded], checkpoint: Checkpoint | None
    ) -> list[Gap]:
        """Fold *events* and keep *checkpoint* and the versions, in one transaction.

        What was folded before is skipped. Where an event in between is missing,
        nothing is stored and the gaps are returned; ``projection.fresh`` tells them.
        """
        ...
