"""The rooms of this gateway: made for the first watcher, gone with the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from contracts import subjects
from eventcore.ports import Bus
from gateway_ws.application.room import Room, Watcher
from gateway_ws.ports import Projects


class _Open:
    """A room with its subscriptions and its number of users."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.users = 0
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()


class FanOut:
    """One subscription for each project that has watchers, whatever their number."""

    def __init__(self, bus: Bus, projects: Projects, tasks: asyncio.TaskGroup) -> None:
        self._bus = bus
        self._projects = projects
        self._tasks = tasks
        self._rooms: dict[UUID, _Open] = {}

    @property
    def watchers(self) -> int:
        """Number of connections that watch a project."""
        return sum(len(entry.room.watchers) for entry in self._rooms.values())

    def recheck(self) -> None:
        """Have every watcher look for what the bus may have lost."""
        for entry in self._rooms.values():
            for watcher in entry.room.watchers:
                watcher.behind.set()

    @asynccontextmanager
    async def room(self, project_id: UUID) -> AsyncIterator[Room]:
        """Hold the project's room open; it hears the bus before this returns."""
        entry = self._rooms.get(project_id)
        if entry is None:
            entry = self._rooms[project_id] = _Open(Room(project_id, self._projects))
            self._tasks.create_task(self._keep(project_id, entry))
        entry.users += 1
        try:
            await entry.ready.wait()
            yield entry.room
        finally:
            entry.users -= 1
            if entry.users == 0:
                self._rooms.pop(project_id, None)
                entry.gone.set()

    @asynccontextmanager
    async def watch(self, room: Room, watcher: Watcher) -> AsyncIterator[None]:
        """Let *watcher* see what happens in *room*."""
        room.watchers.add(watcher)
        try:
            yield
        finally:
            room.watchers.discard(watcher)

    async def _keep(self, project_id: UUID, entry: _Open) -> None:
        room = entry.room
        events = await self._bus.listen(
            subjects.events_of(project_id), lambda _, body, __: room.on_events(body)
        )
        progress = await self._bus.listen(
            subjects.progress_of(project_id), lambda _, body, __: room.on_progress(body)
        )
        entry.ready.set()
        text = self._tasks.create_task(room.show_open_file())
        await entry.gone.wait()
        text.cancel()
        await events.close()
        await progress.close()
