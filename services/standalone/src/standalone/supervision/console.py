"""What a person sees: lines of all processes, each behind its name."""

import sys
from typing import TextIO

_COLORS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_OURS = "atelier"
_WIDTH = 10


class Console:
    """Writes whole lines to one stream; colours only on a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.colors = self._stream.isatty()
        self._color_of: dict[str, int] = {}

    def say(self, sentence: str) -> None:
        """Write a line of our own."""
        self.line(_OURS, sentence)

    def line(self, name: str, text: str) -> None:
        """Write *text*, one line of the process *name*."""
        prefix = f"{name:<{_WIDTH}} | "
        if self.colors:
            prefix = f"\x1b[{self._color(name)}m{prefix}\x1b[0m"
        try:
            self._stream.write(f"{prefix}{text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads any more; what we supervise goes on.
            pass

    def _color(self, name: str) -> int:
        if name == _OURS:
            return 1
        known = self._color_of
        return known.setdefault(name, _COLORS[len(known) % len(_COLORS)])
