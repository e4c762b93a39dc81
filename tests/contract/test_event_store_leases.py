"""One suite for every store: leases, open work, snapshots."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.project import ProjectDeleted, RunFailed, RunStopped
from eventcore.adapters.memory import MemoryStore
from eventcore.adapters.postgres import open_store
from eventcore.ports import Snapshot
from tests.contract.event_stores import (
    COMPLETED,
    CREATED,
    STARTED,
    AnyStore,
    append,
    posted,
)
from tests.support.polling import until
from tests.support.servers import PostgresServer, as_role

SOON_S = 0.05


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
    connection = await asyncpg.connect(dsn)
    await connection.execute("DELETE FROM log.work")
    await connection.close()
    async with open_store(dsn) as it:
        yield it


async def running(store: AnyStore) -> UUID:
    stream = uuid4()
    await append(store, stream, CREATED, STARTED, expected=0)
    return stream


async def test_a_lease_has_one_holder(store: AnyStore) -> None:
    stream = uuid4()
    lease = await store.take(stream, "one", 30)
    assert lease is not None
    assert (lease.stream, lease.epoch) == (stream, 1)
    assert await store.take(stream, "other", 30) is None
    assert await store.take(stream, "one", 30) is None


async def test_a_lease_that_ran_out_goes_to_another_under_a_later_epoch(
    store: AnyStore,
) -> None:
    stream = uuid4()
    first = await store.take(stream, "one", SOON_S)
    assert first is not None
    taken = []

    async def take() -> bool:
        taken.append(await store.take(stream, "other", 30))
        return taken[-1] is not None

    await until(take, "the lease runs out")
    assert taken[-1] is not None
    assert taken[-1].epoch == 2
    assert not await store.renew(first, 30)


async def test_a_renewed_lease_lasts(store: AnyStore) -> None:
    stream = uuid4()
    lease = await store.take(stream, "one", SOON_S)
    assert lease is not None
    assert await store.renew(lease, 30)
    assert await store.take(stream, "other", 30) is None


async def test_a_released_lease_is_free_at_once(store: AnyStore) -> None:
    stream = uuid4()
    first = await store.take(stream, "one", 30)
    assert first is not None
    await store.release(first)
    second = await store.take(stream, "other", 30)
    assert second is not None
    await store.release(first)
    assert await store.take(stream, "third", 30) is None


async def test_a_started_run_is_open_work(store: AnyStore) -> None:
    stream = await running(store)
    idle = uuid4()
    await append(store, idle, CREATED, expected=0)
    assert await store.open_work(10) == [stream]


@pytest.mark.parametrize(
    "end",
    [COMPLETED, RunFailed(uuid4(), "no"), RunStopped(uuid4()), ProjectDeleted()],
    ids=lambda event: type(event).__name__,
)
async def test_a_run_that_ended_is_no_work(
    store: AnyStore, end: RunFailed | RunStopped | ProjectDeleted
) -> None:
    stream = await running(store)
    await append(store, stream, end, expected=2)
    assert await store.open_work(10) == []


async def test_work_is_found_oldest_first_and_not_all_at_once(store: AnyStore) -> None:
    streams = [await running(store) for _ in range(3)]
    assert await store.open_work(2) == streams[:2]


async def test_work_with_a_live_lease_is_not_open(store: AnyStore) -> None:
    stream = await running(store)
    lease = await store.take(stream, "one", 30)
    assert await store.open_work(10) == []
    assert lease is not None
    await store.release(lease)
    assert await store.open_work(10) == [stream]


async def test_the_newest_snapshot_is_kept(store: AnyStore) -> None:
    stream = uuid4()
    await append(store, stream, *(posted(str(n)) for n in range(7)), expected=0)
    assert await store.load_snapshot(stream) is None
    newer, older = Snapshot(7, "b", b"new"), Snapshot(5, "a", b"old")
    await store.save_snapshot(stream, older)
    await store.save_snapshot(stream, newer)
    await store.save_snapshot(stream, older)
    assert await store.load_snapshot(stream) == newer
