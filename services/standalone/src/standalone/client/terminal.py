"""Lines for a person, and one at the end that changes in place."""

import shutil
import sys
import time
from typing import TextIO

_REDRAW_S = 0.05
_CLEAR = "\r\x1b[2K"


def say(sentence: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


class Terminal:
    """Writes to a stream; the live line appears only where somebody watches."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_live = self._stream.isatty()
        self._shown = ""
        self._drawn_at = 0.0

    def write(self, lines: list[str], live: str) -> None:
        """Add *lines* above the live line, which becomes *live*."""
        if not self._is_live:
            for line in lines:
                self._stream.write(f"{line}\n")
            self._stream.flush()
            return
        now = time.monotonic()
        if not lines and now - self._drawn_at < _REDRAW_S and live and self._shown:
            return  # thousands of characters a second, and eyes see twenty pictures
        self._drawn_at = now
        width = shutil.get_terminal_size().columns - 1
        text = "".join(f"{line}\n" for line in lines)
        self._shown = live[:width]
        self._stream.write(f"{_CLEAR}{text}{self._shown}")
        self._stream.flush()

    def end(self) -> None:
        """Remove the live line."""
        if self._is_live and self._shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
        self._shown = ""
