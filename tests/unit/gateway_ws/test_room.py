"""Whatever the bus loses, doubles or delays, a watcher is told every event once."""

import asyncio
import random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import codec
from contracts.progress import FileStarted, FileText, ProgressMessage, SandboxLog
from contracts.project import (
    FileWritten,
    ModelCallEnded,
    ProjectDeleted,
    RunStopped,
    Usage,
)
from contracts.requests import OpenFile
from gateway_ws.application import room as room_module
from gateway_ws.application.room import Room
from gateway_ws.application.turn import Turn
from gateway_ws.domain import wire
from tests.unit.gateway_ws.support import (
    RUN,
    USER,
    Log,
    Reader,
    batch,
    event,
    join,
    opened,
    settle,
)

STARTED = FileStarted(RUN, 1, "a.ts")
BEGIN = Turn.begin


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gather nothing, as if each message came in a turn of its own."""

    def begin(turn: Turn) -> None:
        turn.now = object()

    monkeypatch.setattr(Turn, "begin", begin)


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo that: gather all that comes before the test lets the loop turn."""
    monkeypatch.setattr(Turn, "begin", BEGIN)


def piece(offset: int, text: str) -> FileText:
    return FileText(RUN, 1, "a.ts", offset, text)


def written(content: str) -> FileWritten:
    return FileWritten(RUN, "a.ts", content, "agent", RUN, 0)


def show(room: Room, *messages: ProgressMessage) -> None:
    for message in messages:
        room.on_progress(codec.encode(message))


def record(room: Room, log: Log, data: object = None) -> None:
    """Append an event and have the bus tell of it."""
    log.events.append(event(len(log.events) + 1, data))
    room.on_events(batch(log.events[-1]))


# --- recorded events ------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(0, 40),
    st.integers(1, 7),
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 4)), max_size=15),
)
async def test_every_event_after_the_given_one_is_told_once_and_in_order(
    before: int, after: int, page: int, deliveries: list[tuple[int, int]]
) -> None:
    log, reader = Log(before), Reader()
    log.page = page
    async with opened(log) as room:
        joining = asyncio.create_task(join(room, log, reader, after))
        await asyncio.sleep(0)
        log.events = [event(seq) for seq in range(1, 31)]
        for first, count in deliveries:
            room.on_events(batch(*log.events[first - 1 : first - 1 + count]))
            await asyncio.sleep(0)
        room.on_events(batch(log.events[-1]))
        await joining
    assert reader.seqs() == list(range(min(after, before) + 1, 31))


async def test_a_watcher_at_the_end_of_the_log_asks_for_no_history() -> None:
    log, reader = Log(3), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        assert log.asked == 0
        record(room, log)
    assert reader.seqs() == [4]


async def test_an_event_that_came_before_the_first_watcher_is_not_missed() -> None:
    log, reader = Log(3), Reader()
    async with opened(log) as room:
        log.events.append(event(4))
        room.on_events(batch(log.events[3]))
        seen, log.events = log.events, log.events[:3]
        joining = asyncio.create_task(join(room, log, reader))
        await asyncio.sleep(0)
        log.events = seen
        await joining
    assert reader.seqs() == [4]


async def test_what_the_bus_has_lost_is_found_when_it_comes_back() -> None:
    log, reader = Log(3), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        log.events += [event(4), event(5)]
        room.look_again()
        await settle()
    assert reader.seqs() == [4, 5]


async def test_history_that_is_not_to_be_had_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room_module, "RETRY_S", 0.0)
    log, reader = Log(3), Reader()
    log.failures = 2
    async with opened(log) as room:
        await join(room, log, reader, after=0)
    assert reader.seqs() == [1, 2, 3]


async def test_events_of_another_project_are_not_told() -> None:
    log, reader = Log(1), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        room.project_id = UUID(int=99)
        record(room, log)
    assert reader.seqs() == []


async def test_hostile_bytes_on_the_bus_are_passed_over() -> None:
    log, reader = Log(1), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        for body in (b"\xff{", b"[]", b'{"more":' + b"[" * 10_000, b"[" * 10_000):
            room.on_events(body)
            room.on_progress(body)
        record(room, log)
    assert reader.seqs() == [2]


@pytest.mark.usefixtures("gathering")
async def test_what_comes_close_together_goes_out_in_one_write() -> None:
    log, reader = Log(1), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        record(room, log)
        first = len(reader.data)
        record(room, log)
        record(room, log)
        assert first
        assert len(reader.data) == first
        await settle()
    assert reader.seqs() == [2, 3, 4]


# --- who is slow ----------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 400), st.randoms(use_true_random=False))
async def test_a_client_that_reads_by_fits_and_starts_is_told_everything_once(
    events: int, room_bytes: int, chance: random.Random
) -> None:
    log, slow, quick = Log(1), Reader(room_bytes), Reader()
    async with opened(log) as room:
        await join(room, log, slow, after=0)
        await join(room, log, quick, after=0)
        for _ in range(events):
            record(room, log)
            if chance.random() < 0.3:
                slow.take(chance.randrange(400))
            if chance.random() < 0.2:
                await settle()
        slow.take()
    assert slow.seqs() == quick.seqs() == list(range(1, events + 2))


async def test_nothing_is_kept_for_a_client_that_does_not_read() -> None:
    log, reader = Log(1), Reader(room_bytes=100)
    async with opened(log) as room:
        await join(room, log, reader)
        for _ in range(1000):
            record(room, log)
            await asyncio.sleep(0)
        assert len(reader.data) < 70_000
        reader.take()
        await settle()
    assert reader.seqs() == list(range(2, 1002))


async def test_text_that_a_slow_client_has_missed_comes_in_one_piece() -> None:
    log, reader = Log(1), Reader(room_bytes=0)
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED)
        await settle()
        for number in range(100):
            show(room, piece(2 * number, "ab"))
        await settle()
        reader.take()
        await settle()
    assert reader.types() == ["file_start", "file_chunk"]
    assert reader.files() == {"a.ts": "ab" * 100}


async def test_a_file_that_ends_while_a_client_is_slow_is_shown_whole() -> None:
    log, reader = Log(1), Reader(room_bytes=0)
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "ab"))
        await settle()
        reader.take(1)
        await settle()
        show(room, piece(2, "cd"))
        record(room, log, written("abcd"))
        await settle()
        reader.take()
    assert reader.files() == {"a.ts": "abcd"}
    assert reader.types()[-1] == "file_end"


async def test_a_file_that_ends_while_the_driver_is_asked_is_shown_whole() -> None:
    log, reader = Log(1), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "ab"))
        await settle()
        log.open = OpenFile(RUN, 1, "a.ts", "abcdef")
        show(room, piece(4, "ef"))
        record(room, log, written("abcdef"))
    assert reader.files() == {"a.ts": "abcdef"}
    assert reader.types()[-1] == "file_end"


async def test_logs_are_dropped_for_a_slow_client() -> None:
    log, reader = Log(1), Reader(room_bytes=0)
    async with opened(log) as room:
        await join(room, log, reader)
        for number in range(100):
            show(room, SandboxLog("stdout", f"line {number}"))
            await settle()
        reader.take()
        record(room, log)
    assert len(reader.heard()) < 5
    assert reader.seqs() == [2]


# --- the open file --------------------------------------------------------------------


async def test_text_goes_on_where_a_late_joiner_came_in() -> None:
    log, reader = Log(), Reader()
    log.open = OpenFile(RUN, 1, "a.ts", "const ")
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, piece(6, "x = 1;"))
    assert [(m["type"], m["data"]) for m in reader.heard()] == [
        ("file_start", {"path": "a.ts"}),
        ("file_chunk", {"path": "a.ts", "chunk": "const "}),
        ("file_chunk", {"path": "a.ts", "chunk": "x = 1;"}),
    ]


async def test_one_who_joins_later_costs_the_others_no_repetition() -> None:
    log, first, second = Log(), Reader(), Reader()
    async with opened(log) as room:
        await join(room, log, first)
        show(room, STARTED, piece(0, "ab"))
        await settle()
        await join(room, log, second)
        show(room, piece(2, "c"))
    assert first.types() == ["file_start", "file_chunk", "file_chunk"]
    assert first.files() == second.files() == {"a.ts": "abc"}


@pytest.mark.usefixtures("gathering")
async def test_pieces_that_come_close_together_become_one() -> None:
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "a"), piece(1, "b"), piece(2, "c"))
        await settle()
    assert [m["data"].get("chunk") for m in reader.heard()] == [None, "abc"]


@pytest.mark.usefixtures("gathering")
async def test_the_end_of_a_file_is_shown_before_the_next_one_begins() -> None:
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "a"), piece(1, "b"))
        show(room, FileStarted(RUN, 1, "b.ts"), FileText(RUN, 1, "b.ts", 0, "x"))
        await settle()
    assert reader.files() == {"a.ts": "ab", "b.ts": "x"}


async def test_a_lost_piece_brings_what_is_missing() -> None:
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "a"))
        await settle()
        log.open = OpenFile(RUN, 1, "a.ts", "abcd")
        show(room, piece(2, "cd"))
    assert [m["data"].get("chunk") for m in reader.heard()] == [None, "a", "bcd"]


async def test_an_event_never_overtakes_the_text_before_it() -> None:
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "ab"))
        record(room, log)
        show(room, piece(2, "c"))
    assert reader.types() == [
        "file_start",
        "file_chunk",
        "message_posted",
        "file_chunk",
    ]


async def test_the_chunks_of_a_file_are_its_content_even_if_the_last_one_is_late() -> (
    None
):
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, STARTED, piece(0, "ab"))
        record(room, log, written("abcd"))
        show(room, piece(2, "cd"))
    assert reader.files() == {"a.ts": "abcd"}
    assert reader.types()[-1] == "file_end"


async def test_a_recorded_file_is_not_opened_again_by_an_old_answer() -> None:
    log, reader = Log(), Reader()
    log.open = OpenFile(RUN, 1, "a.ts", "abc")
    async with opened(log) as room:
        joining = asyncio.create_task(join(room, log, reader))
        await log.open_file_asked.wait()
        record(room, log, written("abcd"))
        await joining
    assert reader.types() == ["file_end"]


@pytest.mark.parametrize(
    "end",
    [
        RunStopped(RUN),
        ModelCallEnded(RUN, "implement", 0, 1, "cut", "m", Usage()),
    ],
)
async def test_a_file_that_nobody_writes_any_more_is_not_shown(end: object) -> None:
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, Reader())
        show(room, STARTED, piece(0, "ab"))
        record(room, log, end)
        await join(room, log, reader)
    assert reader.heard() == []


async def test_logs_are_passed_on() -> None:
    log, reader = Log(), Reader()
    async with opened(log) as room:
        await join(room, log, reader)
        show(room, SandboxLog("stderr", "oops"))
    assert reader.heard() == [
        {"type": "sandbox_log", "data": {"type": "stderr", "content": "oops"}}
    ]


# --- who has to go --------------------------------------------------------------------


async def test_a_deleted_project_closes_its_sockets() -> None:
    log, reader, slow = Log(), Reader(), Reader(room_bytes=-1)
    async with opened(log) as room:
        await join(room, log, reader)
        await join(room, log, slow, after=0)
        record(room, log, ProjectDeleted())
        assert reader.close_code == slow.close_code == wire.FORBIDDEN
    assert reader.types() == ["project_deleted"]


async def test_who_loses_access_is_closed_and_the_others_are_not() -> None:
    log, friend, owner = Log(), Reader(), Reader()
    async with opened(log) as room:
        await join(room, log, friend, user=UUID(int=9))
        await join(room, log, owner)
        log.refuses = {UUID(int=9)}
        room.look_again()
        await settle()
    assert friend.close_code == wire.FORBIDDEN
    assert owner.close_code is None


async def test_who_may_not_read_the_history_is_closed() -> None:
    log, reader = Log(), Reader()
    log.refuses = {USER}
    async with opened(log) as room:
        await join(room, log, reader, after=0)
    assert reader.close_code == wire.FORBIDDEN
