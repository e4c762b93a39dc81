"""Reading the body of a block: shell heredoc semantics, as the text arrives.

A line feed ends a line and nothing else does. The marker closes the body as a whole
line from the first column on; blanks and carriage returns may follow it. A partial
line is held back only as long as it may become the marker.
"""

from scof.events import (
    Event,
    FileChunk,
    FileClosed,
    FileOpened,
    FileTruncated,
    PatchChunk,
    PatchClosed,
    PatchOpened,
)
from scof.grammar.markers import NO_MARKER, UNDECIDED, after_marker, is_marker_line
from scof.grammar.readings import Block, Note, shown
from scof.machine.answer import Answer, Reader
from scof.machine.inspection import is_fenced, suspects
from scof.machine.skipping import Skipping


class Body:
    """A file or a patch that is open."""

    __slots__ = (
        "_answer",
        "_block",
        "_counted",
        "_lines",
        "_marker",
        "chunk",
        "is_free",
        "marker_line",
        "path",
        "pieces",
        "room",
        "strips_tabs",
    )

    chunk: type[FileChunk | PatchChunk]

    def __init__(self, answer: Answer, block: Block, events: list[Event]) -> None:
        self._answer = answer
        self._block = block
        self._marker = block.marker.spellings[0]
        self.marker_line = "\n" + self._marker
        """What has to stand in the text where the marker can."""
        self._counted = 0
        self._lines = 0
        self.strips_tabs = block.marker.strips_tabs
        self.chunk = PatchChunk if block.is_patch else FileChunk
        self.path = block.path
        self.pieces: list[str] = []
        """What was released, to be joined once."""
        self.room = answer.limits.file_chars
        """How many more characters the body may have."""
        self.is_free = False
        """Past the place where the marker could stand in this line."""
        opened = PatchOpened if block.is_patch else FileOpened
        events.append(opened(block.path))

    def take(self, text: str, start: int, events: list[Event]) -> tuple[Reader, int]:
        """Release content up to the marker or up to what may become it."""
        if self.strips_tabs:
            return self._take_lines(text, start, events)
        at = start
        after = NO_MARKER if self.is_free else after_marker(text, at, self._marker)
        while after == NO_MARKER:
            at = text.find(self.marker_line, at) + 1
            if not at:
                return self._take_rest(text, start, events)
            after = after_marker(text, at, self._marker)
        if excess := self._release(text, start, at, events):
            return self._overflow(events), at - excess
        return self._meet_marker(text, at, after, events)

    def end(self, held: str, events: list[Event]) -> None:
        """Accept a last line without line feed as the marker, or report the cut."""
        if is_marker_line(held, self._marker):
            self._close(held[len(self._marker) :], events)
        elif self._release(held, 0, len(held), events):
            self._overflow(events)
        else:
            note = Note("truncated", f"The answer ends inside {shown(self.path)}.")
            content = "".join(self.pieces)
            self._truncate(note, content, content, events)

    def current_line(self) -> int:
        """Return the number of the line that is being read."""
        # Counted on demand and once, because hardly anybody asks.
        for number in range(self._counted, len(self.pieces)):
            self._lines += self.pieces[number].count("\n")
        self._counted = len(self.pieces)
        return self._answer.line + self._lines

    def _take_rest(
        self, text: str, start: int, events: list[Event]
    ) -> tuple[Reader, int]:
        """Release all but a last line that may become the marker."""
        stop = text.rfind("\n", start) + 1
        rest = text[stop : stop + len(self._marker) + 1]
        self.is_free = not stop or not self._marker.startswith(rest)
        if self.is_free:
            stop = len(text)
        if excess := self._release(text, start, stop, events):
            return self._overflow(events), stop - excess
        return self, stop

    def _take_lines(
        self, text: str, start: int, events: list[Event]
    ) -> tuple[Reader, int]:
        """Do what `take` does line by line, without the tabs that begin a line."""
        while start < len(text):
            if not self.is_free:
                while text.startswith("\t", start):
                    start += 1
                after = after_marker(text, start, self._marker)
                if after != NO_MARKER:
                    return self._meet_marker(text, start, after, events)
            stop = text.find("\n", start) + 1 or len(text)
            self.is_free = text[stop - 1] != "\n"
            if excess := self._release(text, start, stop, events):
                return self._overflow(events), stop - excess
            start = stop
        return self, start

    def _meet_marker(
        self, text: str, at: int, after: int, events: list[Event]
    ) -> tuple[Reader, int]:
        """Close at the marker that stands at *at*, or wait for the rest of it."""
        if after == UNDECIDED:
            self.is_free = False
            return self, at
        self._close(text[at + len(self._marker) : after - 1], events)
        return self._answer.outside, after

    def _release(self, text: str, start: int, stop: int, events: list[Event]) -> int:
        """Report content; return how many characters of it are past the limit."""
        excess = max(stop - start - self.room, 0)
        piece = text[start : stop - excess]
        if piece:
            self.room -= len(piece)
            self.pieces.append(piece)
            events.append(self.chunk(self.path, piece))
        return excess

    def _overflow(self, events: list[Event]) -> Reader:
        """End a body that is too long and skip the rest of it."""
        limit = self._answer.limits.file_chars
        content = "".join(self.pieces)
        complete = content.rfind("\n") + 1
        path = shown(self.path)
        note = Note("file_too_large", f"{path} is longer than {limit} characters.")
        self._truncate(note, content, content[:complete], events)
        # The rest of a line that was begun belongs to the report on that line.
        marker, partial = self._block.marker, content[complete:]
        return Skipping(self._answer, (marker,), self.path, partial=partial)

    def _truncate(
        self, note: Note, content: str, complete: str, events: list[Event]
    ) -> None:
        """Report a body that was cut off; *complete* is the part to look into."""
        self._inspect(complete, events)
        self._answer.line += complete.count("\n")
        self._report(note, events)
        events.append(FileTruncated(self.path, content))

    def _close(self, trailing: str, events: list[Event]) -> None:
        """Report a complete body; *trailing* stood behind its marker."""
        content = "".join(self.pieces)
        self._inspect(content, events)
        self._answer.line += content.count("\n")
        if is_fenced(content, self.path):
            message = f"A code fence stands round the text of {shown(self.path)}."
            self._report(Note("fenced_body", message), events)
        if trailing and not (trailing == "\r" and self._answer.has_carriage_returns):
            message = f"Blanks stand behind the marker of {shown(self.path)}."
            self._report(Note("loose_marker", message), events)
        self._answer.line += 1
        closed = PatchClosed if self._block.is_patch else FileClosed
        events.append(closed(self.path, content))

    def _inspect(self, content: str, events: list[Event]) -> None:
        """Report lines that look like commands."""
        answer = self._answer
        for note, line, path in suspects(
            content, self.path, answer.line, answer.limits
        ):
            answer.report(events, note, line=line, path=path)

    def _report(self, note: Note, events: list[Event]) -> None:
        """Report something about this body at the line that is being read."""
        self._answer.report(events, note, line=self._answer.line, path=self.path)
