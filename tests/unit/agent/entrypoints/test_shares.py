"""A service outside gets its share of a worker, and takes nobody else's."""

import asyncio
from collections.abc import Iterator

import pytest

from agent.entrypoints.shares import Share, Shares, TooMuch

ROOMY = Share(per_s=1000.0, burst=1000, at_once=2, waiting=3)


class Asking:
    """A request that lasts until it is let go."""

    def __init__(self, shares: Shares, service: str) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self.task = asyncio.ensure_future(self._ask(shares, service))

    async def _ask(self, shares: Shares, service: str) -> str:
        try:
            async with shares.place(service):
                self.begun.set()
                await self.let_go.wait()
        except TooMuch:
            return "refused"
        return "done"


@pytest.fixture
def asked() -> Iterator[list[Asking]]:
    """All who ask; they are let go in the end."""
    everybody: list[Asking] = []
    yield everybody
    for one in everybody:
        one.let_go.set()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_more_than_its_share_waits_and_still_more_is_refused(
    asked: list[Asking],
) -> None:
    shares = Shares(ROOMY)
    asked += [Asking(shares, "greedy") for _ in range(7)]
    await settle()
    assert [one.begun.is_set() for one in asked] == [True] * 2 + [False] * 5
    assert [one.task.done() for one in asked] == [False] * 5 + [True] * 2
    for one in asked:
        one.let_go.set()
    told = [await one.task for one in asked]
    assert told == ["done"] * 5 + ["refused"] * 2


async def test_one_that_is_greedy_leaves_the_others_theirs(asked: list[Asking]) -> None:
    shares = Shares(ROOMY)
    asked += [Asking(shares, "greedy") for _ in range(7)]
    polite = Asking(shares, "polite")
    asked.append(polite)
    await settle()
    assert polite.begun.is_set()


async def test_a_burst_passes_and_then_no_more_than_the_rate() -> None:
    shares = Shares(Share(per_s=0.001, burst=3, at_once=9, waiting=0))
    for _ in range(3):
        async with shares.place("greedy"):
            pass
    with pytest.raises(TooMuch):
        async with shares.place("greedy"):
            pass
    async with shares.place("polite"):
        pass


async def test_names_without_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.entrypoints.shares.MAX_IDLE", 10)
    shares = Shares(Share(per_s=1e9, burst=1, at_once=1, waiting=0))
    for number in range(100):
        async with shares.place(str(number)):
            pass
    assert len(vars(shares)["_guests"]) <= 11
