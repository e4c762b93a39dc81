"""Reading between blocks: prose, and the lines that are commands."""

from collections.abc import Sequence

from scof.events import Command, Event, Prose
from scof.grammar.commands import may_be_command, read_command
from scof.grammar.markers import BLANKS, MAX_BLANKS_AFTER_MARKER
from scof.grammar.readings import Block, Install, Note, Reading, Refused, shown
from scof.grammar.words import split_words
from scof.machine.answer import Answer, Reader
from scof.machine.body import Body
from scof.machine.skipping import Skipping

_MAX_RETRIES = 8


class Outside:
    """Where an answer begins, and where it is whenever no body is open.

    Prose is reported as it arrives. A line that begins like a command is kept until
    it is whole, with the lines that continue it.
    """

    __slots__ = (
        "_answer",
        "_head",
        "_is_command",
        "_lines",
        "_pieces",
        "_size",
        "_tail",
    )

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._is_command: bool | None = None
        """What the line is; None where that is not known yet."""
        self._pieces: list[str] = []
        """The line, while it is a command."""
        self._lines: list[str] = []
        """Lines before it that end in a backslash."""
        self._size = 0
        self._head: str | None = ""
        """A line of prose, while it may be a marker that closes nothing."""
        self._tail: str | None = None
        """How the line ends so far, where it is the rest of a command that was too
        long: after a backslash the next line belongs to it too."""

    def take(self, text: str, start: int, events: list[Event]) -> tuple[Reader, int]:
        """Report prose, and commands as their lines end."""
        said = start
        while start < len(text):
            if self._is_command is None:
                self._is_command = may_be_command(text, start)
            if self._is_command is None:
                break
            if self._is_command:
                _say(text[said:start], events)
                reader, start = self._take_command(text, start, events)
                if reader is not self:
                    return reader, start
                said = start
            else:
                stop = text.find("\n", start) + 1
                self._hear(text, start, stop or len(text))
                if stop and self._is_orphan():
                    _say(text[said:stop], events)
                    said = stop
                    self._report_orphan(events)
                if stop:
                    self._end_prose()
                start = stop or len(text)
        _say(text[said:start], events)
        return self, start

    def end(self, held: str, events: list[Event]) -> None:
        """Read a last line that has no line feed."""
        if not self._is_command:
            _say(held, events)
            self._hear(held, 0, len(held))
            self._report_orphan(events)
            return
        last = "".join(self._pieces)
        is_half = not last or _continues(last)
        self._lines.append(last)
        reading, first = self._read()
        if is_half or _needs_body(reading):
            note = Note("incomplete_command", "The answer ends inside a command.")
            reading = Refused(note)
        self._act(reading, first, "", events)

    def current_line(self) -> int:
        """Return the number of the line that is being read."""
        return self._answer.line + len(self._lines)

    def resume(self, line: str) -> Reader:
        """Go on as if *line* had been read up to its line feed, as a command."""
        self._is_command = True
        self._pieces = [line]
        return self

    def _hear(self, text: str, start: int, stop: int) -> None:
        """Follow a line of prose as far as what comes after it depends on it."""
        if self._tail is not None:
            self._tail = (self._tail + text[max(start, stop - 3) : stop])[-3:]
        elif self._head is not None and self._answer.markers:
            longest = self._answer.limits.marker_chars + MAX_BLANKS_AFTER_MARKER + 1
            if len(self._head) + stop - start <= longest:
                self._head += text[start:stop]
            else:
                self._head = None

    def _end_prose(self) -> None:
        """Begin the line after a line of prose."""
        tail = self._tail
        self._next_line(1)
        if tail is not None and _continues(tail.removesuffix("\n")):
            self._tail = ""
            self._is_command, self._head = False, None

    def _is_orphan(self) -> bool:
        """Whether the line that was heard is a marker, which closes nothing here."""
        head = self._head
        return head is not None and head.rstrip(BLANKS + "\n") in self._answer.markers

    def _report_orphan(self, events: list[Event]) -> None:
        """Report a marker that closes nothing, at the end of its line."""
        if self._is_orphan():
            marker = shown((self._head or "").rstrip(BLANKS + "\n"))
            note = Note("orphan_marker", f"The marker {marker} closes nothing here.")
            self._answer.report(events, note, line=self._answer.line)

    def _next_line(self, count: int) -> None:
        """Begin a line afresh."""
        self._answer.line += count
        self._is_command = None
        self._pieces, self._lines, self._size = [], [], 0
        self._head, self._tail = "", None

    def _take_command(
        self, text: str, start: int, events: list[Event]
    ) -> tuple[Reader, int]:
        """Keep a line that may be a command until it is whole, or too long."""
        feed = text.find("\n", start)
        stop = feed if feed >= 0 else len(text)
        room = self._answer.limits.line_chars - self._size
        self._pieces.append(text[start : min(stop, start + room + 1)])
        if stop - start > room:
            self._give_up(events)
            return self, start + room + 1
        self._size += stop - start
        if feed < 0:
            return self, stop
        self._lines.append("".join(self._pieces))
        self._pieces = []
        if _continues(self._lines[-1]):
            self._size += 1
            return self, feed + 1
        reading, first = self._read()
        return self._act(reading, first, "\n", events), feed + 1

    def _give_up(self, events: list[Event]) -> None:
        """Let a command that is too long be prose."""
        limit = self._answer.limits.line_chars
        note = Note("line_too_long", f"A command is longer than {limit} characters.")
        self._answer.report(events, note, line=self._answer.line)
        text = "\n".join([*self._lines, "".join(self._pieces)])
        _say(text, events)
        self._next_line(len(self._lines))
        self._tail = text[-3:]
        self._is_command, self._head = False, None

    def _read(self) -> tuple[Reading | None, int]:
        """Return what the lines are as one command, and the line that it begins at."""
        limits = self._answer.limits
        whole = read_command(_joined(self._lines), limits)
        if isinstance(whole, Block):
            return whole, 0
        # A stray backslash must not eat the command of the next file.
        count = len(self._lines)
        for first in range(max(1, count - _MAX_RETRIES), count):
            rest = read_command(_joined(self._lines[first:]), limits)
            if isinstance(rest, Block):
                return rest, first
        return whole, 0

    def _act(
        self, reading: Reading | None, first: int, feed: str, events: list[Event]
    ) -> Reader:
        """Report the lines, of which those before *first* are no part of a command."""
        answer, lines = self._answer, self._lines
        line = answer.line + first
        if first:
            note = Note(
                "dangling_continuation", "A command goes on in another command."
            )
            answer.report(events, note, line=answer.line)
            _say("\n".join(lines[:first]) + "\n", events)
        if reading and lines[-1].endswith("\r") and not answer.has_carriage_returns:
            answer.has_carriage_returns = True
            note = Note("carriage_return", "A carriage return ends the command.")
            answer.report(events, note, line=line)
        self._next_line(len(lines))
        reader = self._carry_out(reading, line, events)
        if reader is None:
            _say("\n".join(lines[first:]) + feed, events)
        return reader or self

    def _carry_out(
        self, reading: Reading | None, line: int, events: list[Event]
    ) -> Reader | None:
        """Return who reads on, or None where the line is prose after all."""
        if isinstance(reading, Install):
            return self._carry_out_install(reading.argv, line, events)
        if isinstance(reading, Block):
            return self._open(reading, line, events)
        if isinstance(reading, Refused):
            return self._refuse(reading, line, events)
        if reading is not None:
            self._answer.report(events, reading.note, line=line)
        return None

    def _open(self, block: Block, line: int, events: list[Event]) -> Reader | None:
        """Open a block, unless it is one too many."""
        answer = self._answer
        for note in block.notes:
            answer.report(events, note, line=line, path=block.path)
        if not answer.count_file():
            limit = f"There are more than {answer.limits.files} files."
            note = Note("too_many_files", limit)
            return self._refuse(
                Refused(note, block.path, (block.marker,)), line, events
            )
        answer.announce(block.marker.spellings[0])
        return Body(answer, block, events)

    def _refuse(
        self, refused: Refused, line: int, events: list[Event]
    ) -> Reader | None:
        """Report a refused command and skip the bodies that it owns, if any."""
        answer, markers = self._answer, refused.markers
        answer.report(events, refused.note, line=line, path=refused.path)
        for marker in markers:
            answer.announce(marker.spellings[0])
        if not markers:
            return None
        return Skipping(answer, markers, refused.path, is_certain=refused.is_certain)

    def _carry_out_install(
        self, argv: tuple[str, ...], line: int, events: list[Event]
    ) -> Reader | None:
        """Report an install command, unless it is a repeated one or one too many."""
        if self._answer.is_new(argv):
            if not self._answer.count_command(argv):
                limit = self._answer.limits.commands
                message = f"There are more than {limit} install commands."
                note = Note("too_many_commands", message)
                self._answer.report(events, note, line=line)
                return None
            events.append(Command(argv))
        return self


def _say(text: str, events: list[Event]) -> None:
    """Report prose, if there is any."""
    if text:
        events.append(Prose(text))


def _continues(line: str) -> bool:
    """Whether a command goes on after this line: it ends in one backslash."""
    line = line.rstrip("\r")
    backslashes = len(line) - len(line.rstrip("\\"))
    return backslashes % 2 == 1 and not split_words(line).has_comment


def _joined(lines: Sequence[str]) -> str:
    """Return continued lines as the one line that they stand for."""
    bare = [line.rstrip("\r") for line in lines]
    return "".join(line[:-1] for line in bare[:-1]) + bare[-1]


def _needs_body(reading: Reading | None) -> bool:
    """Whether a command is nothing without the text that has not come."""
    if isinstance(reading, Refused):
        return reading.note.code != "install_refused"
    return isinstance(reading, Block)
