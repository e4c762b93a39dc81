"""Limits of a day across projects, and providers that ask for patience."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from agent.adapters.ledger import PostgresLedger
from agent.ports import Reserved
from contracts.project import (
    Image,
    PostMessage,
    RunFailed,
    RunState,
    StartRun,
    StopRun,
)
from contracts.requests import SpendLimits
from eventcore.adapters.database import create_pool
from tests.integration.agent.runs import PNG, build, busy_run, is_over
from tests.integration.agent.world import Client, World
from tests.support.model_server import FakeApp, refusal
from tests.support.servers import as_role

OWNER, OTHER = UUID(int=1), UUID(int=2)
ONE, TWO, THREE = UUID(int=11), UUID(int=12), UUID(int=13)
LIMITS = SpendLimits(user_day_usd=5.0, day_usd=8.0)


@pytest.fixture
async def pool(postgres: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(as_role(postgres, "agent"), 4)
    yield pool
    await pool.close()


@pytest.fixture
def ledger(pool: asyncpg.Pool) -> PostgresLedger:
    return PostgresLedger(pool, 300.0)


async def test_what_one_call_holds_another_cannot_have(ledger: PostgresLedger) -> None:
    assert await ledger.reserve(ONE, OWNER, 4.0, LIMITS) == Reserved(0, 0, 4.0)
    assert (await ledger.reserve(TWO, OWNER, 4.0, LIMITS)).granted_usd == 0
    assert (await ledger.reserve(THREE, OTHER, 4.0, LIMITS)).granted_usd == 4.0
    await ledger.release(ONE)
    assert (await ledger.reserve(TWO, OWNER, 4.0, LIMITS)).granted_usd == 4.0


async def test_the_rest_of_a_day_is_for_who_asks_alone(ledger: PostgresLedger) -> None:
    assert (await ledger.reserve(ONE, OWNER, 7.0, LIMITS)).granted_usd == 5.0
    # What the same project held before is no obstacle.
    assert (await ledger.reserve(ONE, OWNER, 7.0, LIMITS)).granted_usd == 5.0


async def test_of_many_at_once_no_two_get_the_same_money(
    ledger: PostgresLedger,
) -> None:
    held = await asyncio.gather(
        *(
            ledger.reserve(UUID(int=number), OWNER, 2.0, LIMITS)
            for number in range(100, 110)
        )
    )
    assert sum(one.granted_usd for one in held) == 4.0


async def test_nothing_is_held_for_ever(pool: asyncpg.Pool) -> None:
    short = PostgresLedger(pool, -60.0)
    assert (await short.reserve(ONE, OWNER, 5.0, LIMITS)).granted_usd == 5.0
    assert (await short.reserve(TWO, OWNER, 5.0, LIMITS)).granted_usd == 5.0


async def test_runs_side_by_side_do_not_spend_the_same_rest(
    surroundings: World,
) -> None:
    # A plan costs half a thousandth, an answer one; two runs need twice of both.
    surroundings.model.models = [
        {
            "id": "fake/model",
            "context_length": 128_000,
            "pricing": {"prompt": "0.0000001", "completion": "0.0000001"},
        }
    ]
    owner = surroundings.client().actor
    async with surroundings.agent(max_user_day_cost_usd=0.0016) as _:
        clients = [Client(surroundings.bus, actor=owner) for _ in range(3)]
        for client in clients:
            await client.create()
        for client in clients:
            await client.do(StartRun(uuid4()))
        for client in clients:
            await client.until(is_over)
    assert await spent(surroundings, UUID(owner.id)) < 0.0016 + 0.001


async def spent(world: World, owner_id: UUID) -> float:
    connection = await asyncpg.connect(world.database_url)
    try:
        usd: float = await connection.fetchval(
            "SELECT cost_usd FROM log.spend WHERE owner_id = $1", owner_id
        )
        held = await connection.fetchval("SELECT count(*) FROM log.reservation")
    finally:
        await connection.close()
    assert held == 0
    return usd


# --- patience -----------------------------------------------------------------------


async def test_a_stop_ends_a_wait(surroundings: World) -> None:
    async with surroundings.agent():
        client = await busy_run(surroundings, 600.0)
        view = await client.do(StopRun())
        assert view.state is RunState.IDLE
        # Whoever drives the project is free for the next run at once.
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.COMPLETE)


# --- what is refused ----------------------------------------------------------------


async def test_a_picture_that_is_refused_is_refused_once(
    surroundings: World, app: FakeApp
) -> None:
    client = surroundings.client()
    go_on = app.holds["src/app.ts"] = asyncio.Event()
    async with surroundings.agent():
        await client.create()
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: "index.html" in view.generated_files)
        shown = Image("image/png", PNG)
        await client.do(PostMessage(uuid4(), uuid4(), "like this", [shown]))
        surroundings.model.scripts.append(refusal("400 Bad Request", "Bad image."))
        go_on.set()
        await client.until(lambda view: view.state is RunState.ERROR)
        (failed,) = [e for e in await client.events() if isinstance(e, RunFailed)]
        await client.do(StartRun(uuid4()))
        await client.until(lambda view: view.state is RunState.COMPLETE)
    assert "Pictures that were sent are left out from now on." in failed.message
    told = surroundings.model.designs()[-1]
    assert "like this" in told.texts[0]
    assert "image_url" not in str(told.body)


async def test_words_that_are_refused_are_refused_once(surroundings: World) -> None:
    client = surroundings.client()
    flagged = refusal("403 Forbidden", "Your input was flagged.")
    async with surroundings.agent():
        await build(client)
        surroundings.model.scripts.append(flagged)
        await client.do(PostMessage(uuid4(), uuid4(), "something awful"))
        await client.until(lambda view: view.state is RunState.ERROR)
        await client.do(PostMessage(uuid4(), uuid4(), "make it blue"))
        await client.until(lambda view: view.state is RunState.COMPLETE)
    assert "something awful" not in str(surroundings.model.designs()[-1].body)
