"""Text in, events out: the pieces of a stream, whatever they are cut from.

This module sees to what lies below the lines: pieces, surrogates, the length of the
answer. What lines mean is the readers' business.
"""

import re
from typing import TYPE_CHECKING

from scof.errors import ParserFinished
from scof.events import Event, FileChunk, PatchChunk
from scof.grammar.readings import Note
from scof.limits import Limits
from scof.machine.answer import Answer, Reader
from scof.machine.body import Body
from scof.machine.outside import Outside

if TYPE_CHECKING:
    from collections.abc import Callable

_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_BYTE_ORDER_MARK = "\ufeff"
_NO_CREDIT = -1


class Parser:
    """Reads one attempt at one answer; it is never reused.

    Whatever the pieces, the same text brings the same events in the same order; only
    the borders between neighbouring chunks of one file, and between neighbouring
    pieces of prose, follow the pieces. Memory is the open file and part of a line.
    """

    def __init__(self, *, limits: Limits | None = None) -> None:
        """Begin an answer; without *limits*, those of `Limits` hold."""
        answer = Answer(limits or Limits())
        answer.outside = Outside(answer)
        self._answer = answer
        self._reader: Reader = answer.outside
        self._held = ""
        """What the reader wants to see again, with more."""
        self._high = ""
        """The first half of a surrogate pair."""
        self._left = answer.limits.answer_chars
        self._has_begun = False
        self._is_over = False
        self._is_finished = False
        # While a body is open and nothing is held back, most pieces are content as
        # they stand, and `feed` settles them alone. The credit is how much no limit
        # forbids; the rest is a copy of what the body knows.
        self._credit = _NO_CREDIT
        self._granted = 0
        self._is_free = False
        self._initial = ""
        self._marker_line = ""
        self._keep: Callable[[str], None]
        self._chunk: type[FileChunk | PatchChunk]
        self._path = ""

    def feed(self, text: str) -> list[Event]:
        """Read the next piece of the answer and return what it brought.

        Raises:
            ParserFinished: `finish` was called before.

        """
        credit = self._credit - len(text)
        if (
            credit >= 0
            and text
            and text.isascii()
            and (self._is_free or text[0] != self._initial)
        ):
            # The line that the piece begins in is no marker; is there another one?
            if "\n" not in text:
                self._is_free = True
                self._credit = credit
                self._keep(text)
                return [self._chunk(self._path, text)]
            # One character is looked for ten times as fast as four.
            if self._initial not in text or self._marker_line not in text:
                last = text.rfind("\n") + 1
                if last == len(text) or text[last] != self._initial:
                    self._is_free = last < len(text)
                    self._credit = credit
                    self._keep(text)
                    return [self._chunk(self._path, text)]
        if self._is_finished:
            raise ParserFinished("The answer is over.")
        events: list[Event] = []
        if self._high or not text.isascii():
            self._decode(text, events)
        elif text:
            self._read(text, events)
        return events

    def finish(self) -> list[Event]:
        """End the answer and return what was still open.

        Raises:
            ParserFinished: `finish` was called before.

        """
        if self._is_finished:
            raise ParserFinished("The answer is over.")
        events: list[Event] = []
        if self._high:
            self._replace("", events)
        self._settle()
        if not self._is_over:
            self._reader.end(self._held, events)
        self._is_finished = True
        return events

    def _decode(self, text: str, events: list[Event]) -> None:
        """Join the halves of surrogate pairs; a lone one cannot be encoded later."""
        text = self._high + text
        self._high = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self._high, text = text[-1], text[:-1]
        try:
            # Much faster than looking for surrogates, and there are hardly any.
            text.encode()
        except UnicodeEncodeError:
            text = self._join(text, events)
        if text:
            self._read(text, events)
        if self._high:
            # Whatever comes next is not content as it stands.
            self._settle()

    def _join(self, text: str, events: list[Event]) -> str:
        """Read *text* up to its last lone surrogate and return the rest."""
        parts: list[str] = []
        start = 0
        for match in _SURROGATES.finditer(text):
            parts.append(text[start : match.start()])
            start = match.end()
            if len(match[0]) > 1:
                pair = match[0].encode("utf-16", "surrogatepass")
                parts.append(pair.decode("utf-16"))
            else:
                self._replace("".join(parts), events)
                parts.clear()
        parts.append(text[start:])
        return "".join(parts)

    def _replace(self, before: str, events: list[Event]) -> None:
        """Read *before* and the replacement of a lone surrogate that follows it."""
        if before:
            self._read(before, events)
        if not self._is_over:
            note = Note("lone_surrogate", "Half of a surrogate pair was replaced.")
            line = self._reader.current_line()
            self._answer.report(events, note, line=line)
            self._read("\ufffd", events)

    def _read(self, text: str, events: list[Event]) -> None:
        """Hand text to the readers, up to the limit of the answer."""
        self._settle()
        if self._is_over:
            return
        if not self._has_begun:
            self._has_begun = True
            text = self._without_mark(text, events)
        excess = len(text) - self._left
        if excess > 0:
            text = text[: self._left]
        self._left -= len(text)
        self._hand_over(self._held + text, events)
        if excess > 0:
            self._stop(events)
        else:
            self._grant()

    def _without_mark(self, text: str, events: list[Event]) -> str:
        """Drop a byte order mark from the start of the answer."""
        if not text.startswith(_BYTE_ORDER_MARK):
            return text
        note = Note("byte_order_mark", "The answer begins with a byte order mark.")
        self._answer.report(events, note, line=1)
        return text[1:]

    def _hand_over(self, text: str, events: list[Event]) -> None:
        """Let one reader after the other read *text*, as far as they can tell."""
        reader, position = self._reader, 0
        while position < len(text):
            following, position = reader.take(text, position, events)
            if following is reader:
                break
            reader = following
        self._reader = reader
        self._held = text[position:]

    def _stop(self, events: list[Event]) -> None:
        """End an answer that is too long; the rest of it is ignored."""
        limit = self._answer.limits.answer_chars
        note = Note(
            "answer_too_large", f"The answer is longer than {limit} characters."
        )
        line = self._reader.current_line()
        self._answer.report(events, note, line=line)
        self._reader.end(self._held, events)
        self._is_over = True

    def _grant(self) -> None:
        """Let `feed` settle what comes next alone, as far as it can."""
        body = self._reader
        if isinstance(body, Body) and not self._held:
            if body.strips_tabs and not body.is_free:
                return
            self._granted = self._credit = min(body.room, self._left)
            self._is_free = body.is_free
            # Where tabs are dropped, no piece with a line feed stays as it is: the
            # empty text is in every one.
            line = "" if body.strips_tabs else body.marker_line
            self._initial, self._marker_line = line[1:2], line
            self._keep = body.pieces.append
            self._chunk = body.chunk
            self._path = body.path

    def _settle(self) -> None:
        """Tell the body and the account what `feed` has settled alone."""
        if self._credit != _NO_CREDIT and isinstance(self._reader, Body):
            spent = self._granted - self._credit
            self._credit = _NO_CREDIT
            self._left -= spent
            self._reader.room -= spent
            self._reader.is_free = self._is_free
