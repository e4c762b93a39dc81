"""Reading past the body of a command that was refused or grew too large."""

from collections.abc import Sequence

from scof.events import Event
from scof.grammar.markers import is_marker_line
from scof.grammar.readings import Block, Marker, Note
from scof.machine.answer import Answer, Reader
from scof.machine.inspection import documented_command, suspect


class Skipping:
    """Reads lines up to the marker and keeps none of them.

    Where the marker is in doubt, the next command that opens a block ends the
    skipping too: one bad command never eats the next file.
    """

    __slots__ = ("_answer", "_is_certain", "_markers", "_path", "_pieces", "_size")

    def __init__(
        self,
        answer: Answer,
        markers: Sequence[Marker],
        path: str | None,
        *,
        is_certain: bool = True,
        partial: str = "",
    ) -> None:
        self._answer = answer
        self._markers = markers
        self._path = path
        self._is_certain = is_certain
        self._pieces = [partial]
        self._size = len(partial)

    def take(self, text: str, start: int, events: list[Event]) -> tuple[Reader, int]:
        """Read line by line up to the marker."""
        while start < len(text):
            feed = text.find("\n", start)
            self._keep(text, start, feed if feed >= 0 else len(text))
            if feed < 0:
                break
            line = "".join(self._pieces)
            if not self._is_certain and self._opens_block(line):
                return self._answer.outside.resume(line), feed
            self._judge(line, events)
            self._answer.line += 1
            self._pieces, self._size = [], 0
            start = feed + 1
            if not self._markers:
                return self._answer.outside, start
        return self, len(text)

    def end(self, held: str, events: list[Event]) -> None:
        """Accept a last line without line feed as the marker; report a lacking one."""
        self._judge("".join(self._pieces) + held, events)
        if self._markers:
            note = Note("truncated", "The answer ends inside a body that is skipped.")
            line = self._answer.line
            self._answer.report(events, note, line=line, path=self._path)

    def current_line(self) -> int:
        """Return the number of the line that is being skipped."""
        return self._answer.line

    def _keep(self, text: str, start: int, stop: int) -> None:
        """Keep a part of the line, unless it is too long to be one that matters."""
        self._size += stop - start
        if self._size > self._answer.limits.line_chars:
            self._pieces.clear()
        else:
            self._pieces.append(text[start:stop])

    def _judge(self, line: str, events: list[Event]) -> None:
        """Close the body, or report what looks like a command."""
        for number, marker in enumerate(self._markers):
            bare = line.lstrip("\t") if marker.strips_tabs else line
            if any(is_marker_line(bare, spelling) for spelling in marker.spellings):
                self._markers = self._markers[number + 1 :]
                return
        command = documented_command(line, self._answer.limits)
        if command is not None:
            note, at, path = suspect(
                line, command, self._path or "a file", self._answer.line
            )
            self._answer.report(events, note, line=at, path=path)

    def _opens_block(self, line: str) -> bool:
        """Whether outside this line would open a block."""
        return isinstance(documented_command(line, self._answer.limits), Block)
