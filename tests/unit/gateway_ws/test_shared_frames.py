"""Long frames are shared, and do not pile up."""

from contracts.envelope import Recorded
from contracts.project import MessagePosted
from gateway_ws.application.shared_frames import LONG_BYTES, SharedFrames
from gateway_ws.domain import frames
from tests.unit.gateway_ws.support import RUN, event


def of(shared: SharedFrames, recorded: Recorded) -> bytes:
    return shared.of(recorded, frames.event_of(recorded))


def long(seq: int) -> Recorded:
    return event(seq, MessagePosted(RUN, "x" * LONG_BYTES))


def test_a_long_frame_is_the_same_for_all() -> None:
    shared = SharedFrames(100_000)
    assert of(shared, long(1)) is of(shared, long(1))


def test_a_short_one_is_made_anew() -> None:
    shared = SharedFrames(100_000)
    assert of(shared, event(1)) == of(shared, event(1))
    assert of(shared, event(1)) is not of(shared, event(1))


def test_the_one_that_was_asked_for_longest_ago_goes_first() -> None:
    shared = SharedFrames(2 * LONG_BYTES + 1000)
    first, second = of(shared, long(1)), of(shared, long(2))
    assert of(shared, long(1)) is first
    of(shared, long(3))
    assert of(shared, long(1)) is first
    assert of(shared, long(2)) is not second


def test_one_that_is_larger_than_all_room_is_not_kept() -> None:
    shared = SharedFrames(10)
    assert of(shared, long(1)) is not of(shared, long(1))
