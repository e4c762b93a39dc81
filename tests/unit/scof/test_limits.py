"""Bounds: each is met exactly, each has its diagnostic, and what follows arrives."""

import tracemalloc
from collections.abc import Iterator
from itertools import chain

import pytest

from scof import Diagnostic, Event, FileOpened, Limits, Parser
from tests.unit.scof.answers import codes, pieces, read, told

AFTER = "cat > b << 'EOF'\nEOF\n"


def test_a_file_at_its_limit_is_whole() -> None:
    answer = "cat > a << 'EOF'\n123\n5\nEOF\n"
    assert told(read(answer, limits=Limits(file_chars=6))) == ["file a '123\\n5\\n'"]


def test_a_file_over_its_limit_is_cut_there_and_the_next_block_arrives() -> None:
    answer = f"cat > a << 'EOF'\n123\n567\n9\nEOF\n{AFTER}"
    assert told(read(answer, limits=Limits(file_chars=6))) == [
        "file_too_large@3 a",
        "cut file a '123\\n56'",
        "file b ''",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_a_file_over_its_limit_is_cut_there_whatever_the_pieces(size: int) -> None:
    answer = f"cat > a <<- 'EOF'\n12\n\t3456789\n\tEOF\n{AFTER}"
    events = read(*pieces(answer, size), limits=Limits(file_chars=6))
    assert told(events) == ["file_too_large@3 a", "cut file a '12\\n345'", "file b ''"]


def test_a_file_over_its_limit_is_cut_before_its_marker_has_come() -> None:
    parser = Parser(limits=Limits(file_chars=3))
    parser.feed("cat > a << 'EOF'\n")
    assert told([FileOpened("a"), *parser.feed("12345")]) == [
        "file_too_large@2 a",
        "cut file a '123'",
    ]
    assert told(parser.feed(f"6\nEOF\n{AFTER}")) == ["file b ''"]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_command_in_the_cut_part_of_a_file_is_reported_once(size: int) -> None:
    answer = f"cat > a << 'EOF'\nx\ncat > c << 'X'\nX\n{AFTER}"
    events = read(*pieces(answer, size), limits=Limits(file_chars=9))
    assert told(events) == [
        "file_too_large@3 a",
        "cut file a 'x\\ncat > c'",
        "possible_missing_marker@3 c",
        "possible_missing_marker@5 b",
    ]


def test_a_file_that_ends_in_a_partial_marker_over_its_limit_is_cut_there() -> None:
    events = read("cat > a << 'EOF'\nx\nEO", limits=Limits(file_chars=3))
    assert told(events) == ["file_too_large@3 a", "cut file a 'x\\nE'"]


def test_a_skipped_line_that_is_very_long_is_no_marker() -> None:
    answer = f"cat >> a << 'EOF'\n{'EOF' * 40}\nEOF\n{AFTER}"
    events = read(answer, limits=Limits(line_chars=100))
    assert told(events) == ["append@1 a", "file b ''"]


def test_more_files_than_allowed_are_skipped() -> None:
    answer = f"cat > a << 'EOF'\nx\nEOF\n{AFTER}npm i c\n"
    assert told(read(answer, limits=Limits(files=1))) == [
        "file a 'x\\n'",
        "too_many_files@4 b",
        "run npm i c",
    ]


def test_more_install_commands_than_allowed_are_prose() -> None:
    answer = "npm i a\nnpm i b\nnpm i a\n"
    assert told(read(answer, limits=Limits(commands=1))) == [
        "run npm i a",
        "too_many_commands@2",
        "say 'npm i b\\n'",
    ]


def test_a_marker_over_its_limit_still_owns_its_body() -> None:
    answer = f"cat > a << 'ABCD'\nx\nABCD\n{AFTER}"
    assert told(read(answer, limits=Limits(marker_chars=3))) == [
        "marker_too_long@1 a",
        "file b ''",
    ]


def test_a_path_over_its_limit_still_owns_its_body() -> None:
    answer = f"cat > abcd << 'X'\nx\nX\n{AFTER}"
    assert told(read(answer, limits=Limits(path_chars=3))) == [
        "path_too_long@1 abcd",
        "file b ''",
    ]


def test_a_command_over_the_limit_of_a_line_is_prose() -> None:
    answer = f"npm i {'a' * 20}\n{AFTER}"
    assert told(read(answer, limits=Limits(line_chars=20))) == [
        "line_too_long@1",
        f"say {answer.partition('cat')[0]!r}",
        "file b ''",
    ]


def test_the_rest_of_a_command_that_is_too_long_is_no_command() -> None:
    answer = "npm i aaaa npm i b\n"
    events = read(answer, limits=Limits(line_chars=10))
    assert told(events) == ["line_too_long@1", f"say {answer!r}"]


def test_lines_are_counted_in_commands_that_are_too_long() -> None:
    answer = f"npm i \\\n \\\n{'a' * 20}\nrm -rf x\n"
    events = read(answer, limits=Limits(line_chars=20))
    assert [e.line for e in events if isinstance(e, Diagnostic)] == [1, 4]


def test_a_command_at_the_limit_of_a_line_is_read() -> None:
    assert told(read("npm i a\n", limits=Limits(line_chars=7))) == ["run npm i a"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_continues_a_command_that_is_too_long_is_no_command(size: int) -> None:
    answer = "npm i a \\\n b \\\r\nnpm i c\\\nnpm i d\nnpm i e\n"
    events = read(*pieces(answer, size), limits=Limits(line_chars=11))
    assert told(events) == [
        "line_too_long@1",
        f"say {answer.partition('npm i e')[0]!r}",
        "run npm i e",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_an_answer_over_its_limit_ends_there(size: int) -> None:
    answer = "so\ncat > a << 'EOF'\nabc\ndef\nEOF\n"
    events = read(*pieces(answer, size), limits=Limits(answer_chars=25))
    assert told(events) == [
        "say 'so\\n'",
        "answer_too_large@4",
        "truncated@4 a",
        "cut file a 'abc\\nd'",
    ]


def test_an_answer_at_its_limit_is_whole() -> None:
    answer = "cat > a << 'EOF'\nxy\nEOF\n"
    limits = Limits(answer_chars=len(answer))
    assert told(read(answer, limits=limits)) == ["file a 'xy\\n'"]


def test_after_the_limit_of_an_answer_nothing_is_told() -> None:
    parser = Parser(limits=Limits(answer_chars=3))
    parser.feed("1234")
    assert parser.feed("5\ud83d6") == []
    assert parser.finish() == []


def test_the_last_diagnostic_says_that_there_are_more() -> None:
    events = read("rm -rf x\n" * 5, limits=Limits(diagnostics=2))
    assert codes(events) == ["ignored_command"] * 2 + ["too_many_diagnostics"]


def test_messages_stay_short_whatever_they_quote() -> None:
    answer = f"cat > {'../' * 2000} << 'EOF'\nEOF\nrm -rf {'x' * 8000}\n"
    events = read(answer)
    assert all(len(e.message) < 300 for e in events if isinstance(e, Diagnostic))


def _endless(files: int) -> Iterator[str]:
    for number in range(files):
        yield f"Here is file {number}:\ncat > src/{number}.ts << 'EOF'\n"
        yield from ["const x = 1;\n  // 64 characters of code, more or less" * 2] * 500
        yield "\nEOF\n"


def _peak(parser: Parser, answer: Iterator[str]) -> int:
    events: list[Event]
    tracemalloc.start()
    for piece in answer:
        events = parser.feed(piece)
    del events
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_grows_with_the_open_file_only() -> None:
    assert _peak(Parser(), _endless(20)) < 1.2 * _peak(Parser(), _endless(2))


def _long_line() -> Iterator[str]:
    yield from (f"{number:01000}" for number in range(2000))


def test_memory_of_a_skipped_line_does_not_grow() -> None:
    answer = chain(["cat >> a << 'EOF'\n"], _long_line())
    assert _peak(Parser(), answer) < 100_000


def test_memory_of_prose_does_not_grow() -> None:
    answer = chain(["cat > a << 'EOF'\nEOF\n"], _long_line())
    assert _peak(Parser(), answer) < 100_000


def test_memory_of_a_command_that_never_ends_does_not_grow() -> None:
    answer = chain(["cat > a "], _long_line())
    assert _peak(Parser(), answer) < 100_000
