"""What lies below the lines: pieces, surrogates, the start and end of an answer."""

import pytest

from scof import (
    Diagnostic,
    FileChunk,
    FileClosed,
    FileOpened,
    Limits,
    Parser,
    ParserFinished,
    Prose,
)
from tests.unit.scof.answers import codes, files, joined, read, told

OPENING = "cat > a << 'EOF'\n"


def test_a_file_is_opened_written_and_closed() -> None:
    assert joined(read("cat > ./src//a << 'EOF'\nx\n\nEOF\n")) == [
        FileOpened("src/a"),
        FileChunk("src/a", "x\n\n"),
        FileClosed("src/a", "x\n\n"),
    ]


def test_a_piece_is_told_as_soon_as_it_comes() -> None:
    parser = Parser()
    assert parser.feed(OPENING) == [FileOpened("a")]
    assert parser.feed("con") == [FileChunk("a", "con")]
    assert parser.feed("st x\n") == [FileChunk("a", "st x\n")]
    assert parser.feed("é") == [FileChunk("a", "é")]


def test_a_partial_marker_is_held_back_and_released_when_it_is_none() -> None:
    parser = Parser()
    parser.feed(OPENING)
    assert parser.feed("x\nE") == [FileChunk("a", "x\n")]
    assert parser.feed("O") == []
    assert parser.feed("L") == [FileChunk("a", "EOL")]


def test_prose_is_told_before_its_line_ends() -> None:
    parser = Parser()
    assert parser.feed("He") == [Prose("He")]
    assert parser.feed("re\nth") == [Prose("re\nth")]
    assert parser.feed("at") == [Prose("at")]


def test_a_command_is_held_back_until_its_line_ends() -> None:
    parser = Parser()
    assert parser.feed("cat > a <") == []
    assert parser.feed("< 'EOF'\n") == [FileOpened("a")]


def test_feeding_after_the_end_is_an_error_of_the_caller() -> None:
    parser = Parser()
    parser.finish()
    with pytest.raises(ParserFinished):
        parser.feed("x")


def test_finishing_twice_is_an_error_of_the_caller() -> None:
    parser = Parser()
    parser.feed(OPENING + "x")
    parser.finish()
    with pytest.raises(ParserFinished):
        parser.finish()
    with pytest.raises(ParserFinished):
        parser.feed("x")


def test_control_characters_and_foreign_line_ends_pass_through() -> None:
    body = "\n\n \t\n\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeffx\r\n\ry\n\n"
    assert files(read(f"{OPENING}{body}EOF\n")) == {"a": body}


def test_halves_of_a_surrogate_pair_are_joined() -> None:
    events = read(OPENING, "\ud83d", "\ude00\ud83d", "\ude00\n", "EOF\n")
    assert files(events) == {"a": "\U0001f600\U0001f600\n"}
    assert codes(events) == []


@pytest.mark.parametrize("character", ["\U00010000", "\U0010ffff"])
def test_the_first_and_last_surrogate_pairs_are_joined_too(character: str) -> None:
    halves = character.encode("utf-16-le")
    high, low = (halves[i : i + 2].decode("utf-16-le", "surrogatepass") for i in (0, 2))
    assert told(read(high, low)) == [f"say {character!r}"]
    assert told(read(high + low)) == [f"say {character!r}"]


def test_a_lone_surrogate_is_replaced_and_reported_where_it_stands() -> None:
    events = read(f"{OPENING}x\n\ude00\ud83d\ud83d\ude00\nEO\ud83d\nEOF\n\ud83d")
    assert told(events) == [
        "lone_surrogate@3",
        "lone_surrogate@3",
        "lone_surrogate@4",
        "file a 'x\\n\ufffd\ufffd\U0001f600\\nEO\ufffd\\n'",
        "lone_surrogate@6",
        "say '\ufffd'",
    ]


def test_a_lone_surrogate_in_a_body_of_many_pieces_has_the_right_line() -> None:
    events = read(OPENING, *"1\n2\n3\n", "\ud83d", *"4\n\n", "\ud83d", "\nEOF\n")
    lines = [event.line for event in events if isinstance(event, Diagnostic)]
    assert lines == [5, 7]


def test_a_lone_surrogate_in_a_skipped_body_has_the_right_line() -> None:
    events = read("cat >> a << 'EOF'\nx\n\ud83d\nEOF\n")
    assert told(events) == ["append@1 a", "lone_surrogate@3"]


def test_a_lone_surrogate_in_a_continued_command_has_the_right_line() -> None:
    assert told(read("npm i \\\n a\ud83d\n"))[0] == "lone_surrogate@2"


def test_a_byte_order_mark_is_dropped_at_the_start_only() -> None:
    assert told(read("\ufeff", "x\ufeff", "\ufeff")) == [
        "byte_order_mark@1",
        "say 'x\\ufeff\\ufeff'",
    ]


def test_lines_are_counted_across_files_prose_and_skipped_bodies() -> None:
    answer = (
        f"\n{OPENING}1\n2\nEOF\nsome\nprose\ncat >> b << 'EOF'\n1\nEOF\n"
        "cat > c <<- X\n1\n2\n\tX\nnpm i \\\n  a\nrm -rf x\n"
    )
    (append, ignored) = (e for e in read(answer) if isinstance(e, Diagnostic))
    assert (append.line, ignored.line) == (8, 17)


def test_long_indentation_is_no_command() -> None:
    line = " " * 64 + "cat > a << 'EOF'\nx\n"
    assert told(read(line)) == [f"say {line!r}"]


def test_a_marker_after_a_long_line_of_prose_is_an_orphan_all_the_same() -> None:
    answer = f"{OPENING}EOF\n{'x' * 500}\nEOF\n"
    assert codes(read(answer)) == ["orphan_marker"]
    assert codes(read(*answer)) == ["orphan_marker"]


def test_the_end_of_a_long_line_of_prose_is_no_orphan() -> None:
    assert codes(read(f"{OPENING}EOF\n", "x" * 500, "EOF\n")) == []


def test_a_command_far_into_a_piece_is_a_command() -> None:
    assert told(read("x\n" * 9000 + "npm i a\n"))[-1] == "run npm i a"


def test_as_many_blanks_behind_a_marker_as_are_held_back_and_no_more() -> None:
    blanks = " " * 256
    assert files(read(f"{OPENING}EOF {blanks}\nEOF{blanks}\n")) == {
        "a": f"EOF {blanks}\n"
    }
    parser = Parser()
    parser.feed(OPENING)
    assert parser.feed("EOF" + blanks) == []
    assert parser.feed(" ") == [FileChunk("a", f"EOF{blanks} ")]


def test_a_body_without_its_tabs_is_told_piece_by_piece_too() -> None:
    parser = Parser()
    parser.feed("cat > a <<- 'EOF'\n")
    assert parser.feed("\t") == []
    assert parser.feed("\tx") == [FileChunk("a", "x")]
    assert parser.feed("\ty\n\t") == [FileChunk("a", "\ty\n")]
    assert parser.feed("\tE") == []
    assert parser.feed("OF\n") == [FileClosed("a", "x\ty\n")]


def test_parsers_share_nothing() -> None:
    one, other = Parser(), Parser(limits=Limits(files=1))
    one.feed(OPENING)
    assert other.feed("x\n") == [Prose("x\n")]
    assert one.feed("x\n") == [FileChunk("a", "x\n")]
