"""Whatever the bus loses, doubles or delays, a watcher is told every event once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from typing_extensions import override

from contracts import codec
from contracts.envelope import Recorded
from contracts.progress import FileStarted, FileText, SandboxLog
from contracts.project import FileWritten, MessagePosted, ProjectCommand, ProjectDeleted
from contracts.requests import History, OpenFile, ProjectView
from gateway_ws.application.outbox import FORBIDDEN, Outbox
from gateway_ws.application.room import Room, Watcher
from gateway_ws.ports import Projects, Refused

PROJECT = UUID(int=3)
USER = UUID(int=4)
RUN = UUID(int=5)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def event(seq: int, data: object = None) -> Recorded:
    said = MessagePosted(RUN, f"message {seq}") if data is None else data
    kind = str(said.__struct_config__.tag)  # type: ignore[attr-defined]
    raw = Raw(msgspec.json.encode(said))
    return Recorded(UUID(int=seq), PROJECT, seq, kind, NOON, raw)


class Log(Projects):
    """A project's log in memory, and what a driver would say of its open file."""

    def __init__(self, events: int = 0) -> None:
        self.events = [event(seq) for seq in range(1, events + 1)]
        self.open: OpenFile | None = None
        self.refused = False
        self.open_file_asked = asyncio.Event()

    @override
    async def view(self, user_id: UUID, project_id: UUID) -> ProjectView:
        raise AssertionError("a room asks for the history only")

    @override
    async def history(
        self, user_id: UUID, project_id: UUID, *, after: int, limit: int
    ) -> History:
        await asyncio.sleep(0)
        if self.refused:
            raise Refused("project_access_denied", "No.")
        return History(self.events[after : after + limit], len(self.events))

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


async def settle() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


def told(watcher: Watcher) -> list[dict[str, object]]:
    frames = watcher.outbox._frames  # noqa: SLF001 - a client that reads nothing yet
    return [msgspec.json.decode(frame) for frame in frames]


def seqs(watcher: Watcher) -> list[object]:
    return [message["seq"] for message in told(watcher) if "seq" in message]


@asynccontextmanager
async def watching(room: Room, *watchers: Watcher) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        room.watchers.update(watchers)
        running = [tasks.create_task(room.follow(watcher)) for watcher in watchers]
        running.append(tasks.create_task(room.show_open_file()))
        try:
            await settle()
            yield
            await settle()
        finally:
            for task in running:
                task.cancel()


def batch(*events: Recorded) -> bytes:
    return msgspec.json.encode(events)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 4)), max_size=15),
)
async def test_every_event_after_the_given_one_is_told_once_and_in_order(
    before: int, after: int, deliveries: list[tuple[int, int]]
) -> None:
    log = Log(before)
    room = Room(PROJECT, log)
    watcher = Watcher(USER, after, Outbox())
    async with watching(room, watcher):
        log.events = [event(seq) for seq in range(1, 31)]
        for first, count in deliveries:
            room.on_events(batch(*log.events[first - 1 : first - 1 + count]))
            await asyncio.sleep(0)
        room.on_events(batch(log.events[-1]))
    assert seqs(watcher) == list(range(after + 1, 31))


async def test_text_goes_on_where_a_late_joiner_came_in() -> None:
    log = Log()
    log.open = OpenFile(RUN, 1, "a.ts", "const ")
    room = Room(PROJECT, log)
    watcher = Watcher(USER, 0, Outbox())
    async with watching(room, watcher):
        room.on_progress(codec.encode(FileText(RUN, 1, "a.ts", 6, "x = 1;")))
    assert [(m["type"], m["data"]) for m in told(watcher)] == [
        ("file_start", {"path": "a.ts"}),
        ("file_chunk", {"path": "a.ts", "chunk": "const "}),
        ("file_chunk", {"path": "a.ts", "chunk": "x = 1;"}),
    ]


async def test_one_who_joins_later_costs_the_others_no_repetition() -> None:
    log = Log()
    room = Room(PROJECT, log)
    first, second = Watcher(USER, 0, Outbox()), Watcher(USER, 0, Outbox())
    async with watching(room, first):
        room.on_progress(codec.encode(FileStarted(RUN, 1, "a.ts")))
        room.on_progress(codec.encode(FileText(RUN, 1, "a.ts", 0, "ab")))
        log.open = OpenFile(RUN, 1, "a.ts", "ab")
        room.watchers.add(second)
        async with asyncio.TaskGroup() as tasks:
            joining = tasks.create_task(room.follow(second))
            await settle()
            room.on_progress(codec.encode(FileText(RUN, 1, "a.ts", 2, "c")))
            joining.cancel()
    assert [m["type"] for m in told(first)] == ["file_start", *["file_chunk"] * 2]
    assert [m["data"] for m in told(second)] == [
        {"path": "a.ts"},
        {"path": "a.ts", "chunk": "ab"},
        {"path": "a.ts", "chunk": "c"},
    ]


async def test_a_lost_piece_brings_the_whole_file_again() -> None:
    log = Log()
    room = Room(PROJECT, log)
    watcher = Watcher(USER, 0, Outbox())
    async with watching(room, watcher):
        room.on_progress(codec.encode(FileStarted(RUN, 1, "a.ts")))
        log.open = OpenFile(RUN, 1, "a.ts", "abcd")
        room.on_progress(codec.encode(FileText(RUN, 1, "a.ts", 2, "cd")))
    assert [m["data"] for m in told(watcher)] == [
        {"path": "a.ts"},
        {"path": "a.ts"},
        {"path": "a.ts", "chunk": "abcd"},
    ]


async def test_a_recorded_file_is_not_opened_again_by_an_old_answer() -> None:
    log = Log()
    log.open = OpenFile(RUN, 1, "a.ts", "abc")
    room = Room(PROJECT, log)
    watcher = Watcher(USER, 0, Outbox())
    room.watchers.add(watcher)
    written = event(1, FileWritten(RUN, "a.ts", "abcd", "agent", RUN, 0))
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(room.follow(watcher))
        showing = tasks.create_task(room.show_open_file())
        await log.open_file_asked.wait()
        log.events = [written]
        room.on_events(batch(written))
        await settle()
        following.cancel()
        showing.cancel()
    assert [m["type"] for m in told(watcher)] == ["file_end"]


async def test_logs_are_passed_on() -> None:
    room = Room(PROJECT, Log())
    watcher = Watcher(USER, 0, Outbox())
    async with watching(room, watcher):
        room.on_progress(codec.encode(SandboxLog("stderr", "oops")))
    assert told(watcher) == [
        {"type": "sandbox_log", "data": {"type": "stderr", "content": "oops"}}
    ]


async def test_hostile_bytes_on_the_bus_are_passed_over() -> None:
    log = Log(1)
    room = Room(PROJECT, log)
    watcher = Watcher(USER, 1, Outbox())
    async with watching(room, watcher):
        room.on_events(b"\xff{")
        room.on_progress(b"[]")
        log.events.append(event(2))
        room.on_events(batch(log.events[1]))
    assert seqs(watcher) == [2]


async def test_events_of_another_project_are_not_told() -> None:
    room = Room(UUID(int=99), Log())
    watcher = Watcher(USER, 0, Outbox())
    async with watching(room, watcher):
        room.on_events(batch(event(1)))
    assert told(watcher) == []


async def test_a_deleted_project_closes_its_sockets() -> None:
    log = Log()
    room = Room(PROJECT, log)
    watcher = Watcher(USER, 0, Outbox())
    async with watching(room, watcher):
        log.events = [event(1, ProjectDeleted())]
        room.on_events(batch(*log.events))
    assert watcher.outbox.close_code == FORBIDDEN


async def test_who_loses_access_is_closed() -> None:
    log = Log()
    log.refused = True
    watcher = Watcher(USER, 0, Outbox())
    async with watching(Room(PROJECT, log), watcher):
        pass
    assert watcher.outbox.close_code == FORBIDDEN
