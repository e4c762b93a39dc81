"""Whose deliveries are made next: nobody's slow receiver delays another's."""

import asyncio
import time
from unittest.mock import Mock
from uuid import UUID, uuid4

import asyncpg
import pytest
from typing_extensions import override

from api.adapters.delivery.queue import PostgresDeliveryQueue
from api.application.delivery import delivering
from api.application.delivery.delivering import Courier
from api.domain.webhook import AT_ONCE_OF_USER, AT_ONCE_OF_WEBHOOK, DueDelivery
from tests.support.polling import until

MANY = 64
HOLD_S = 60.0
ADA, EVE = UUID(int=1), UUID(int=2)


class Hooks:
    """Webhooks with what waits for them, oldest first."""

    def __init__(self, pool: asyncpg.Pool, owner: asyncpg.Connection) -> None:
        self.queue = PostgresDeliveryQueue(pool)
        self._owner = owner

    async def waiting(self, user_id: UUID, deliveries: int) -> UUID:
        """Return a webhook of somebody, for which so many wait."""
        id_ = uuid4()
        await self._owner.execute(
            "INSERT INTO hooks.webhook"
            " (id, project_id, user_id, url, events, secret, queued_seq)"
            " VALUES ($1, $1, $2, 'https://example.org/', '{file_end}', 'x', 0)",
            id_,
            user_id,
        )
        await self._owner.executemany(
            "INSERT INTO hooks.delivery (id, webhook_id, user_id, seq, type, body)"
            " VALUES ($1, $2, $3, $4, 'file_end', '{}')",
            [(uuid4(), id_, user_id, seq) for seq in range(deliveries)],
        )
        return id_

    async def claimed(self, *busy: DueDelivery, limit: int = MANY) -> list[UUID]:
        """Return the webhooks whose deliveries are made next."""
        found = await self.queue.claim(limit, busy, HOLD_S)
        return [one.webhook_id for one in found]


@pytest.fixture
def hooks(pool: asyncpg.Pool, owner: asyncpg.Connection) -> Hooks:
    return Hooks(pool, owner)


async def test_a_webhook_has_few_places_however_much_waits(hooks: Hooks) -> None:
    slow = await hooks.waiting(ADA, 100)
    other = await hooks.waiting(EVE, 1)
    claimed = await hooks.claimed()
    assert sorted(claimed) == sorted([slow] * AT_ONCE_OF_WEBHOOK + [other])


async def test_what_is_under_way_counts(hooks: Hooks) -> None:
    slow = await hooks.waiting(ADA, 100)
    first = await hooks.queue.claim(1, [], HOLD_S)
    assert await hooks.claimed(*first) == [slow] * (AT_ONCE_OF_WEBHOOK - 1)


async def test_a_person_with_many_webhooks_leaves_places_to_others(
    hooks: Hooks,
) -> None:
    for _ in range(AT_ONCE_OF_USER):
        await hooks.waiting(EVE, 5)
    mine = await hooks.waiting(ADA, 1)
    claimed = await hooks.claimed()
    assert mine in claimed
    assert len(claimed) == AT_ONCE_OF_USER + 1


async def test_few_places_go_to_each_person_in_turn(hooks: Hooks) -> None:
    for _ in range(4):
        await hooks.waiting(EVE, 5)
    mine = await hooks.waiting(ADA, 1)
    assert mine in await hooks.claimed(limit=2)


async def test_behind_a_flood_the_others_are_next(hooks: Hooks) -> None:
    await hooks.waiting(EVE, 300)  # more than is looked at in one go
    mine = await hooks.waiting(ADA, 1)
    first = await hooks.queue.claim(MANY, [], HOLD_S)
    assert await hooks.claimed(*first) == [mine]


async def test_a_newcomer_waits_for_one_round_however_many_flood_the_queue(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "FOR_OTHERS", 2)
    monkeypatch.setattr(delivering, "AT_ONCE", 4)
    flooding = [await hooks.waiting(uuid4(), 50) for _ in range(8)]
    mine = await hooks.waiting(ADA, 1)
    called: list[UUID] = []
    hanging = asyncio.Event()

    class Slow(Courier):
        """Whose receivers take their time, until the next one's turn comes."""

        @override
        async def deliver(self, delivery: DueDelivery) -> None:
            called.append(delivery.webhook_id)
            if len(called) <= 2:  # the places for all are taken for good
                await hanging.wait()

    courier = Slow(hooks.queue, Mock(), Mock(), time.time, look_s=0.01)
    running = asyncio.create_task(courier.run())
    await until(lambda: mine in called, "the other webhook has its turn")
    running.cancel()
    await asyncio.wait([running])
    assert len(called) <= 2 * len(flooding) + 3


async def test_the_oldest_of_a_webhook_is_first(
    hooks: Hooks, owner: asyncpg.Connection
) -> None:
    await hooks.waiting(ADA, 3)
    oldest = "SELECT id FROM hooks.delivery ORDER BY due_at, id LIMIT 1"
    expected = await owner.fetchval(oldest)
    found = await hooks.queue.claim(1, [], HOLD_S)
    assert [one.id for one in found] == [expected]


async def test_what_is_claimed_is_nobody_elses(hooks: Hooks) -> None:
    await hooks.waiting(ADA, 1)
    assert len(await hooks.claimed()) == 1
    assert await hooks.claimed() == []
