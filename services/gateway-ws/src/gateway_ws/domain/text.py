"""Characters on their way to a screen: which of them a watcher has not seen.

Progress comes from a run's driver without a promise: a piece may be lost, come twice or
come from an attempt that is over. A piece therefore says where it belongs, and a
watcher that finds a hole asks the driver for all of the file so far.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.progress import FileStarted, FileText
from contracts.requests import OpenFile

TextMessage = FileStarted | FileText


class Place(Struct, frozen=True):
    """How far a file has been shown; *offset* counts code points."""

    run_id: UUID
    attempt: int
    path: str
    offset: int


class TextLost(Exception):
    """A piece is missing before the one that came: ask for the whole file."""


class TextFeed:
    """The pieces of the files of one project, in order and once."""

    def __init__(self) -> None:
        self._place: Place | None = None
        self._closed: Place | None = None

    @property
    def place(self) -> Place | None:
        """How far the open file has been shown; None between two files."""
        return self._place

    def take(self, message: TextMessage) -> TextMessage | None:
        """Return what is new of *message*, if anything is.

        Raises:
            TextLost: Something before it never came.

        """
        if isinstance(message, FileStarted):
            self._place = Place(message.run_id, message.attempt, message.path, 0)
            self._closed = None
            return message
        place = self._place
        if place is None or not _same_file(place, message):
            if self._closed is not None and _same_file(self._closed, message):
                return None
            raise TextLost
        if message.offset > place.offset:
            raise TextLost
        fresh = message.text[place.offset - message.offset :]
        if not fresh:
            return None
        self._place = replace(place, offset=place.offset + len(fresh))
        return replace(message, offset=place.offset, text=fresh)

    def close(self, path: str) -> None:
        """Forget the open file if it is *path*: it has been recorded whole."""
        if self._place is not None and self._place.path == path:
            self._place, self._closed = None, self._place

    def resume(
        self, open_file: OpenFile | None, pending: Iterable[TextMessage]
    ) -> list[TextMessage]:
        """Go on from what the driver says; return what is new of *pending*.

        *pending* came since the driver was asked; a hole in it is left for the next
        piece to find.
        """
        self._place = None
        if open_file is not None and open_file.path is not None:
            self._place = Place(
                open_file.run_id,
                open_file.attempt,
                open_file.path,
                len(open_file.text),
            )
        fresh: list[TextMessage] = []
        for message in pending:
            if isinstance(message, FileStarted) and self._is_open(message):
                continue
            try:
                new = self.take(message)
            except TextLost:
                continue
            if new is not None:
                fresh.append(new)
        return fresh

    def _is_open(self, message: FileStarted) -> bool:
        return self._place is not None and _same_file(self._place, message)


def _same_file(place: Place, message: TextMessage) -> bool:
    return (
        place.run_id == message.run_id
        and place.attempt == message.attempt
        and place.path == message.path
    )
