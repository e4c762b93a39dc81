"""Finds runs that nobody drives, and drives as many at once as it may.

The log says which runs are open; a poke only makes looking sooner.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from agent.application.world import NotYet, leaves
from chassis import logs
from contracts import subjects
from eventcore.errors import Unavailable
from eventcore.ports import Bus, LeaseStore

_log = logs.get(__name__)

_PAUSE_AFTER_CRASH_S = 5.0
"""Before this worker tries again what it broke at."""
_LOOK_AGAIN_S = 5.0
"""At a run that has to wait: it may be stopped, and another begin, meanwhile."""

Drive = Callable[[UUID], Awaitable[bool]]


class Worker:
    """Looks for work until told to stop."""

    def __init__(
        self,
        leases: LeaseStore,
        bus: Bus,
        drive: Drive,
        *,
        max_runs: int,
        scan_s: float,
    ) -> None:
        """Drive *max_runs* runs at a time; look for others every *scan_s*.

        That is how long a run may lie unnoticed when its poke is lost.
        """
        self._leases = leases
        self._bus = bus
        self._drive = drive
        self._max_runs = max_runs
        self._scan_s = scan_s
        self._driving: dict[UUID, asyncio.Task[None]] = {}
        self._not_before: dict[UUID, float] = {}
        self._look = asyncio.Event()

    @property
    def driving(self) -> int:
        """How many runs are driven now."""
        return len(self._driving)

    async def run(self, stopping: asyncio.Event) -> None:
        """Drive runs until *stopping* is set; then give all leases back."""
        pokes = await self._bus.listen(subjects.RUN_POKE, lambda *_: self._look.set())
        try:
            async with asyncio.TaskGroup() as tasks:
                halt = tasks.create_task(self._look_at(stopping))
                while not stopping.is_set():
                    await self._start_drives(tasks)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._scan_s):
                            await self._look.wait()
                    self._look.clear()
                halt.cancel()
                for task in self._driving.values():
                    task.cancel()
        finally:
            await pokes.close()

    async def _look_at(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._look.set()

    async def _start_drives(self, tasks: asyncio.TaskGroup) -> None:
        free = self._max_runs - len(self._driving)
        if free <= 0:
            return
        now = asyncio.get_running_loop().time()
        self._not_before = {
            project_id: then
            for project_id, then in self._not_before.items()
            if then > now
        }
        # Those that we drive, between two leases, or leave alone may be among them.
        passed_over = len(self._driving) + len(self._not_before)
        try:
            found = await self._leases.open_work(free + passed_over)
        except Unavailable as error:
            _log.warning("cannot look for work", reason=str(error))
            return
        known = self._driving.keys() | self._not_before.keys()
        for project_id in [one for one in found if one not in known][:free]:
            self._driving[project_id] = tasks.create_task(self._drive_one(project_id))

    async def _drive_one(self, project_id: UUID) -> None:
        with logs.bound(project=project_id):
            try:
                if await self._drive(project_id):
                    _log.info("drive ended")
                else:  # another worker was faster
                    self._wait_with(project_id, self._scan_s)
            except* NotYet as group:
                wait_s = min(one.wait_s for one in leaves(group))
                _log.info("has to wait", wait_s=wait_s)
                self._wait_with(project_id, min(wait_s, _LOOK_AGAIN_S))
            except* Unavailable as error:
                _log.warning("cannot drive", reason=repr(error))
                self._wait_with(project_id, _PAUSE_AFTER_CRASH_S)
            except* Exception:  # noqa: BLE001 - one run must not take the others along
                _log.exception("driver crashed")
                self._wait_with(project_id, _PAUSE_AFTER_CRASH_S)
            finally:
                del self._driving[project_id]
                self._look.set()

    def _wait_with(self, project_id: UUID, pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._not_before[project_id] = loop.time() + pause_s
        loop.call_later(pause_s, self._look.set)
