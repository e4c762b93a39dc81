"""Lines, and one that changes in place."""

import io

from typing_extensions import override

from standalone.client.terminal import Terminal


class Screen(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_a_file_gets_lines_and_no_bar() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.write(["one"], "bar 1/2")
    terminal.write([], "bar 2/2")
    terminal.end()
    assert stream.getvalue() == "one\n"


def test_lines_appear_above_the_bar() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    terminal.write([], "bar 1/2")
    terminal.write(["one"], "bar 2/2")
    assert screen.getvalue() == "\r\x1b[2Kbar 1/2\r\x1b[2Kone\nbar 2/2"


def test_the_bar_is_not_drawn_for_every_character() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    for number in range(1000):
        terminal.write([], f"bar {number}")
    assert screen.getvalue().count("bar") < 100


def test_the_bar_is_gone_in_the_end() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    terminal.write([], "bar")
    terminal.end()
    assert screen.getvalue().endswith("\r\x1b[2K")
