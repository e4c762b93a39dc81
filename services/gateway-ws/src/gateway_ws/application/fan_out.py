"""The rooms of this gateway: made for the first watcher, gone with the last."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

from contracts import subjects
from gateway_ws.application.room import Room
from gateway_ws.application.shared_frames import SharedFrames
from gateway_ws.application.turn import Turn
from gateway_ws.ports import Hearing, Projects

SHARED_BYTES = 32 * 1024 * 1024
"""Long frames that are kept for all rooms together."""


class _Open:
    """A room, what keeps it up to date, and the number of its users."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.users = 0
        self.opening = asyncio.Lock()
        self.kept_by: AsyncExitStack | None = None


class FanOut:
    """One pair of subscriptions for each project that has watchers."""

    def __init__(
        self, bus: Hearing, projects: Projects, tasks: asyncio.TaskGroup
    ) -> None:
        self._bus = bus
        self._projects = projects
        self._tasks = tasks
        self._shared = SharedFrames(SHARED_BYTES)
        self.turn = Turn()
        """The same for all rooms."""
        self._rooms: dict[UUID, _Open] = {}

    def look_again(self) -> None:
        """Have every room look for what the bus may have lost."""
        for entry in self._rooms.values():
            entry.room.look_again()

    async def enter(self, project_id: UUID) -> Room:
        """Return the project's room, which hears the bus; `leave` it in the end.

        Raises:
            Unavailable: The bus is away.

        """
        entry = self._rooms.get(project_id)
        if entry is None:
            room = Room(
                project_id, self._projects, self._shared, self.turn, self._tasks
            )
            entry = self._rooms[project_id] = _Open(room)
        entry.users += 1
        try:
            async with entry.opening:
                if entry.kept_by is None:
                    entry.kept_by = await self._keep(entry.room)
        except BaseException:
            self._left(entry)
            raise
        return entry.room

    def leave(self, room: Room) -> None:
        """Give back what `enter` returned."""
        self._left(self._rooms[room.project_id])

    def _left(self, entry: _Open) -> None:
        entry.users -= 1
        if entry.users == 0:
            del self._rooms[entry.room.project_id]
            if entry.kept_by is not None:
                self._tasks.create_task(entry.kept_by.aclose())

    async def _keep(self, room: Room) -> AsyncExitStack:
        """Have *room* hear the bus and watch the log, until the stack is closed."""
        project_id = room.project_id
        async with AsyncExitStack() as stack:
            for subject, hear in (
                (subjects.events_of(project_id), room.on_events),
                (subjects.progress_of(project_id), room.on_progress),
            ):
                subscription = await self._bus.listen(subject, hear)
                stack.push_async_callback(subscription.close)
            watching = self._tasks.create_task(room.watch_log())
            stack.callback(watching.cancel)
            return stack.pop_all()
