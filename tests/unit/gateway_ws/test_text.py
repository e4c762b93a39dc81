"""Pieces of a file arrive lost, doubled and late; what is shown is the file."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.progress import FileStarted, FileText
from contracts.requests import OpenFile
from gateway_ws.domain.text import TextFeed, TextLost, TextMessage

RUN = UUID(int=1)
STARTED = FileStarted(RUN, 1, "a.ts")


def piece(offset: int, text: str, attempt: int = 1) -> FileText:
    return FileText(RUN, attempt, "a.ts", offset, text)


def test_pieces_in_order_pass() -> None:
    feed = TextFeed()
    messages: list[TextMessage] = [STARTED, piece(0, "ab"), piece(2, "c")]
    assert [feed.take(message) for message in messages] == messages


def test_a_piece_that_came_before_is_dropped() -> None:
    feed = TextFeed()
    feed.take(STARTED)
    feed.take(piece(0, "ab"))
    assert feed.take(piece(0, "ab")) is None


def test_only_what_is_new_of_a_piece_passes() -> None:
    feed = TextFeed()
    feed.take(STARTED)
    feed.take(piece(0, "ab"))
    assert feed.take(piece(1, "bcd")) == piece(2, "cd")


@pytest.mark.parametrize("missed", [piece(3, "d"), piece(0, "a", attempt=2)])
def test_a_hole_is_noticed(missed: FileText) -> None:
    feed = TextFeed()
    feed.take(STARTED)
    with pytest.raises(TextLost):
        feed.take(missed)


def test_a_piece_of_a_file_that_never_began_is_a_hole() -> None:
    with pytest.raises(TextLost):
        TextFeed().take(piece(0, "a"))


def test_a_late_piece_of_a_recorded_file_is_dropped() -> None:
    feed = TextFeed()
    feed.take(STARTED)
    feed.close("a.ts")
    assert feed.take(piece(0, "a")) is None


def test_a_file_begins_anew_in_another_attempt() -> None:
    feed = TextFeed()
    feed.take(STARTED)
    feed.take(piece(0, "ab"))
    again = FileStarted(RUN, 2, "a.ts")
    assert feed.take(again) == again
    assert feed.take(piece(0, "x", attempt=2)) == piece(0, "x", attempt=2)


CONTENT = "const answer = 42;\n"


@given(st.data())
def test_a_late_joiner_sees_the_whole_file(data: st.DataObject) -> None:
    """Whatever the driver had at the question, and whatever came meanwhile."""
    cuts = data.draw(st.lists(st.integers(0, len(CONTENT)), max_size=6).map(sorted))
    bounds = [0, *cuts, len(CONTENT)]
    pieces = [piece(start, CONTENT[start:end]) for start, end in pairwise(bounds)]
    known = data.draw(st.sampled_from(bounds))
    joined = data.draw(st.integers(0, bounds.index(known)))
    feed = TextFeed()
    answer = OpenFile(RUN, 1, "a.ts", CONTENT[:known])
    fresh = feed.resume(answer, pieces[joined:])
    shown = answer.text + "".join(
        message.text for message in fresh if isinstance(message, FileText)
    )
    assert shown == CONTENT
