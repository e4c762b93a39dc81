"""Server-sent events over bytes: data of whole events out, whatever the cuts.

Lines end with LF, and one CR before it is dropped. Text is not decoded here, because a
decoder of lines would split at U+2028 and its like, which occur in code.
"""

MAX_LINE_BYTES = 256 * 1024
MAX_EVENT_BYTES = 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class TooLong(Exception):
    """A line or an event is longer than any that makes sense."""


class SseParser:
    """Reads one stream; comments and fields other than ``data`` are dropped."""

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._at_start = True

    def feed(self, received: bytes) -> list[bytes]:
        """Return the data of all events that *received* brings to an end.

        Raises:
            TooLong: The sender must not be listened to any longer.

        """
        first, *rest = received.split(b"\n")
        self._hold(first)
        events: list[bytes] = []
        for part in rest:
            line = b"".join(self._partial)
            self._partial, self._partial_bytes = [], 0
            self._hold(part)
            self._take_line(line, events)
        return events

    def finish(self) -> list[bytes]:
        """Return the data of an event that the end of the stream has cut, if any."""
        events: list[bytes] = []
        self._take_line(b"".join(self._partial), events)
        self._take_line(b"", events)
        return events

    def _hold(self, part: bytes) -> None:
        self._partial.append(part)
        self._partial_bytes += len(part)
        if self._partial_bytes > MAX_LINE_BYTES:
            raise TooLong(f"a line is longer than {MAX_LINE_BYTES} bytes")

    def _take_line(self, line: bytes, events: list[bytes]) -> None:
        if self._at_start:
            line, self._at_start = line.removeprefix(_BOM), False
        line = line.removesuffix(b"\r")
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
            self._data, self._data_bytes = [], 0
            return
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._data.append(value.removeprefix(b" "))
        self._data_bytes += len(value)
        if self._data_bytes > MAX_EVENT_BYTES:
            raise TooLong(f"an event is longer than {MAX_EVENT_BYTES} bytes")
