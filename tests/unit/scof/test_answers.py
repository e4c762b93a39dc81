"""The corpus of sloppy answers: what is told of each, however it arrives."""

import pytest

from scof import Parser
from tests.unit.scof.answers import CORPUS, files, joined, pieces, read, told

ANSWERS = pytest.mark.parametrize("name", CORPUS)
# Where the marker is missing for certain, or a line is not over, nothing can help.
CLOSED = pytest.mark.parametrize(
    "name",
    [
        name
        for name, (answer, expected) in CORPUS.items()
        if answer.endswith("\n") and not answer.endswith("\\\n")
        if not any(line.startswith("truncated") for line in expected)
    ],
)


@ANSWERS
def test_an_answer_is_told_line_by_line(name: str) -> None:
    answer, expected = CORPUS[name]
    assert told(read(answer)) == expected


@ANSWERS
def test_events_do_not_depend_on_where_an_answer_is_cut_in_two(name: str) -> None:
    answer, _ = CORPUS[name]
    whole = joined(read(answer))
    for cut in range(len(answer) + 1):
        assert joined(read(answer[:cut], answer[cut:])) == whole, cut


@ANSWERS
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_events_do_not_depend_on_the_size_of_pieces(name: str, size: int) -> None:
    answer, expected = CORPUS[name]
    assert told(read(*pieces(answer, size))) == expected


@ANSWERS
def test_empty_pieces_change_nothing(name: str) -> None:
    answer, expected = CORPUS[name]
    assert told(read("", *(half for char in answer for half in ("", char)))) == expected


@ANSWERS
def test_what_was_told_so_far_depends_on_what_came_so_far_alone(name: str) -> None:
    answer, _ = CORPUS[name]
    parser, events = Parser(), []
    for length, char in enumerate(answer, 1):
        events += parser.feed(char)
        assert joined(Parser().feed(answer[:length])) == joined(events)


@CLOSED
def test_one_bad_block_never_eats_the_next_file(name: str) -> None:
    answer, _ = CORPUS[name]
    following = "cat > the/next << 'THE_END'\nx\nTHE_END\n"
    assert files(read(answer + following))["the/next"] == "x\n"
