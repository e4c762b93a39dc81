"""Output of a program made fit to show: whole lines, plain text, bounded in rate.

Sans-I/O: bytes and the time go in, lines and messages come out.
"""

import codecs
import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

Stream: TypeAlias = Literal["stdout", "stderr"]

LINE_CHARS = 4000
"""A longer line is cut into several: nobody reads it, and a message has a limit."""
SECRET_CHARS = 6
TAIL_LINES = 60
TAIL_CHARS = 8000
MESSAGE_CHARS = 16_384
"""Largest message. Four bytes for each character at most: 64 KiB."""
BURST = 20
"""Messages that may follow each other at once."""
REFILL_PER_S = 1.0
"""Afterwards one each second, into which the lines of that second are joined."""

# Control sequences (CSI), operating system commands (OSC) up to BEL or ST, other
# two-character escapes, and what is left of the controls but the tab.
_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BREAK = re.compile(r"\r\n|\n|\r")


def plain(text: str) -> str:
    """Return *text* without what steers a terminal."""
    return _CONTROL.sub("", _ANSI.sub("", text))


class Lines:
    """Bytes of one stream in, plain lines out; where they are cut does not matter."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._cr = ""
        """A CR at the end of what came in, which may be half of a CR LF."""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that *data* completes."""
        text = self._rest + self._cr + self._decoder.decode(data)
        self._cr = "\r" if text.endswith("\r") else ""
        parts = _BREAK.split(text.removesuffix("\r"))
        self._rest = parts.pop()
        lines = [piece for part in parts for piece in _cut(part)]
        while len(self._rest) > LINE_CHARS:
            lines.append(plain(self._rest[:LINE_CHARS]))
            self._rest = self._rest[LINE_CHARS:]
        return lines

    def finish(self) -> list[str]:
        """Return what is left, a last line without its end."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = self._cr = ""
        return _cut(rest) if rest else []


def _cut(line: str) -> list[str]:
    starts = range(0, max(1, len(line)), LINE_CHARS)
    return [plain(line[at : at + LINE_CHARS]) for at in starts]


class Mask:
    """Puts stars in the place of secrets, line by line of them where they have several.

    What is shorter than `SECRET_CHARS` is no secret that anybody could keep: hiding it
    would only riddle the text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line.strip() for one in secrets for line in one.splitlines()}
        hidden = sorted(
            (line for line in lines if len(line) >= SECRET_CHARS), key=len, reverse=True
        )
        self._hidden = re.compile("|".join(map(re.escape, hidden))) if hidden else None

    def hide(self, line: str) -> str:
        """Return *line* without secrets."""
        return self._hidden.sub("***", line) if self._hidden else line


class Tail:
    """The last lines, for the moment when something has gone wrong."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, lines: Sequence[str]) -> None:
        """Remember *lines*, and forget older ones for them."""
        self._lines.extend(lines)

    @property
    def text(self) -> str:
        """Return the lines as one text of at most `TAIL_CHARS`, without blank ends."""
        return "\n".join(self._lines).strip()[-TAIL_CHARS:]


class Message(Struct, frozen=True):
    """Whole lines of one stream to be shown."""

    stream: Stream
    content: str


class Joiner:
    """Joins lines into messages, few enough of them for a screen and for the bus.

    A burst goes out at once. Whoever keeps on writing gets one message each second, and
    what does not fit into it is left out, which the next message says.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Stream, str]] = deque()
        self._chars = 0
        self._left_out = 0
        self._tokens = float(BURST)
        self._at: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is something that `take` has not returned yet."""
        return bool(self._waiting) or self._left_out > 0

    def add(self, stream: Stream, lines: Sequence[str]) -> None:
        """Take in *lines*, of which those beyond one message are counted only."""
        for line in lines:
            if self._chars + len(line) + 1 > MESSAGE_CHARS:
                self._left_out += 1
            else:
                self._waiting.append((stream, line))
                self._chars += len(line) + 1

    def take(self, now: float) -> list[Message]:
        """Return the messages that may go out at *now*, seconds on any clock."""
        if self._at is not None:
            passed = max(0.0, now - self._at)
            self._tokens = min(float(BURST), self._tokens + passed * REFILL_PER_S)
        self._at = now
        messages: list[Message] = []
        while self._waiting and self._tokens >= 1:
            self._tokens -= 1
            messages.append(self._next())
        if not self._waiting and self._left_out and self._tokens >= 1:
            self._tokens -= 1
            messages.append(Message("stderr", f"[{self._left_out} lines left out]"))
            self._left_out = 0
        return messages

    def _next(self) -> Message:
        """Return the longest run of lines of one stream."""
        stream = self._waiting[0][0]
        lines: list[str] = []
        while self._waiting and self._waiting[0][0] == stream:
            line = self._waiting.popleft()[1]
            self._chars -= len(line) + 1
            lines.append(line)
        return Message(stream, "\n".join(lines))
