"""Folding: what comes next, what is missing, what was seen before."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from msgspec import Raw, structs
from typing_extensions import override

from contracts.envelope import Recorded
from eventcore import projection
from eventcore.errors import Unavailable
from eventcore.ports import Batch, Checkpoint, Feed, Gap, ReadModel
from eventcore.projection import Projection, fresh

ONE, OTHER = uuid4(), uuid4()


def event(project_id: UUID, seq: int) -> Recorded:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Recorded(uuid4(), project_id, seq, "message.posted", at, Raw(b"{}"))


def erased(project_id: UUID, seq: int) -> Recorded:
    return structs.replace(event(project_id, seq), type="project.erased")


def events(project_id: UUID, *seqs: int) -> list[Recorded]:
    return [event(project_id, seq) for seq in seqs]


def batch(*parts: Recorded, sequence: int = 1) -> Batch:
    return Batch(list(parts), Checkpoint("today", sequence))


class Versions(ReadModel):
    """Remembers what was folded, and nothing else."""

    def __init__(self) -> None:
        self.folded: list[tuple[UUID, int]] = []
        self.kept: Checkpoint | None = None
        self.is_kept = asyncio.Event()

    @override
    async def checkpoint(self, shard: int) -> Checkpoint | None:
        return self.kept

    @override
    async def fold(
        self, shard: int, events: Sequence[Recorded], checkpoint: Checkpoint | None
    ) -> list[Gap]:
        wanted, gaps = fresh(events, dict(self.folded))
        if not gaps:
            self.folded += [(one.project_id, one.seq) for one in wanted]
            self.kept = checkpoint or self.kept
            self.is_kept.set()
        return gaps


class Script(Feed):
    """Yields batches, then fails as a bus does, then has nothing more."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = list(batches)
        self.asked: list[Checkpoint | None] = []

    @override
    async def follow(
        self, shard: int, after: Checkpoint | None
    ) -> AsyncGenerator[Batch, None]:
        self.asked.append(after)
        if len(self.asked) == 1:
            yield self.batches[0]
            raise Unavailable("gone")
        for later in self.batches[1:]:
            yield later
        await asyncio.Event().wait()


async def nothing(project_id: UUID, after: int) -> Sequence[Recorded]:
    raise AssertionError(f"asked for {project_id} after {after}")


def projecting(model: Versions, fetch: projection.Fetch = nothing) -> Projection:
    return Projection(0, Script(batch()), model, fetch)


def test_events_that_come_next_are_fresh() -> None:
    wanted = [*events(ONE, 1, 2), *events(OTHER, 5)]
    assert fresh(wanted, {OTHER: 4}) == (wanted, [])


def test_events_that_were_folded_are_left_out() -> None:
    given = events(ONE, 3, 4, 4, 5)
    assert fresh(given, {ONE: 3}) == ([given[1], given[3]], [])


def test_a_gap_is_told_once_with_what_there_is() -> None:
    wanted, gaps = fresh(events(ONE, 1, 3, 4), {})
    assert ([one.seq for one in wanted], gaps) == ([1], [Gap(ONE, 1)])


def test_what_was_erased_is_fresh_whatever_is_missing_before_it() -> None:
    given = [*events(ONE, 3), erased(ONE, 9)]
    assert fresh(given, {ONE: 1}) == ([given[1]], [])
    assert fresh(given, {ONE: 9}) == ([], [])


async def test_a_gap_of_an_erased_project_is_filled_by_its_end() -> None:
    async def fetch(project_id: UUID, _: int) -> Sequence[Recorded]:
        return [erased(project_id, 9)]

    model = Versions()
    await projecting(model, fetch).apply(batch(*events(ONE, 5), sequence=3))
    assert (model.folded, model.kept) == ([(ONE, 9)], Checkpoint("today", 3))


async def test_a_batch_moves_versions_and_checkpoint() -> None:
    model = Versions()
    await projecting(model).apply(batch(*events(ONE, 1, 2), sequence=9))
    assert model.folded == [(ONE, 1), (ONE, 2)]
    assert model.kept == Checkpoint("today", 9)


async def test_a_repeated_batch_changes_nothing() -> None:
    model = Versions()
    for _ in range(2):
        await projecting(model).apply(batch(*events(ONE, 1, 2)))
    assert model.folded == [(ONE, 1), (ONE, 2)]


async def test_what_is_missing_is_fetched_page_by_page() -> None:
    async def fetch(project_id: UUID, after: int) -> Sequence[Recorded]:
        return events(project_id, after + 1, after + 2)

    model = Versions()
    await projecting(model, fetch).apply(
        batch(*events(ONE, 6), *events(OTHER, 1), sequence=3)
    )
    assert [seq for project, seq in model.folded if project == ONE] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert (OTHER, 1) in model.folded
    assert model.kept == Checkpoint("today", 3)


@pytest.mark.parametrize("page", [[], [3, 4]], ids=["nothing", "later ones"])
async def test_what_the_log_does_not_have_is_not_skipped(page: list[int]) -> None:
    async def fetch(project_id: UUID, _: int) -> Sequence[Recorded]:
        return events(project_id, *page)

    model = Versions()
    with pytest.raises(Unavailable, match="no event 1"):
        await projecting(model, fetch).apply(batch(*events(ONE, 5)))
    assert (model.folded, model.kept) == ([], None)


async def test_after_a_failure_it_goes_on_at_the_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projection, "RETRY_S", 0)
    model = Versions()
    first, second = batch(*events(ONE, 1)), batch(*events(ONE, 2), sequence=2)
    feed = Script(first, second)
    running = asyncio.ensure_future(Projection(0, feed, model, nothing).run())
    while model.kept != second.checkpoint:
        model.is_kept.clear()
        await model.is_kept.wait()
    running.cancel()
    await asyncio.wait([running])
    assert feed.asked == [None, first.checkpoint]
    assert model.folded == [(ONE, 1), (ONE, 2)]
