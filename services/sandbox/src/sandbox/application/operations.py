"""What is done to one sandbox: each operation once, and one step at a time."""

import asyncio
from asyncio import Task, TaskGroup
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from contracts.sandbox import Failed, Pending, SandboxAnswer

WAIT_S = 2.0
"""How long an answer waits for the end before it says Pending."""
_REMEMBERED = 32
"""Ends that are kept for those who ask again."""

_CANCELLED = Failed("The operation was cancelled.")


class Operations:
    """Tasks by key, in the order in which they began."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._by_key: dict[str, Task[SandboxAnswer]] = {}
        self._ended_runs: deque[UUID] = deque(maxlen=_REMEMBERED)

    async def answer(
        self, key: str, work: Callable[[], Awaitable[SandboxAnswer]]
    ) -> SandboxAnswer:
        """Start *work* unless *key* was seen before; return its end, or Pending."""
        task = self._by_key.get(key)
        if task is None and any(_is_of(run_id, key) for run_id in self._ended_runs):
            return _CANCELLED  # its driver has not heard of it yet
        if task is None:
            task = self._tasks.create_task(_run(work))
            self._by_key[key] = task
            self._forget_old()
        await asyncio.wait({task}, timeout=WAIT_S)
        if not task.done():
            return Pending()
        return _CANCELLED if task.cancelled() else task.result()

    def _forget_old(self) -> None:
        over = [key for key, task in self._by_key.items() if task.done()]
        for key in over[: max(0, len(self._by_key) - _REMEMBERED)]:
            del self._by_key[key]

    @property
    def under_way(self) -> bool:
        """Whether something is being done."""
        return any(not task.done() for task in self._by_key.values())

    def cancel(self, *, but: str | None = None) -> None:
        """Begin to end what is under way, *but* for one key."""
        for key, task in self._by_key.items():
            # Once: a second one would reach the task while it cleans up.
            if key != but and not task.done() and not task.cancelling():
                task.cancel()

    def end_run(self, run_id: UUID) -> None:
        """Begin to end what is done for a run, and begin nothing for it any more."""
        self._ended_runs.append(run_id)
        for key, task in self._by_key.items():
            if _is_of(run_id, key) and not task.done() and not task.cancelling():
                task.cancel()

    async def ended(self) -> bool:
        """Wait a moment for everything under way; tell whether it is over."""
        waiting = {task for task in self._by_key.values() if not task.done()}
        if waiting:
            await asyncio.wait(waiting, timeout=WAIT_S)
        return not self.under_way


class Turns:
    """Who may change a sandbox, in the order in which they want to."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        """Whoever has it may."""
        self._steps: set[Task[Any]] = set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let our task be ended meanwhile, whether it has its turn or waits for it."""
        step = asyncio.current_task()
        if step is None:
            raise RuntimeError("a step is taken in a task")
        self._steps.add(step)
        try:
            yield
        finally:
            self._steps.discard(step)

    def interrupt(self) -> None:
        """Begin to end whatever may be ended."""
        for step in self._steps:
            # Once: a second one would reach it while it cleans up.
            if not step.cancelling():
                step.cancel()


def _is_of(run_id: UUID, key: str) -> bool:
    """Tell whether a driver named an operation of that run so."""
    return key.startswith(f"{run_id}:")


async def _run(work: Callable[[], Awaitable[SandboxAnswer]]) -> SandboxAnswer:
    return await work()
