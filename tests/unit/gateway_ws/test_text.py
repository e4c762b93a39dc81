"""Pieces of a file arrive lost, doubled and late; what is shown is the file."""

import json
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts import codec
from contracts.progress import FileStarted, FileText
from contracts.project import FileWritten
from contracts.requests import OpenFile
from gateway_ws.domain.text import OpenText, TextLost, TextMessage

RUN = UUID(int=1)
STARTED = FileStarted(RUN, 1, "a.ts")


def piece(offset: int, text: str, attempt: int = 1) -> FileText:
    return FileText(RUN, attempt, "a.ts", offset, text)


def written(content: str, path: str = "a.ts") -> FileWritten:
    return FileWritten(RUN, path, content, "agent", RUN, 0)


def opened(*messages: TextMessage) -> OpenText:
    text = OpenText()
    for message in (STARTED, *messages):
        text.take(message)
    return text


def shown(messages: list[TextMessage]) -> str:
    return "".join(m.text for m in messages if isinstance(m, FileText))


def test_pieces_in_order_are_shown_as_one() -> None:
    text = opened(piece(0, "ab"), piece(2, "c"))
    assert text.since(None) == [STARTED, piece(0, "abc")]


def test_a_file_without_text_is_only_begun() -> None:
    assert opened().since(None) == [STARTED]


def test_only_what_somebody_lacks_is_shown() -> None:
    text = opened(piece(0, "ab"))
    place = text.place
    text.take(piece(2, "cd"))
    text.take(piece(4, "e"))
    assert text.since(place) == [piece(2, "cde")]
    assert text.since(text.place) == []


def test_a_piece_that_came_before_is_dropped() -> None:
    assert shown(opened(piece(0, "ab"), piece(0, "ab")).since(None)) == "ab"


def test_only_what_is_new_of_a_piece_counts() -> None:
    assert shown(opened(piece(0, "ab"), piece(1, "bcd")).since(None)) == "abcd"


@pytest.mark.parametrize("missed", [piece(3, "d"), piece(0, "a", attempt=2)])
def test_a_hole_is_noticed(missed: FileText) -> None:
    text = opened(piece(0, "ab"))
    with pytest.raises(TextLost):
        text.take(missed)


def test_a_piece_of_a_file_that_never_began_is_a_hole() -> None:
    with pytest.raises(TextLost):
        OpenText().take(piece(0, "a"))


def test_what_never_came_of_a_recorded_file_is_shown_before_it_is_closed() -> None:
    text = opened(piece(0, "ab"))
    place = text.place
    assert text.complete(written("abcd"))
    assert text.since(place) == [piece(2, "cd")]


def test_an_older_state_of_the_same_path_closes_nothing() -> None:
    text = opened(piece(0, "new"))
    assert not text.complete(written("old content"))
    assert not text.complete(written("new", path="b.ts"))
    assert shown(text.since(None)) == "new"


def test_a_late_piece_of_a_recorded_file_is_dropped() -> None:
    text = opened(piece(0, "ab"))
    text.close()
    text.take(piece(1, "b"))
    assert text.since(None) == []


def test_more_of_a_closed_file_than_was_recorded_is_a_hole() -> None:
    text = opened(piece(0, "ab"))
    text.close()
    with pytest.raises(TextLost):
        text.take(piece(2, "c"))


def test_a_file_that_begins_again_is_shown_from_its_beginning() -> None:
    text = opened(piece(0, "ab"))
    place = text.place
    text.take(STARTED)
    text.take(piece(0, "xyz"))
    assert text.since(place) == [STARTED, piece(0, "xyz")]


def test_nothing_of_a_run_that_has_ended_is_shown() -> None:
    text = opened(piece(0, "ab"))
    text.end_run(RUN)
    text.take(STARTED)
    text.take(piece(0, "ab"))
    text.resume(OpenFile(RUN, 1, "a.ts", "ab"), [], [])
    assert text.since(None) == []


def test_who_was_shown_a_part_gets_the_rest_of_the_drivers_answer() -> None:
    text = opened(piece(0, "ab"))
    place = text.place
    text.resume(OpenFile(RUN, 1, "a.ts", "abcd"), [piece(4, "e")], [])
    assert text.since(place) == [piece(2, "cde")]


def test_another_file_than_was_shown_begins_anew() -> None:
    text = opened(piece(0, "ab"))
    place = text.place
    text.resume(OpenFile(RUN, 2, "a.ts", "xyz"), [], [])
    assert text.since(place) == [
        FileStarted(RUN, 2, "a.ts"),
        piece(0, "xyz", attempt=2),
    ]


@pytest.mark.parametrize("answer", [None, OpenFile(RUN, 1, None, "")])
def test_between_two_files_nothing_is_open(answer: OpenFile | None) -> None:
    text = opened(piece(0, "ab"))
    text.resume(answer, [], [])
    assert text.place is None


def test_a_file_recorded_while_the_driver_was_asked_stays_closed() -> None:
    text = OpenText()
    text.resume(OpenFile(RUN, 1, "a.ts", "ab"), [], [written("abcd")])
    assert text.since(None) == []


def test_an_answer_of_a_moment_ago_does_not_open_a_recorded_file_again() -> None:
    text = opened(piece(0, "ab"))
    text.close()
    text.resume(OpenFile(RUN, 1, "a.ts", "ab"), [], [])
    assert text.since(None) == []


CONTENT = "const answer = '42 🎉';\n"


@settings(deadline=None)
@given(st.data())
def test_a_late_joiner_sees_the_whole_file(data: st.DataObject) -> None:
    """Whatever the driver had at the question, and whatever came meanwhile."""
    cuts = data.draw(st.lists(st.integers(0, len(CONTENT)), max_size=6).map(sorted))
    bounds = [0, *cuts, len(CONTENT)]
    pieces = [piece(start, CONTENT[start:end]) for start, end in pairwise(bounds)]
    known = data.draw(st.sampled_from(bounds))
    joined = data.draw(st.integers(0, bounds.index(known)))
    text = OpenText()
    text.resume(OpenFile(RUN, 1, "a.ts", CONTENT[:known]), pieces[joined:], [])
    assert shown(text.since(None)) == CONTENT


@settings(deadline=None)
@given(st.data())
def test_looking_at_any_moments_shows_the_same_file(data: st.DataObject) -> None:
    """However the text is cut, and whenever somebody is shown what is new."""
    cuts = data.draw(st.lists(st.integers(0, len(CONTENT)), max_size=8).map(sorted))
    text = opened()
    seen, place = "", None
    for start, end in pairwise([0, *cuts, len(CONTENT)]):
        text.take(piece(start, CONTENT[start:end]))
        if data.draw(st.booleans()):
            seen += shown(text.since(place))
            place = text.place
    assert seen + shown(text.since(place)) == CONTENT


def test_a_place_says_how_far_in_code_points() -> None:
    place = opened(piece(0, "🎉é")).place
    assert place is not None
    assert (place.opening.path, place.offset) == ("a.ts", 2)


# --- pieces as they are on the bus ----------------------------------------------------

STRANGE = '\x00\x1f"\\/\u2028🎉é\n</script>'


@given(st.lists(st.text() | st.just(STRANGE), max_size=6), st.text() | st.just(STRANGE))
def test_a_piece_that_goes_out_as_it_came_in_shows_the_same(
    texts: list[str], path: str
) -> None:
    text, seen = OpenText(), ""
    text.take(FileStarted(RUN, 1, path))
    for more in texts:
        frame = text.take_next(codec.encode(FileText(RUN, 1, path, len(seen), more)))
        assert frame is not None
        data = json.loads(frame)["data"]
        assert data["path"] == path
        seen += data["chunk"]
    assert seen == "".join(texts) == shown(text.since(None))


NEXT = codec.encode(piece(2, "cd"))


@pytest.mark.parametrize(
    "body",
    [
        *(NEXT[:size] for size in range(len(NEXT))),
        codec.encode(piece(1, "b")),
        codec.encode(piece(3, "d")),
        codec.encode(piece(2, "c", attempt=2)),
        codec.encode(replace(piece(2, "c"), path="b.ts")),
        codec.encode(replace(piece(2, "c"), run_id=UUID(int=2))),
        NEXT.replace(b'"cd"', b'"c\xff"'),
        NEXT.replace(b'"cd"', b"12"),
        NEXT.replace(b'"cd"', b'"c","more":"d"'),
        NEXT + b" ",
        NEXT + b"}",
    ],
)
def test_what_is_not_the_next_piece_is_left_to_be_read(body: bytes) -> None:
    text = opened(piece(0, "ab"))
    assert text.take_next(body) is None
    assert shown(text.since(None)) == "ab"


def test_nothing_goes_on_while_the_driver_is_asked_or_nothing_is_open() -> None:
    text = opened(piece(0, "ab"))
    text.is_asked_for = True
    assert text.take_next(NEXT) is None
    assert OpenText().take_next(NEXT) is None
