"""The read models follow the log, whatever becomes of stream, bus and process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import asyncpg
import pytest

from api.adapters.bus.agent import ACTOR, BusAgent
from api.adapters.projects import store
from api.adapters.projects.grants import PostgresGrantSource
from api.adapters.projects.store import PostgresProjectStore
from api.adapters.projects.turns import PostgresTurns
from api.adapters.projects.views import PostgresProjectViews
from api.application.catch_up import CatchUp
from api.application.delivery.forwarding import Telling
from api.domain.listing import Wanted
from api.entrypoints.bus.projector import run_projector
from contracts.project import (
    DailyUsage,
    ProjectDeleted,
    ProjectUpdated,
    ServerStarted,
)
from eventcore.adapters.feed import JetStreamFeed
from eventcore.adapters.nats import NatsBus
from eventcore.projection import Projection
from tests.integration.api.log import NOON, OWNER, SHARD, Log, Stream, written
from tests.support.polling import until
from tests.support.servers import as_role

TIMEOUT_S = 60.0


class World:
    """A log, its stream and the read models."""

    def __init__(self, dsn: str, pool: asyncpg.Pool, bus: NatsBus) -> None:
        self.log = Log()
        self.stream = Stream(bus.client)
        self.store = PostgresProjectStore(pool)
        self.views = PostgresProjectViews(pool)
        self.catch_up = CatchUp(self.store, BusAgent(bus))
        self._dsn = as_role(dsn, "api")
        self._bus = bus
        self._pool = pool

    @asynccontextmanager
    async def projecting(self) -> AsyncIterator[None]:
        """Run a projector, as a process of the api does."""
        telling = Telling(self.store, PostgresGrantSource(self._pool), self._bus)
        projection = Projection(
            SHARD, JetStreamFeed(self._bus), telling, self.catch_up.page
        )
        turns = PostgresTurns(self._dsn)
        task = asyncio.create_task(
            run_projector(SHARD, turns, projection, telling, self.catch_up)
        )
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def reached(self, project_id: UUID) -> None:
        """Wait until the read model has the whole log of a project."""
        last = self.log.events[project_id][-1].seq

        async def has_all() -> bool:
            return await self.views.position(project_id) == last

        await until(has_all, "the tables have all of it")

    async def publish(self, project_id: UUID, first: int = 1) -> None:
        """Publish a project's log from event *first* on."""
        await self.stream.publish(self.log.events[project_id][first - 1 :])

    async def paths(self, project_id: UUID) -> list[str]:
        """Return the paths of a project's files."""
        return [file.path for file in await self.views.files(OWNER, project_id)]


@pytest.fixture
async def world(postgres: str, pool: asyncpg.Pool, bus: NatsBus) -> World:
    world = World(postgres, pool, bus)
    await world.stream.make()
    await world.log.answer(bus)
    return world


async def test_what_is_published_is_shown(world: World) -> None:
    started = ServerStarted(uuid4(), "http://x.preview.localhost:3000/", "sandbox-1")
    project_id = world.log.new_project(written("b"), written("a"), started)
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    project = await world.views.project(OWNER, project_id)
    assert project is not None
    assert (project.name, project.preview_url) == ("Todo", started.url)
    assert await world.paths(project_id) == ["a", "b"]
    assert world.log.asked == []


async def test_a_restart_goes_on_where_it_was(world: World) -> None:
    project_id = world.log.new_project()
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    world.log.add(project_id, written("while-away"))
    await world.publish(project_id, first=2)
    async with world.projecting():
        await world.reached(project_id)
    assert await world.paths(project_id) == ["while-away"]
    assert world.log.asked == []


async def test_what_comes_twice_counts_once(world: World) -> None:
    project_id = world.log.new_project(written("a"))
    async with world.projecting():
        for first in (1, 1, 2, 1):
            await world.publish(project_id, first)
        other = world.log.new_project()
        await world.publish(other)
        await world.reached(other)
    assert await world.paths(project_id) == ["a"]
    assert await world.views.position(project_id) == 2


async def test_what_the_stream_lacks_the_agent_has(world: World) -> None:
    project_id = world.log.new_project(written("a"), written("b"), written("c"))
    async with world.projecting():
        await world.publish(project_id, first=4)
        await world.reached(project_id)
    assert await world.paths(project_id) == ["a", "b", "c"]
    assert {request.actor for request in world.log.asked} == {ACTOR}


async def test_a_gap_longer_than_a_page_is_filled(world: World) -> None:
    project_id = world.log.new_project(*(written(f"{n:03}") for n in range(450)))
    async with world.projecting():
        await world.publish(project_id, first=451)
        await world.reached(project_id)
    assert len(await world.paths(project_id)) == 450
    assert len(world.log.asked) > 1


async def test_a_stream_that_was_made_again_is_followed(world: World) -> None:
    project_id = world.log.new_project(written("before"))
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    await world.stream.wipe()
    world.log.add(project_id, written("lost"), written("after"))
    async with world.projecting():
        await world.publish(project_id, first=4)
        await world.reached(project_id)
    assert await world.paths(project_id) == ["after", "before", "lost"]


async def test_a_stream_that_is_lost_under_way_is_followed(world: World) -> None:
    project_id = world.log.new_project()
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
        await world.stream.wipe()
        world.log.add(project_id, written("after"))
        await world.publish(project_id)
        await world.reached(project_id)
    assert await world.paths(project_id) == ["after"]


async def test_types_of_a_newer_version_are_passed_over(world: World) -> None:
    project_id = world.log.new_project()
    world.log.add_raw(project_id, "from.tomorrow", b'{"type":"from.tomorrow"}')
    world.log.add(project_id, written("a"))
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    assert await world.paths(project_id) == ["a"]


async def test_a_damaged_event_stops_nothing(world: World) -> None:
    project_id = world.log.new_project()
    world.log.add_raw(project_id, "file.written", b'{"type":"file.written"}')
    world.log.add(project_id, written("a"))
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    assert await world.paths(project_id) == ["a"]


async def test_what_the_database_cannot_hold_stops_nothing(world: World) -> None:
    updated = ProjectUpdated("a\0b", "\0")
    project_id = world.log.new_project(updated, written("a\0b", "\0content"))
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    files = await world.views.files(OWNER, project_id)
    assert [file.content for file in files] == ["\0content"]


async def test_a_deleted_project_does_not_come_back(world: World) -> None:
    project_id = world.log.new_project(written("a"), ProjectDeleted())
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
        await world.publish(project_id)
        other = world.log.new_project()
        await world.publish(other)
        await world.reached(other)
    assert await world.views.project(OWNER, project_id) is None
    assert await world.paths(project_id) == []


SPENT = DailyUsage(NOON.date(), "m", 2, 10, 20, 0.5)
USAGE = "SELECT user_id, day, model, calls, cost_usd FROM views.usage"


async def test_what_was_erased_while_nobody_followed_ends_all_the_same(
    world: World, owner: asyncpg.Connection
) -> None:
    project_id = world.log.new_project(written("a"))
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    world.log.add(project_id, written("b"), ProjectDeleted())
    world.log.erase(project_id, SPENT)
    other = world.log.new_project()
    await world.stream.publish(world.log.events[project_id])
    await world.publish(other)
    async with world.projecting():
        await world.reached(other)
        await world.reached(project_id)
    assert await world.views.project(OWNER, project_id) is None
    assert await world.paths(project_id) == []
    rows = [tuple(row) for row in await owner.fetch(USAGE)]
    assert rows == [(OWNER, SPENT.day, "m", 2, 0.5)]


async def test_a_newer_fold_knows_what_erased_projects_have_cost(
    world: World, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = world.log.new_project(written("a"), ProjectDeleted())
    world.log.erase(project_id, SPENT)
    async with world.projecting():
        await world.stream.publish(world.log.events[project_id])
        await world.reached(project_id)
    monkeypatch.setattr(store, "MODEL", store.MODEL + 1)
    await world.catch_up.outdated()
    assert await world.views.position(project_id) == world.log.events[project_id][0].seq
    assert [row["calls"] for row in await owner.fetch(USAGE)] == [2]


async def test_a_checkpoint_that_points_beyond_the_stream_loses_nothing(
    world: World, owner: asyncpg.Connection
) -> None:
    project_id = world.log.new_project()
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    await owner.execute("UPDATE views.checkpoint SET stream_created = 'other'")
    world.log.add(project_id, written("a"))
    await world.publish(project_id, first=2)
    async with world.projecting():
        await world.reached(project_id)
    assert await world.paths(project_id) == ["a"]


async def test_a_newer_fold_makes_everything_anew(
    world: World, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = world.log.new_project(written("a"))
    async with world.projecting():
        await world.publish(project_id)
        await world.reached(project_id)
    await owner.execute("UPDATE views.project SET name = 'made by the old fold'")
    monkeypatch.setattr(store, "MODEL", store.MODEL + 1)
    async with world.projecting():
        await until(lambda: _is_named(world, project_id, "Todo"), "it has its name")
        await world.reached(project_id)
    assert await world.paths(project_id) == ["a"]


async def _is_named(world: World, project_id: UUID, name: str) -> bool:
    project = await world.views.project(OWNER, project_id)
    return project is not None and project.name == name


async def test_one_projects_at_a_time_and_another_takes_over(
    world: World, owner: asyncpg.Connection
) -> None:
    async with world.projecting():
        project_id = world.log.new_project()
        await world.publish(project_id)
        await world.reached(project_id)
        async with world.projecting():
            await until(lambda: _waits(owner), "it waits")
            assert await _locks(owner) == 1
            await owner.execute(f"SELECT pg_terminate_backend(pid) {_HOLDERS}")
            await until(lambda: _is_held(owner), "it is held")
            world.log.add(project_id, written("after"))
            await world.publish(project_id, first=2)
            await world.reached(project_id)
    assert await world.paths(project_id) == ["after"]


# Other databases of the cluster have projectors of their own.
_HOLDERS = """
FROM pg_locks WHERE classid = 7003
 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE query LIKE '%try_advisory_lock%' AND pid <> pg_backend_pid()
   AND datname = current_database()
"""


async def _waits(owner: asyncpg.Connection) -> bool:
    return bool(await owner.fetchval(_WAITING))


async def _is_held(owner: asyncpg.Connection) -> bool:
    return await _locks(owner) == 1


async def _locks(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval(f"SELECT count(*) {_HOLDERS}"))


async def test_writers_that_meet_fold_each_event_once(world: World) -> None:
    project_id = world.log.new_project(*(written(f"{n:02}") for n in range(60)))
    events = world.log.events[project_id]
    other = world.log.new_project()
    mixed = [*events, *world.log.events[other]]
    gaps = await asyncio.gather(
        *(world.store.fold(SHARD, mixed, None) for _ in range(4)),
        *(world.catch_up.project(project_id) for _ in range(2)),
    )
    assert gaps[:4] == [[], [], [], []]
    assert len(await world.paths(project_id)) == 60


async def test_a_request_can_catch_up_without_any_stream(world: World) -> None:
    project_id = world.log.new_project(written("a"))
    await world.catch_up.project(project_id)
    assert await world.paths(project_id) == ["a"]


async def test_nothing_is_made_of_a_project_that_no_agent_knows(world: World) -> None:
    await world.catch_up.project(uuid4())
    assert (await world.views.projects(OWNER, Wanted())).total == 0
