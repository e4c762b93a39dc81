"""What the parser is compared with: other ways to read the same answers.

Neither is byte-exact, tells a cut-off file, or survives hostile input. They are here
for their speed and their growth.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Piece(NamedTuple):
    """A piece of a file, as an event of the baseline."""

    path: str
    text: str


OPENING = re.compile(r"cat > (\S+) << '(\w+)'")


@dataclass(slots=True)
class LineSplitter:
    """The plain baseline: split what came into lines, compare each with the marker."""

    rest: str = ""
    path: str = ""
    marker: str = ""
    lines: list[str] = field(default_factory=list)

    def feed(self, text: str) -> list[object]:
        """Return an event for each line that is complete now."""
        events: list[object] = []
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if self.path:
                if line == self.marker:
                    events.append(("closed", self.path, "\n".join(self.lines)))
                    self.path, self.lines = "", []
                else:
                    self.lines.append(line)
                    events.append(Piece(self.path, line))
            elif opening := OPENING.match(line):
                self.path, self.marker = opening[1], opening[2]
                events.append(("opened", self.path))
        return events


@dataclass(slots=True)
class Cumulative:
    """The usual way: each delta is added to a text that is parsed again.

    As in builders written in JavaScript, the parser is given the whole message each
    time. It remembers where the open file begins, looks for its end from there, and
    hands the content so far to a callback.
    """

    on_update: Callable[[str, str], None]
    on_close: Callable[[str, str], None]
    message: str = ""
    position: int = 0
    path: str = ""
    marker: str = ""

    def feed(self, text: str) -> list[object]:
        """Add *text* to the message and parse it."""
        self.message += text
        self.parse(self.message)
        return []

    def parse(self, message: str) -> None:
        """Parse the message as far as it has come."""
        while True:
            if not self.path:
                opening = OPENING.search(message, self.position)
                if opening is None or opening.end() == len(message):
                    return
                self.path, self.marker = opening[1], opening[2]
                self.position = opening.end() + 1
            end = message.find(f"\n{self.marker}\n", self.position)
            if end < 0:
                self.on_update(self.path, message[self.position :])
                return
            self.on_close(self.path, message[self.position : end])
            self.position = end + len(self.marker) + 2
            self.path = ""
