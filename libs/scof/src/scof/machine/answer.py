"""What is remembered of an answer across its blocks, and what a reader is.

An answer is read by one reader at a time: `Outside` between blocks,
`Body` in a body, `Skipping` in the body of a refused command. Each
reads as far as it can tell and hands over to the next.
"""

from typing import Protocol

from scof.events import Diagnostic, Event
from scof.grammar.readings import Note
from scof.limits import Limits

_MAX_MARKERS = 64


class Reader(Protocol):
    """A state of the machine."""

    def take(self, text: str, start: int, events: list[Event]) -> "tuple[Reader, int]":
        """Read *text* from *start* and return who goes on, and where.

        What a reader stops before, though it stays in charge, it cannot tell yet: it
        wants to see it again, with more. That is a part of one line, and bounded.
        What is reported depends on the text alone, never on how it was cut.
        """
        ...

    def end(self, held: str, events: list[Event]) -> None:
        """Report what is open at the end of the answer; *held* was not read yet."""
        ...

    def current_line(self) -> int:
        """Return the number of the line that is being read, from 1."""
        ...


class Between(Reader, Protocol):
    """The reader between blocks, to which every other one returns."""

    def resume(self, line: str) -> Reader:
        """Return this reader as if it had read *line* up to its line feed."""
        ...


class Answer:
    """The account of one answer: lines, markers, limits, commands seen."""

    __slots__ = (
        "_commands",
        "_diagnostics",
        "_files",
        "has_carriage_returns",
        "limits",
        "line",
        "markers",
        "outside",
    )

    outside: Between

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.line = 1
        """The line that is being read; a body counts its own lines when it closes."""
        self.markers: set[str] = set()
        """Announced markers; one that turns up in prose is an orphan."""
        self.has_carriage_returns = False
        self._files = 0
        self._commands: set[tuple[str, ...]] = set()
        self._diagnostics = 0

    def report(
        self, events: list[Event], note: Note, *, line: int, path: str | None = None
    ) -> None:
        """Add a diagnostic, unless there were too many."""
        self._diagnostics += 1
        excess = self._diagnostics - self.limits.diagnostics
        if excess <= 0:
            events.append(Diagnostic(note.code, note.message, line, path))
        elif excess == 1:
            message = "There is more to report than will be reported."
            events.append(Diagnostic("too_many_diagnostics", message, line))

    def announce(self, marker: str) -> None:
        """Remember a marker; the first few are enough to know an orphan."""
        if marker and len(self.markers) < _MAX_MARKERS:
            self.markers.add(marker)

    def count_file(self) -> bool:
        """Count a block and return whether there may be so many."""
        self._files += 1
        return self._files <= self.limits.files

    def is_new(self, argv: tuple[str, ...]) -> bool:
        """Whether this install command was not seen before."""
        return argv not in self._commands

    def count_command(self, argv: tuple[str, ...]) -> bool:
        """Count a new install command and return whether there may be so many."""
        if len(self._commands) >= self.limits.commands:
            return False
        self._commands.add(argv)
        return True
