"""What a person sees."""

import io

from typing_extensions import override

from standalone.supervision.console import Console


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    @override
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_each_line_stands_behind_the_name_of_its_process() -> None:
    stream = io.StringIO()
    Console(stream).line("api", "ready")
    assert stream.getvalue() == "api        | ready\n"


def test_a_terminal_gets_one_colour_for_each_process() -> None:
    stream = Terminal()
    console = Console(stream)
    console.line("api", "1")
    console.line("agent", "2")
    console.line("api", "3")
    first, second, third = stream.getvalue().splitlines()
    assert first.split("m")[0] == third.split("m")[0] != second.split("m")[0]


def test_a_reader_that_has_gone_does_not_end_what_we_supervise() -> None:
    Console(Closed()).say("nobody reads this")
