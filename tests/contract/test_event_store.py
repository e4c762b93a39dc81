"""One suite for every event store: appending, reading, answering."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from contracts import codec
from eventcore.adapters.memory import MemoryStore
from eventcore.adapters.postgres import open_store
from eventcore.errors import AlreadyAnswered, Fenced, WrongExpectedVersion
from tests.contract.event_stores import (
    CONTEXT,
    CREATED,
    STARTED,
    AnyStore,
    append,
    outcome,
    posted,
)
from tests.support.servers import PostgresServer, as_role


@pytest.fixture(scope="module")
def shared_log(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as dsn:
        yield as_role(dsn, "agent")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[AnyStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    dsn = request.getfixturevalue("shared_log")
    async with open_store(dsn) as it:
        yield it


async def test_events_are_read_back_as_they_were_appended(store: AnyStore) -> None:
    stream = uuid4()
    assert await append(store, stream, CREATED, posted("hello"), expected=0) == 2
    first, second = await store.read(stream)
    assert (first.project_id, first.seq, first.type) == (stream, 1, "project.created")
    assert codec.decode_event(first.type, first.data) == CREATED
    assert (second.seq, second.meta) == (2, CONTEXT)
    assert first.id != second.id
    assert first.at.tzinfo is not None


async def test_reading_goes_on_after_a_version_in_pages(store: AnyStore) -> None:
    stream = uuid4()
    await append(store, stream, *(posted(str(n)) for n in range(5)), expected=0)
    page = await store.read(stream, after=1, limit=3)
    assert [event.seq for event in page] == [2, 3, 4]
    assert (await store.replay(stream, after=1, limit=3)).data == [
        bytes(event.data) for event in page
    ]
    assert await store.read(stream, after=5) == []


async def test_streams_do_not_see_each_other(store: AnyStore) -> None:
    one, other = uuid4(), uuid4()
    await append(store, one, CREATED, expected=0)
    assert await append(store, other, CREATED, expected=0) == 1
    assert len(await store.read(one)) == 1


async def test_an_event_may_hold_every_character(store: AnyStore) -> None:
    stream, event = uuid4(), posted("\x00\x1f\x7f\u2028\U0001f600")
    await append(store, stream, event, expected=0)
    (data,) = (await store.replay(stream)).data
    assert codec.decode_stored(data) == event


@pytest.mark.parametrize("expected", [0, 2, 7])
async def test_append_on_a_wrong_version_stores_nothing(
    store: AnyStore, expected: int
) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    with pytest.raises(WrongExpectedVersion) as refusal:
        await append(store, stream, posted("a"), posted("b"), expected=expected)
    assert (refusal.value.stream, refusal.value.expected) == (stream, expected)
    assert len(await store.read(stream)) == 1


async def test_an_append_without_events_is_a_mistake(store: AnyStore) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await append(store, uuid4(), expected=0)


async def test_a_driver_appends_under_its_epoch(store: AnyStore) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    lease = await store.take(stream, "worker", 30)
    assert lease is not None
    version = await store.append(
        stream, [STARTED], expected=1, context=CONTEXT, epoch=lease.epoch
    )
    assert version == 2


@pytest.mark.parametrize("epoch", [0, 2])
async def test_an_append_under_another_epoch_is_fenced(
    store: AnyStore, epoch: int
) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    await store.take(stream, "worker", 30)
    with pytest.raises(Fenced) as refusal:
        await store.append(stream, [STARTED], expected=1, context=CONTEXT, epoch=epoch)
    assert (refusal.value.stream, refusal.value.epoch) == (stream, epoch)
    assert len(await store.read(stream)) == 1


async def test_an_append_without_a_lease_is_fenced(store: AnyStore) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    with pytest.raises(Fenced):
        await store.append(stream, [STARTED], expected=1, context=CONTEXT, epoch=1)


async def test_a_command_does_not_need_the_lease(store: AnyStore) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    await store.take(stream, "worker", 30)
    assert await append(store, stream, posted("stop"), expected=1) == 2


async def test_a_driver_that_appends_the_same_again_has_succeeded(
    store: AnyStore,
) -> None:
    stream = uuid4()
    await append(store, stream, CREATED, expected=0)
    await store.take(stream, "worker", 30)
    events = [STARTED, posted("x")]
    for _ in range(2):
        version = await store.append(
            stream, events, expected=1, context=CONTEXT, epoch=1
        )
        assert version == 3
    with pytest.raises(WrongExpectedVersion):
        await store.append(stream, [STARTED], expected=2, context=CONTEXT, epoch=1)
    assert len(await store.read(stream)) == 3


async def test_an_answer_is_stored_with_its_events(store: AnyStore) -> None:
    stream, answer = uuid4(), outcome(b"created")
    await store.append(stream, [CREATED], expected=0, context=CONTEXT, outcome=answer)
    assert await store.answer_of(stream, answer.command_id) == b"created"
    assert await store.answer_of(stream, uuid4()) is None
    assert await store.answer_of(uuid4(), answer.command_id) is None


@pytest.mark.parametrize("expected", [0, 1])
async def test_a_command_that_was_answered_stores_nothing(
    store: AnyStore, expected: int
) -> None:
    stream, answer = uuid4(), outcome(b"first")
    await store.append(stream, [CREATED], expected=0, context=CONTEXT, outcome=answer)
    again = outcome(b"second", answer.command_id)
    with pytest.raises(AlreadyAnswered) as refusal:
        await store.append(
            stream, [STARTED], expected=expected, context=CONTEXT, outcome=again
        )
    assert refusal.value.answer == b"first"
    assert len(await store.read(stream)) == 1


async def test_a_refused_append_leaves_no_answer(store: AnyStore) -> None:
    stream, answer = uuid4(), outcome()
    await append(store, stream, CREATED, expected=0)
    with pytest.raises(WrongExpectedVersion):
        await store.append(
            stream, [STARTED], expected=0, context=CONTEXT, outcome=answer
        )
    assert await store.answer_of(stream, answer.command_id) is None


async def test_the_first_answer_of_a_command_counts(store: AnyStore) -> None:
    stream, no = uuid4(), outcome(b"no")
    assert await store.record_rejection(stream, no) == b"no"
    yes = outcome(b"yes", no.command_id)
    assert await store.record_rejection(stream, yes) == b"no"
    with pytest.raises(AlreadyAnswered):
        await store.append(stream, [CREATED], expected=0, context=CONTEXT, outcome=yes)
    assert await store.read(stream) == []
