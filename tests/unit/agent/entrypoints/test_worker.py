"""Which runs a worker takes up, and how many."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from agent.application.world import NotYet
from agent.entrypoints.worker import Worker
from contracts import subjects
from contracts.envelope import Context
from eventcore.adapters.memory import MemoryBus, MemoryStore
from tests.unit.agent.examples import DESIGNING, OWNER

STREAMS = [UUID(int=number) for number in range(1, 5)]


class Drives:
    """Stands for the driver: takes runs up and lets go of them when told."""

    def __init__(self) -> None:
        self.begun: list[UUID] = []
        self.ended: list[UUID] = []
        self.let_go = asyncio.Event()
        self.waiting: set[UUID] = set()

    async def drive(self, project_id: UUID) -> bool:
        self.begun.append(project_id)
        if project_id in self.waiting:
            raise ExceptionGroup("", [NotYet(900.0)])
        if project_id == STREAMS[0]:
            raise RuntimeError("a bug")
        try:
            await self.let_go.wait()
        finally:
            self.ended.append(project_id)
        return True


@asynccontextmanager
async def working(drives: Drives, *, max_runs: int) -> AsyncIterator[MemoryBus]:
    """Run a worker that finds all streams open."""
    store, bus = MemoryStore(), MemoryBus()
    for stream in STREAMS:
        await store.append(stream, list(DESIGNING), expected=0, context=Context(OWNER))  # type: ignore[arg-type] # known events
    worker = Worker(store, bus, drives.drive, max_runs=max_runs, scan_s=60.0)
    stopping = asyncio.Event()
    running = asyncio.create_task(worker.run(stopping))
    try:
        yield bus
    finally:
        stopping.set()
        await running


async def eventually(holds: Callable[[], bool]) -> None:
    """Look in every turn of the loop: what is true for a moment must not be missed."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - it waits for what tasks do
            await asyncio.sleep(0)


async def test_one_run_that_breaks_does_not_take_the_others_along() -> None:
    drives = Drives()
    async with working(drives, max_runs=4):
        await eventually(lambda: len(drives.begun) == 4)
        drives.let_go.set()
        await eventually(lambda: sorted(drives.ended) == STREAMS[1:])


async def test_no_more_runs_are_driven_than_allowed() -> None:
    drives = Drives()
    async with working(drives, max_runs=2) as bus:
        await eventually(lambda: len(drives.begun) == 3)  # the first one broke
        bus.publish(subjects.RUN_POKE, b"")
        await asyncio.sleep(0.01)
        assert drives.begun == STREAMS[:3]


async def test_a_poke_makes_it_look_at_once() -> None:
    drives = Drives()
    async with working(drives, max_runs=4) as bus:
        await eventually(lambda: len(drives.begun) == 4)
        drives.let_go.set()
        await eventually(lambda: len(drives.ended) >= 3)
        bus.publish(subjects.RUN_POKE, b"")
        await eventually(lambda: len(drives.begun) > 4)


async def test_what_is_driven_is_let_go_when_the_process_ends() -> None:
    drives = Drives()
    async with working(drives, max_runs=4):
        await eventually(lambda: len(drives.begun) == 4)
    assert sorted(drives.ended) == STREAMS[1:]


async def test_runs_that_wait_leave_their_place_and_are_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.entrypoints.worker._LOOK_AGAIN_S", 0.01)
    drives = Drives()
    drives.waiting = set(STREAMS[1:3])
    async with working(drives, max_runs=1):
        await eventually(lambda: STREAMS[3] in drives.begun)
        drives.let_go.set()
        await eventually(lambda: drives.begun.count(STREAMS[1]) > 1)
