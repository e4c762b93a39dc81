"""Leases of projects, over a bus whose users may do what they need and no more."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID, uuid4

import pytest
from nats import errors
from nats.js.kv import KeyValue

from contracts.subjects import PERMISSIONS
from eventcore.adapters.nats import open_bus
from eventcore.errors import Unavailable
from sandbox.adapters.bus import leases
from sandbox.adapters.bus.leases import Leases, open_leases
from standalone.servers.nats_users import authorization
from tests.support.polling import until
from tests.support.servers import NatsServer, server_folder

PASSWORDS = dict.fromkeys(PERMISSIONS, "a-password")
LEASE_S = 1.0
FAILURES = 3
"""As many as a lease would live through if each were tried again at its time only."""


USERS = authorization(PASSWORDS, system_password="system")  # noqa: S106 - a test's


@pytest.fixture(scope="module")
def nats() -> Iterator[NatsServer]:
    with server_folder() as folder, NatsServer(folder, authorization=USERS) as started:
        yield started


@asynccontextmanager
async def controllers(
    nats: NatsServer, lease_s: float = LEASE_S
) -> AsyncIterator[tuple[Leases, Leases]]:
    """Lend the leases of two controllers, each on a connection of its own."""
    async with AsyncExitStack() as stack:
        made = []
        for port in (1, 2):
            url = nats.nats.url("sandbox", PASSWORDS["sandbox"])
            bus = await stack.enter_async_context(open_bus(url, user="sandbox"))
            made.append(await open_leases(bus, ("127.0.0.1", port), lease_s, 1))
        yield made[0], made[1]


async def test_of_many_who_want_a_project_one_gets_it(nats: NatsServer) -> None:
    async with controllers(nats) as (one, two):
        for project in [uuid4() for _ in range(20)]:
            wanted = [either.claim(project) for either in (one, two) * 3]
            await asyncio.gather(*wanted)
            assert one.is_ours(project) != two.is_ours(project)
            loser = two if one.is_ours(project) else one
            owner = await loser.claim(project)
            assert owner is not None
            assert owner.port == (1 if loser is two else 2)


async def test_what_is_given_back_can_be_had_at_once(nats: NatsServer) -> None:
    async with controllers(nats) as (one, two):
        project = uuid4()
        assert await one.claim(project) is None
        await one.release(project)
        assert not one.is_ours(project)
        assert await two.claim(project) is None
        await two.close()
        with pytest.raises(Unavailable, match="is stopping"):
            await two.claim(project)


async def test_a_controller_that_comes_back_has_its_projects_at_once(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_REMEMBERED_S", 0.0)
    async with controllers(nats) as (one, two), controllers(nats) as (again, _):
        project = uuid4()
        assert await one.claim(project) is None
        assert await two.claim(project) is not None
        assert await again.claim(project) is None  # it listens where the first one did
        await one.release(project)  # which is not its own any more
        assert await two.claim(project) is not None


async def test_while_nobody_tells_who_has_a_project_the_last_one_is_asked(
    nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: KeyValue, __: str) -> None:
        raise errors.TimeoutError

    monkeypatch.setattr(leases, "_REMEMBERED_S", 0.0)
    async with controllers(nats) as (one, two):
        project = uuid4()
        assert await one.claim(project) is None
        owner = await two.claim(project)
        monkeypatch.setattr(KeyValue, "get", fail)
        assert await two.claim(project) == owner
        with pytest.raises(Unavailable):
            await two.claim(uuid4())


async def test_a_lease_lasts_while_it_is_renewed_and_ends_before_another_begins(
    nats: NatsServer,
) -> None:
    async with controllers(nats) as (one, two):
        project = uuid4()
        lost: list[UUID] = []
        assert await one.claim(project) is None
        keeping = asyncio.ensure_future(one.run(lost.append))
        await asyncio.sleep(LEASE_S * 3)  # the time itself is what is tried
        assert await two.claim(project) is not None
        keeping.cancel()
        never_renewed = uuid4()
        assert await one.claim(never_renewed) is None
        for either in (project, never_renewed):

            async def taken(wanted: UUID = either) -> bool:
                if await two.claim(wanted) is not None:
                    return False
                assert not one.is_ours(wanted)
                return True

            await until(taken, "the other one has it")
        assert lost == []
        keeping = asyncio.ensure_future(one.run(lost.append))
        await until(lambda: len(lost) == 2, "the first one is told")
        assert set(lost) == {project, never_renewed}
        keeping.cancel()


async def test_renewals_that_fail_are_tried_again_before_the_next_are_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when a cluster has lost the server that kept the leases."""
    update, failed = KeyValue.update, 0
    is_told = asyncio.Event()

    async def fail_first(bucket: KeyValue, key: str, value: bytes, last: int) -> int:
        nonlocal failed
        if failed < FAILURES:
            failed += 1
            raise errors.TimeoutError
        revision = await update(bucket, key, value, last)
        is_told.set()
        return revision

    lost: list[UUID] = []

    def lose(project: UUID) -> None:
        lost.append(project)
        is_told.set()

    # A server of its own: the first that starts decides how long leases are.
    with server_folder() as folder, NatsServer(folder, authorization=USERS) as server:
        async with controllers(server, 6 * LEASE_S) as (one, _):
            project = uuid4()
            assert await one.claim(project) is None
            monkeypatch.setattr(KeyValue, "update", fail_first)
            keeping = asyncio.ensure_future(one.run(lose))
            await is_told.wait()
            assert not lost
            assert one.is_ours(project)
            keeping.cancel()
