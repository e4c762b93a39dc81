"""What language models have cost, folded from events and summed for its owner."""

from datetime import date
from uuid import UUID

import asyncpg
import pytest

from api.adapters.bus.agent import BusAgent
from api.adapters.projects.store import PostgresProjectStore
from api.adapters.projects.usage import PostgresUsageViews
from api.adapters.projects.views import PostgresProjectViews
from api.domain.usage import Spent
from contracts import codec, subjects
from contracts.project import (
    FileDeleted,
    FileWritten,
    ModelCallCounted,
    ModelCallEnded,
    Usage,
)
from contracts.requests import ModelInfo, Models, Refused
from eventcore.adapters.nats import NatsBus
from eventcore.errors import Unavailable
from eventcore.ports import Headers
from tests.integration.api.log import NOON, OWNER, SHARD, Log, written

DAY = NOON.date()
RUN = UUID(int=9)


def call(model: str, prompt: int | None, cost: float | None) -> ModelCallEnded:
    usage = Usage(prompt, 1, cost)
    return ModelCallEnded(RUN, "design", 0, 1, "complete", model, usage)


async def fold(pool: asyncpg.Pool, log: Log, project_id: UUID) -> None:
    await PostgresProjectStore(pool).fold(SHARD, log.events[project_id], None)


async def test_calls_add_up_by_day_model_and_project(pool: asyncpg.Pool) -> None:
    log = Log()
    one = log.new_project(call("a", 10, 0.5), call("b", 20, None), name="One")
    two = log.new_project(call("a", None, 0.25), name="Two")
    for project_id in (one, two):
        await fold(pool, log, project_id)
    report = await PostgresUsageViews(pool).of_user(OWNER, DAY, DAY)
    assert report.total == Spent(3, 30, 3, 0.75)
    assert [(day.day, day.calls) for day in report.days] == [(DAY, 3)]
    assert [(one.model, one.cost_usd) for one in report.models] == [
        ("a", 0.75),
        ("b", 0.0),
    ]
    assert {one.name: one.calls for one in report.projects} == {"One": 2, "Two": 1}


async def test_what_a_stopped_call_had_is_added_and_is_no_further_call(
    pool: asyncpg.Pool,
) -> None:
    more = ModelCallCounted(RUN, "design", 0, 1, "a", Usage(0, 7, 0.25, estimated=True))
    log = Log()
    await fold(pool, log, log.new_project(call("a", 10, 0.5), more))
    report = await PostgresUsageViews(pool).of_user(OWNER, DAY, DAY)
    assert report.total == Spent(1, 10, 8, 0.75)


async def test_a_report_is_about_one_project_and_its_days(pool: asyncpg.Pool) -> None:
    log = Log()
    project_id = log.new_project(call("a", 10, 0.5))
    await fold(pool, log, log.new_project(call("a", 1, 1.0)))
    await fold(pool, log, project_id)
    usage = PostgresUsageViews(pool)
    report = await usage.of_project(OWNER, project_id, DAY, DAY)
    before = date(2020, 1, 1)
    assert report.total == Spent(1, 10, 1, 0.5)
    assert (await usage.of_user(OWNER, before, before)).total == Spent()


async def test_nobody_sees_what_others_have_spent(pool: asyncpg.Pool) -> None:
    log = Log()
    project_id = log.new_project(call("a", 10, 0.5))
    await fold(pool, log, project_id)
    usage = PostgresUsageViews(pool)
    other = UUID(int=77)
    assert (await usage.of_user(other, DAY, DAY)).total == Spent()
    assert (await usage.of_project(other, project_id, DAY, DAY)).total == Spent()


async def test_events_that_come_twice_are_counted_once(pool: asyncpg.Pool) -> None:
    log = Log()
    project_id = log.new_project(call("a", 10, 0.5))
    for _ in range(2):
        await fold(pool, log, project_id)
    report = await PostgresUsageViews(pool).of_user(OWNER, DAY, DAY)
    assert report.total.calls == 1


async def test_a_file_that_was_deleted_and_written_again_is_another_one(
    pool: asyncpg.Pool,
) -> None:
    log = Log()
    first = written("a", "one")
    project_id = log.new_project(first)
    await fold(pool, log, project_id)
    gone = FileDeleted(first.file_id, "a", "user")
    again = FileWritten(UUID(int=5), "a", "AP8=", "user", encoding="base64")
    log.add(project_id, gone, again)
    await fold(pool, log, project_id)
    (file,) = await PostgresProjectViews(pool).files(OWNER, project_id)
    assert (file.id, file.content, file.encoding) == (UUID(int=5), "AP8=", "base64")
    assert file.created_at == file.updated_at


async def test_base64_that_is_none_is_shown_as_the_text_that_it_is(
    pool: asyncpg.Pool,
) -> None:
    log = Log()
    odd = FileWritten(UUID(int=5), "a", "not base64", "agent", encoding="base64")
    project_id = log.new_project(odd)
    await fold(pool, log, project_id)
    (file,) = await PostgresProjectViews(pool).files(OWNER, project_id)
    assert (file.content, file.encoding) == ("not base64", "utf-8")


@pytest.mark.parametrize("is_known", [True, False])
async def test_models_are_those_that_an_agent_names(
    bus: NatsBus, *, is_known: bool
) -> None:
    known = Models([ModelInfo("a/b", "B")], ["a/b"], ["a/b"])
    answer = known if is_known else Refused("unavailable", "none")

    async def serve(_: str, __: bytes, ___: Headers) -> bytes:
        return codec.encode(answer)

    await bus.serve(subjects.MODELS, subjects.AGENT_QUEUE, serve)
    if is_known:
        assert await BusAgent(bus).models() == known
    else:
        with pytest.raises(Unavailable):
            await BusAgent(bus).models()
