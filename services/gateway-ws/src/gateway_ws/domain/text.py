"""The file that is being written, as its driver tells of it piece by piece.

Progress comes without a promise: a piece may be lost, come twice, come late, or belong
to an attempt that is over. A piece therefore says where it belongs, and a hole means
that the driver has to be asked for all of the file so far. Because the text is kept
here, once for all who watch, any of them can be shown what it lacks in one piece.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts import codec
from contracts.progress import FileStarted, FileText
from contracts.project import FileWritten
from contracts.requests import OpenFile
from gateway_ws.domain import frames

TextMessage = FileStarted | FileText

_EMPTY_ON_BUS = b'0,"text":""}'
_EMPTY_ON_SCREEN = b'""}}'

_texts = codec.decoder(str)


class Opening(Struct, frozen=True, eq=False):
    """The beginning of a file; each its own: one answer may write a path twice."""

    run_id: UUID
    attempt: int
    path: str
    on_bus: bytes
    """How a piece of it begins on the bus, up to its offset."""
    on_screen: bytes
    """How a piece of it begins on the WebSocket, up to its text."""

    @classmethod
    def of(cls, run_id: UUID, attempt: int, path: str) -> "Opening":
        """Return a beginning, with how its pieces look on their way in and out."""
        empty = FileText(run_id, attempt, path, 0, "")
        on_bus = codec.encode(empty).removesuffix(_EMPTY_ON_BUS)
        on_screen = frames.text_frame(empty).removesuffix(_EMPTY_ON_SCREEN)
        return cls(run_id, attempt, path, on_bus, on_screen)

    def holds(self, message: TextMessage | OpenFile) -> bool:
        """Tell whether *message* is of the same attempt at the same file."""
        return (
            self.attempt == message.attempt
            and self.path == message.path
            and self.run_id.int == message.run_id.int  # UUID compares slowly
        )


class Place(Struct, frozen=True, gc=False):
    """How far a file has come; *offset* counts code points."""

    opening: Opening
    offset: int


class TextLost(Exception):
    """A piece is missing before the one that came: ask for the whole file."""


class OpenText:
    """The text of the open file, in order and once."""

    __slots__ = ("_closed", "_ended_run", "_last", "_pieces", "is_asked_for", "place")

    def __init__(self) -> None:
        self.place: Place | None = None
        """How far the open file has come; None between two files."""
        self.is_asked_for = False
        """Whether the driver is to say how far it is: what comes has to wait."""
        self._pieces: list[str] = []
        self._closed: Place | None = None
        self._ended_run: UUID | None = None
        self._last: FileText | None = None

    def take(self, message: TextMessage) -> None:
        """Add what is new of *message*, if anything is.

        Raises:
            TextLost: Something before it never came; nothing is added.

        """
        if self._ended_run is not None and message.run_id == self._ended_run:
            return
        if isinstance(message, FileStarted):
            self._open(message, "")
            return
        place = self.place
        if place is None or not place.opening.holds(message):
            if self._was_closed(message):
                return
            raise TextLost
        if message.offset > place.offset:
            raise TextLost
        fresh = message.text[place.offset - message.offset :]
        if fresh:
            self._last = message
            self._pieces.append(fresh)
            self.place = Place(place.opening, place.offset + len(fresh))

    def take_next(self, body: bytes) -> bytes | None:
        """Add the piece that goes on where the file is; return the frame that shows it.

        *body* is as it is on the bus: of such a piece, which nearly every one is,
        only the text is read, and that goes out as it came in. None: it is something
        else, or written differently, and nothing is added.
        """
        place = self.place
        if place is None or self.is_asked_for:
            return None
        opening, offset = place.opening, place.offset
        before = b'%b%d,"text":' % (opening.on_bus, offset)
        if not body.startswith(before):
            return None
        quoted = body[len(before) : -1]
        try:
            text = _texts.decode(quoted)
        except codec.Malformed:
            return None
        self._last = None
        self._pieces.append(text)
        self.place = Place(opening, offset + len(text))
        return b"%b%b}}" % (opening.on_screen, quoted)

    def since(self, shown: Place | None) -> list[TextMessage]:
        """Return what somebody lacks who was shown the text up to *shown*."""
        place, last = self.place, self._last
        if place is None or place == shown:
            return []
        if shown is None or shown.opening is not place.opening:
            return self.some_since(None, place.offset)[0]
        if last is not None and last.offset == shown.offset:
            return [last]  # as it came, which is the usual case
        return [self._text_after(shown.offset, place)]

    def some_since(
        self, shown: Place | None, most: int
    ) -> tuple[list[TextMessage], Place | None]:
        """Return what `since` would, of at most *most* code points, and how far it is.

        For those who may not take all of it: the same again with that place goes on.
        """
        place = self.place
        if place is None or place == shown:
            return [], place
        is_begun = shown is not None and shown.opening is place.opening
        offset = shown.offset if shown is not None and is_begun else 0
        text = self._text()[offset : offset + most]
        messages: list[TextMessage] = []
        begun = place.opening
        if not is_begun:
            messages.append(FileStarted(begun.run_id, begun.attempt, begun.path))
        if text:
            messages.append(_piece(begun, offset, text))
        return messages, replace(place, offset=offset + len(text))

    def complete(self, written: FileWritten) -> bool:
        """Add what never came of a recorded file, if it is the open one; tell that.

        *written* may be an older state of the same path: then its content goes on
        differently, and nothing happens.
        """
        place = self.place
        if place is None or place.opening.path != written.path:
            return False
        if not written.content.startswith(self._text()):
            return False
        self._pieces, self._last = [written.content], None
        self.place = replace(place, offset=len(written.content))
        return True

    def close(self) -> None:
        """Forget the open file: it is recorded, or nobody writes it any more."""
        if self.place is not None:
            self._closed, self.place, self._pieces = self.place, None, []

    def end_run(self, run_id: UUID) -> None:
        """Forget the open file, and pass over what still comes of that run."""
        self.close()
        self._ended_run = run_id

    def resume(
        self,
        answer: OpenFile | None,
        pending: Iterable[TextMessage],
        written: Iterable[FileWritten],
    ) -> None:
        """Go on from what the driver says is open; None where no run is driven.

        *pending* came since the driver was asked; a hole in it is left for the next
        piece to find. *written* was recorded meanwhile.
        """
        if answer is None or answer.path is None or self._is_over(answer):
            self.place, self._pieces = None, []
        else:
            self._reopen(answer, answer.path)
        for message in pending:
            if isinstance(message, FileStarted) and self._is_open(message):
                continue
            try:
                self.take(message)
            except TextLost:
                continue
        if any(self.complete(file) for file in written):
            self.close()

    def _open(self, start: FileStarted | OpenFile, text: str) -> None:
        self._closed, self._last = None, None
        self._pieces = [text] if text else []
        begun = Opening.of(start.run_id, start.attempt, start.path or "")
        self.place = Place(begun, len(text))

    def _reopen(self, answer: OpenFile, path: str) -> None:
        """Take all of the file so far; who was shown a part of it lacks the rest."""
        known = FileStarted(answer.run_id, answer.attempt, path)
        if not self._is_open(known) or not answer.text.startswith(self._text()):
            self._open(answer, answer.text)
        elif self.place is not None:
            self._pieces, self._last = [answer.text], None
            self.place = replace(self.place, offset=len(answer.text))

    def _is_over(self, answer: OpenFile) -> bool:
        """Tell whether the answer is of a moment ago: the driver closes a bit later."""
        if answer.run_id == self._ended_run:
            return True
        closed = self._closed
        return (
            closed is not None
            and closed.opening.holds(answer)
            and closed.offset == len(answer.text)
        )

    def _is_open(self, message: TextMessage) -> bool:
        return self.place is not None and self.place.opening.holds(message)

    def _was_closed(self, message: FileText) -> bool:
        closed = self._closed
        return (
            closed is not None
            and closed.opening.holds(message)
            and message.offset + len(message.text) <= closed.offset
        )

    def _text(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def _text_after(self, offset: int, place: Place) -> FileText:
        """Return the text from *offset* on, at a cost that grows with it alone."""
        size, first = place.offset, len(self._pieces)
        while size > offset:
            first -= 1
            size -= len(self._pieces[first])
        text = "".join(self._pieces[first:])[offset - size :]
        return _piece(place.opening, offset, text)


def _piece(begun: Opening, offset: int, text: str) -> FileText:
    return FileText(begun.run_id, begun.attempt, begun.path, offset, text)
