"""Load, decide, append: on the store in memory, which passes the contract suite."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from typing_extensions import override

from contracts import codec
from contracts.envelope import Context
from contracts.project import ProjectEvent
from eventcore import execute as execute_module
from eventcore.adapters.memory import MemoryStore
from eventcore.errors import Denied, Fenced, Unavailable, WrongExpectedVersion
from eventcore.execute import StateCodec
from eventcore.ports import CommandOutcome, Snapshot
from tests.unit.eventcore.counter import (
    CONTEXT,
    STATES,
    Close,
    Conversation,
    Intrude,
    Say,
    execute,
    executor,
)


class BusyStore(MemoryStore):
    """A store where others are faster the first *times* times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

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
        if self.times > 0:
            self.times -= 1
            await super().append(stream, events, expected=expected, context=context)
        return await super().append(
            *(stream, events),
            expected=expected,
            context=context,
            epoch=epoch,
            outcome=outcome,
        )


async def test_the_answer_is_made_from_the_state_after_the_command() -> None:
    conversations = executor(MemoryStore())
    stream = uuid4()
    assert await execute(conversations, stream, Say("a", times=2)) == b"2 at 2"
    assert await execute(conversations, stream, Say("b")) == b"3 at 3"


async def test_the_same_command_id_gets_the_same_answer_and_changes_nothing() -> None:
    store, stream, command_id = MemoryStore(), uuid4(), uuid4()
    for _ in range(2):
        answer = await execute(executor(store), stream, Say("a"), command_id)
        assert answer == b"1 at 1"
    assert len(await store.read(stream)) == 1


async def test_a_rejection_is_an_answer_that_stays() -> None:
    store, stream, command_id = MemoryStore(), uuid4(), uuid4()
    await execute(executor(store), stream, Close())
    for _ in range(2):
        answer = await execute(executor(store), stream, Say("a"), command_id)
        assert answer == b"closed"
    assert await store.answer_of(stream, command_id) == b"closed"


async def test_who_is_denied_leaves_no_trace() -> None:
    store, stream, command_id = MemoryStore(), uuid4(), uuid4()
    with pytest.raises(Denied):
        await execute(executor(store), stream, Intrude(), command_id)
    assert await store.answer_of(stream, command_id) is None


async def test_an_answer_stays_when_who_asks_again_is_denied() -> None:
    store, stream, command_id = MemoryStore(), uuid4(), uuid4()
    await execute(executor(store), stream, Say("a"), command_id)
    answer = await execute(executor(store), stream, Intrude(), command_id)
    assert answer == b"1 at 1"


async def test_an_accepted_command_stays_accepted_when_it_would_be_refused_now() -> (
    None
):
    store, stream, command_id = MemoryStore(), uuid4(), uuid4()
    await execute(executor(store), stream, Say("a"), command_id)
    await execute(executor(store), stream, Close())
    assert await execute(executor(store), stream, Say("a"), command_id) == b"1 at 1"


async def test_a_command_that_changes_nothing_is_answered_without_events() -> None:
    store, stream, command_id = MemoryStore(), uuid4(), uuid4()
    await execute(executor(store), stream, Close())
    assert await execute(executor(store), stream, Close(), command_id) == b"0 at 1"
    assert await store.answer_of(stream, command_id) == b"0 at 1"
    assert len(await store.read(stream)) == 1


async def test_a_decision_is_made_on_what_another_worker_stored() -> None:
    store, stream = MemoryStore(), uuid4()
    one, other = executor(store), executor(store)
    await execute(one, stream, Say("a"))
    await execute(other, stream, Close())
    assert await execute(one, stream, Say("b")) == b"closed"


@pytest.mark.parametrize("conflicts", [1, execute_module.MAX_RETRIES])
async def test_a_conflict_is_decided_again(conflicts: int) -> None:
    store, stream = BusyStore(conflicts), uuid4()
    answer = await execute(executor(store), stream, Say("a"))
    assert answer == f"{conflicts + 1} at {conflicts + 1}".encode()


async def test_too_many_conflicts_are_told_as_unavailable() -> None:
    store, stream = BusyStore(execute_module.MAX_RETRIES + 1), uuid4()
    with pytest.raises(Unavailable):
        await execute(executor(store), stream, Say("a"))


async def test_workers_that_ask_at_once_all_get_their_turn() -> None:
    store, stream = MemoryStore(), uuid4()
    answers = await asyncio.gather(
        *(execute(executor(store), stream, Say("a")) for _ in range(5))
    )
    assert sorted(answers) == [f"{n} at {n}".encode() for n in range(1, 6)]


async def test_a_driver_appends_to_the_state_that_it_knows() -> None:
    store, stream = MemoryStore(), uuid4()
    conversations = executor(store)
    await execute(conversations, stream, Say("a"))
    lease = await store.take(stream, "worker", 30)
    assert lease is not None
    current = await conversations.load(stream)
    (event,) = [codec.decode_stored(data) for data in (await store.replay(stream)).data]
    assert isinstance(event, ProjectEvent)
    after = await conversations.append(
        stream, current, [event], context=CONTEXT, epoch=lease.epoch
    )
    assert (after.state.count, after.version) == (2, 2)
    with pytest.raises(WrongExpectedVersion):
        await conversations.append(
            stream, current, [event, event], context=CONTEXT, epoch=lease.epoch
        )
    with pytest.raises(Fenced):
        await conversations.append(stream, after, [event], context=CONTEXT, epoch=9)


async def test_loading_pages_through_a_long_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execute_module, "PAGE", 10)
    store, stream = MemoryStore(), uuid4()
    await execute(executor(store), stream, Say("a", times=30))
    loaded = await executor(store).load(stream)
    assert (loaded.state.count, loaded.version) == (30, 30)


async def test_a_cold_state_is_loaded_again() -> None:
    store, first, second = MemoryStore(), uuid4(), uuid4()
    conversations = executor(store, hot_states=1)
    await execute(conversations, first, Say("a"))
    await execute(conversations, second, Say("b"))
    assert await execute(conversations, first, Say("c")) == b"2 at 2"


async def snapshot_of(store: MemoryStore, stream: UUID, times: int) -> Snapshot | None:
    conversations = executor(store, store)
    keeping = asyncio.ensure_future(conversations.keep_snapshots())
    await execute(conversations, stream, Say("a", times=times))
    for _ in range(5):
        await asyncio.sleep(0)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    return await store.load_snapshot(stream)


async def test_a_long_stream_gets_a_snapshot_and_a_short_one_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execute_module, "SNAPSHOT_EVERY", 20)
    store = MemoryStore()
    assert await snapshot_of(store, uuid4(), times=19) is None
    snapshot = await snapshot_of(store, uuid4(), times=20)
    assert snapshot == Snapshot(20, STATES.schema, STATES.encode(Conversation(20)))


async def test_loading_begins_at_the_snapshot() -> None:
    store, stream = MemoryStore(), uuid4()
    await execute(executor(store), stream, Say("a", times=3))
    forged = STATES.encode(Conversation(100))
    await store.save_snapshot(stream, Snapshot(2, STATES.schema, forged))
    loaded = await executor(store, store).load(stream)
    assert (loaded.state.count, loaded.version) == (101, 3)


@pytest.mark.parametrize(
    "void",
    [Snapshot(2, "another", b""), Snapshot(2, STATES.schema, b"damaged")],
    ids=["another definition", "damaged"],
)
async def test_a_void_snapshot_changes_nothing(void: Snapshot) -> None:
    store, stream = MemoryStore(), uuid4()
    await execute(executor(store), stream, Say("a", times=3))
    await store.save_snapshot(stream, void)
    assert (await executor(store, store).load(stream)).state == Conversation(3)


def test_the_schema_of_a_state_follows_its_definition() -> None:
    assert StateCodec(Conversation, fold=1).schema == STATES.schema
    assert StateCodec(Say, fold=1).schema != STATES.schema
    assert StateCodec(Conversation, fold=2).schema != STATES.schema
