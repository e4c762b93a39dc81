"""A lease is renewed in time, or given up before it ends."""

import asyncio
from uuid import UUID

import pytest
from typing_extensions import override

from agent.application.lease import HeldLease
from eventcore.adapters.memory import MemoryStore
from eventcore.errors import Fenced, Unavailable
from eventcore.ports import Lease

STREAM = UUID(int=1)
TTL_S = 0.6


class UncertainStore(MemoryStore):
    """Renews as long as it is there."""

    def __init__(self) -> None:
        super().__init__()
        self.renewals = 0
        self.away = False

    @override
    async def renew(self, lease: Lease, ttl_s: float) -> bool:
        if self.away:
            raise Unavailable("the database is away")
        self.renewals += 1
        return await super().renew(lease, ttl_s)


async def held(store: UncertainStore, asked_before_s: float = 0.0) -> HeldLease:
    asked_at = asyncio.get_running_loop().time() - asked_before_s
    lease = await store.take(STREAM, "me", TTL_S)
    assert lease is not None
    return HeldLease(store, lease, TTL_S, asked_at)


async def test_a_lease_is_kept_for_as_long_as_it_is_renewed() -> None:
    store = UncertainStore()
    lease = await held(store)
    keeping = asyncio.create_task(lease.keep())
    async with asyncio.timeout(10):
        while store.renewals < 2:  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.01)
    assert await store.take(STREAM, "another", TTL_S) is None
    keeping.cancel()


async def test_a_lease_that_another_one_took_is_lost() -> None:
    store = UncertainStore()
    lease = await held(store)
    await store.release(lease.lease)
    await store.take(STREAM, "another", TTL_S)
    with pytest.raises(Fenced):
        await lease.keep()


async def test_a_holder_without_a_database_stops_before_the_lease_ends() -> None:
    store = UncertainStore()
    lease = await held(store)
    store.away = True
    with pytest.raises(Fenced):
        await lease.keep()


async def test_a_holder_that_stood_still_does_not_ask_at_all() -> None:
    store = UncertainStore()
    lease = await held(store, asked_before_s=1.0)
    with pytest.raises(Fenced):
        await lease.keep()
    assert store.renewals == 0
