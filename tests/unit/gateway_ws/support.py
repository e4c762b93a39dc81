"""A project's log, a driver and clients in memory, for rooms."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw
from typing_extensions import override

from contracts.envelope import Recorded
from contracts.project import MessagePosted, ProjectCommand
from contracts.requests import History, OpenFile, ProjectView
from gateway_ws.application.room import Room
from gateway_ws.application.shared_frames import SharedFrames
from gateway_ws.application.turn import Turn
from gateway_ws.application.watcher import Watcher
from gateway_ws.ports import Client, Projects, Refused, Unavailable

PROJECT = UUID(int=3)
USER = UUID(int=4)
RUN = UUID(int=5)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def event(seq: int, data: object = None) -> Recorded:
    said = MessagePosted(RUN, f"message {seq}") if data is None else data
    kind = str(said.__struct_config__.tag)  # type: ignore[attr-defined]
    raw = Raw(msgspec.json.encode(said))
    return Recorded(UUID(int=seq), PROJECT, seq, kind, NOON, raw)


def batch(*events: Recorded) -> bytes:
    return msgspec.json.encode(events)


class Log(Projects):
    """A project's log, and what a driver would say of its open file."""

    def __init__(self, events: int = 1) -> None:
        self.events = [event(seq) for seq in range(1, events + 1)]
        self.open: OpenFile | None = None
        self.page = 200
        self.refuses: set[UUID] = set()
        self.failures = 0
        self.asked = 0
        self.open_file_asked = asyncio.Event()

    @override
    async def view(self, user_id: UUID, project_id: UUID) -> ProjectView:
        raise AssertionError("a room asks for the history only")

    @override
    async def history(
        self, user_id: UUID, project_id: UUID, *, after: int, limit: int
    ) -> History:
        self.asked += 1
        await asyncio.sleep(0)
        if user_id in self.refuses:
            raise Refused("project_access_denied", "No.")
        if self.failures:
            self.failures -= 1
            raise Unavailable("not now")
        return History(
            self.events[after : after + min(limit, self.page)], len(self.events)
        )

    @override
    async def open_file(self, project_id: UUID) -> OpenFile | None:
        self.open_file_asked.set()
        answer = self.open
        await asyncio.sleep(0)
        return answer

    @override
    async def command(
        self, user_id: UUID, project_id: UUID, command: ProjectCommand
    ) -> ProjectView:
        raise AssertionError("a room gives no commands")


class Reader(Client):
    """A client that takes as much as it is told to; what it took is *heard*."""

    def __init__(self, room_bytes: int = 10**9) -> None:
        self.room_bytes = room_bytes
        self.data = b""
        self.is_slow = room_bytes < 0
        self.close_code: int | None = None
        self._ready = asyncio.Event()

    @override
    def write(self, data: bytes) -> None:
        if self.close_code is None:
            self.data += data
            self.is_slow = len(self.data) > self.room_bytes

    @override
    async def until_ready(self) -> None:
        while self.is_slow:
            self._ready.clear()
            await self._ready.wait()

    @override
    def close(self, code: int) -> None:
        if self.close_code is None:
            self.close_code = code

    def take(self, size: int = 10**9) -> None:
        """Read on: have room for *size* more bytes."""
        self.room_bytes = len(self.data) + size
        self.is_slow = size < 0
        self._ready.set()

    def heard(self) -> list[dict[str, Any]]:
        """Return the messages in all that was written."""
        return [msgspec.json.decode(payload) for payload in payloads(self.data)]

    def seqs(self) -> list[int]:
        return [message["seq"] for message in self.heard() if "seq" in message]

    def types(self) -> list[str]:
        return [message["type"] for message in self.heard()]

    def files(self) -> dict[str, str]:
        """Return each file as somebody holds it who follows the text alone."""
        files: dict[str, str] = {}
        for message in self.heard():
            path = message["data"].get("path")
            if message["type"] == "file_start":
                files[path] = ""
            elif message["type"] == "file_chunk":
                files[path] += message["data"]["chunk"]
        return files


def payloads(data: bytes) -> list[bytes]:
    """Return what is in the frames of *data*."""
    found = []
    while data:
        size, head = data[1], 2
        if size > 125:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[2:head], "big")
        found.append(data[head : head + size])
        data = data[head + size :]
    return found


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(60):
        await asyncio.sleep(0)


@asynccontextmanager
async def opened(log: Log) -> AsyncIterator[Room]:
    """Lend a room that watches its log."""
    async with asyncio.TaskGroup() as tasks:
        room = Room(PROJECT, log, SharedFrames(1_000_000), Turn(), tasks)
        watching = tasks.create_task(room.watch_log())
        yield room
        await settle()
        watching.cancel()
        for watcher in room.watchers():
            room.leave(watcher)


async def join(
    room: Room, log: Log, reader: Reader, after: int | None = None, user: UUID = USER
) -> Watcher:
    """Have *reader* told what comes after *after*, by default from now on."""
    version = len(log.events)
    seq = version if after is None else min(after, version)
    watcher = Watcher(user, reader, seq)
    await room.join(watcher, version)
    await settle()
    return watcher
