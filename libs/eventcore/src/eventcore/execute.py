"""Load, decide, append: commands that are answered once, around a decider.

Every command id has one answer, stored with its events or, for a rejection, alone. The
same id again gets the same answer, whoever asks and however often: whether the one who
asks may have it is for the caller to look at. Only who is denied leaves no trace. Hot
states and snapshots make loading short and change nothing else.
"""

import asyncio
import hashlib
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, NoReturn, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from contracts.envelope import Context
from eventcore.decider import Decider
from eventcore.errors import (
    AlreadyAnswered,
    Denied,
    Rejected,
    Unavailable,
    WrongExpectedVersion,
)
from eventcore.ports import CommandOutcome, EventStore, Snapshot, SnapshotStore

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")
R = TypeVar("R")

MAX_RETRIES = 5
"""After as many conflicts the project is too busy, and the caller has to wait."""
PAGE = 10_000
"""Events that are asked for at once; the store gives fewer where they are large."""
SNAPSHOT_EVERY = 1000
"""Events behind the last snapshot; folding as many takes a few milliseconds."""
HOT_STATES = 256
"""States kept in memory, those used last; each may hold the files of a project."""
_LONGEST_PAUSE_S = 0.02


class Versioned(Struct, Generic[S], frozen=True):
    """A state and the version up to which it is folded."""

    state: S
    version: int


class StateCodec(Generic[S]):
    """How states of *type_* become snapshots; another definition voids old ones."""

    def __init__(self, type_: type[S], *, fold: int) -> None:
        """*fold* is the number of the rules by which events make a state.

        A state of the same shape that other rules have made is not to be trusted.
        """
        shape = msgspec.json.encode(msgspec.json.schema(type_), order="deterministic")
        self.schema = hashlib.sha256(b"%d:%b" % (fold, shape)).hexdigest()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(type_)

    def encode(self, state: S) -> bytes:
        """Return *state* as bytes."""
        return self._encoder.encode(state)

    def decode(self, state: bytes) -> S | None:
        """Return the state, or None where the bytes are not one any more."""
        try:
            return self._decoder.decode(state)
        except msgspec.MsgspecError:
            return None


class Executor(Generic[S, C, E, R]):
    """Answers commands and keeps the states they are decided on."""

    def __init__(
        self,
        store: EventStore[E],
        decider: Decider[S, C, E, R],
        decode: Callable[[bytes], R],
        *,
        snapshots: SnapshotStore | None = None,
        states: StateCodec[S] | None = None,
        hot_states: int = HOT_STATES,
    ) -> None:
        """*decode* reads an event's data; snapshots need both of their arguments."""
        self._store = store
        self._decider = decider
        self._decode = decode
        self._snapshots = snapshots
        self._states = states
        self._hot_states = hot_states
        self._hot: OrderedDict[UUID, Versioned[S]] = OrderedDict()
        self._snapshot_at: dict[UUID, int] = {}
        self._due: asyncio.Queue[UUID] = asyncio.Queue()

    async def load(self, stream: UUID) -> Versioned[S]:
        """Return the newest state.

        Raises:
            Unavailable: The store does not answer.

        """
        current = self._hot.get(stream) or await self._from_snapshot(stream)
        while True:
            page = await self._store.replay(stream, after=current.version, limit=PAGE)
            if not page.data:
                self._keep(stream, current)
                return current
            state = self._decider.fold(map(self._decode, page.data), current.state)
            current = Versioned(state, page.version)

    async def execute(
        self,
        stream: UUID,
        command: C,
        *,
        command_id: UUID,
        context: Context,
        accept: Callable[[Versioned[S]], bytes],
        refuse: Callable[[Rejected], bytes],
    ) -> bytes:
        """Return the answer to *command*, which is in the log by then.

        *accept* makes the answer from the state after the command, *refuse* from a
        rejection. A command that changes nothing is answered without events.

        Raises:
            Denied: Whoever asks may not, and the id has no answer; nothing is stored.
            Unavailable: Ask again with the same id.

        """
        for attempt in range(MAX_RETRIES + 1):
            if attempt:
                await _pause(attempt)
            current = await self.load(stream)
            try:
                events = self._decider.decide(current.state, command)
            except Denied:
                earlier = await self._store.answer_of(stream, command_id)
                if earlier is None:
                    raise
                return earlier
            except Rejected as rejection:
                answer = CommandOutcome(command_id, refuse(rejection))
                return await self._store.record_rejection(stream, answer)
            if not events:
                answer = CommandOutcome(command_id, accept(current))
                return await self._store.record_rejection(stream, answer)
            after = self._after(current, events)
            outcome = CommandOutcome(command_id, accept(after))
            try:
                await self._store.append(
                    *(stream, events),
                    expected=current.version,
                    context=context,
                    outcome=outcome,
                )
            except AlreadyAnswered as answered:
                return answered.answer
            except WrongExpectedVersion:
                continue
            self._keep(stream, after)
            return outcome.answer
        raise Unavailable(f"{stream} changes too fast for a command to be decided")

    async def append(
        self,
        stream: UUID,
        current: Versioned[S],
        events: Sequence[E],
        *,
        context: Context,
        epoch: int,
    ) -> Versioned[S]:
        """Add what a driver's effect brought about; return the state after it.

        Raises:
            WrongExpectedVersion: Somebody changed the project: load it and look again.
            Fenced: Another driver holds the lease: stop.
            Unavailable: The outcome is unknown: the same call again is safe.

        """
        after = self._after(current, events)
        await self._store.append(
            stream, events, expected=current.version, context=context, epoch=epoch
        )
        self._keep(stream, after)
        return after

    async def keep_snapshots(self) -> NoReturn:
        """Save snapshots as they become due; run it beside the rest, for ever."""
        while True:
            stream = await self._due.get()
            try:
                await self._save_snapshot(stream)
            except Unavailable:
                self._snapshot_at.pop(stream, None)  # due again at the next change

    async def _from_snapshot(self, stream: UUID) -> Versioned[S]:
        if self._snapshots is not None and self._states is not None:
            snapshot = await self._snapshots.load_snapshot(stream)
            if snapshot is not None and snapshot.schema == self._states.schema:
                state = self._states.decode(snapshot.state)
                if state is not None:
                    self._snapshot_at[stream] = snapshot.seq
                    return Versioned(state, snapshot.seq)
        return Versioned(self._decider.initial, 0)

    async def _save_snapshot(self, stream: UUID) -> None:
        current = self._hot.get(stream)
        if current is None or self._snapshots is None or self._states is None:
            return
        state = self._states.encode(current.state)
        snapshot = Snapshot(current.version, self._states.schema, state)
        await self._snapshots.save_snapshot(stream, snapshot)

    def _after(self, current: Versioned[S], events: Sequence[Any]) -> Versioned[S]:
        # Every event that is decided is one that can be read: E is part of R.
        state = self._decider.fold(events, current.state)
        return Versioned(state, current.version + len(events))

    def _keep(self, stream: UUID, current: Versioned[S]) -> None:
        kept = self._hot.get(stream)
        if kept is None or kept.version <= current.version:
            self._hot[stream] = current
        self._hot.move_to_end(stream)
        if len(self._hot) > self._hot_states:
            cold, _ = self._hot.popitem(last=False)
            self._snapshot_at.pop(cold, None)
        behind = current.version - self._snapshot_at.get(stream, 0)
        if self._states is not None and behind >= SNAPSHOT_EVERY:
            self._snapshot_at[stream] = current.version
            self._due.put_nowait(stream)


async def _pause(attempt: int) -> None:
    longest_s = _LONGEST_PAUSE_S * attempt
    await asyncio.sleep(random.uniform(0, longest_s))  # noqa: S311 - jitter, no secret
