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
_CUT_CHARS = 4
"""So much of a secret that was cut off is worth hiding; less tells nobody anything."""
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

    def feed(self, data: bytes, mask: "Mask") -> list[str]:
        """Return the lines that *data* completes, without secrets.

        Of a line without an end so much is kept back that a secret which begins in
        what is returned is known as a whole.
        """
        text = self._rest + self._cr + self._decoder.decode(data)
        self._cr = "\r" if text.endswith("\r") else ""
        parts = _BREAK.split(text.removesuffix("\r"))
        self._rest = parts.pop()
        lines: list[str] = []
        for part in parts:
            pieces, rest = _cut(part, LINE_CHARS, mask)
            lines += [*pieces, _shown(rest, mask)]
        pieces, self._rest = _cut(self._rest, LINE_CHARS + mask.longest, mask)
        return lines + pieces

    def finish(self, mask: "Mask") -> list[str]:
        """Return what is left, a last line without its end."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = self._cr = ""
        if not rest:
            return []
        pieces, rest = _cut(rest, LINE_CHARS, mask)
        return [*pieces, _shown(rest, mask)]


def _cut(line: str, room: int, mask: "Mask") -> tuple[list[str], str]:
    """Return pieces of *line*, and the rest of it that is no longer than *room*."""
    pieces: list[str] = []
    while len(line) > room:
        at = mask.end_of_secret(line, LINE_CHARS)
        pieces.append(_shown(line[:at], mask))
        line = line[at:]
    return pieces, line


def _shown(piece: str, mask: "Mask") -> str:
    return mask.hide(plain(piece))


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
        self._secrets = hidden
        self._hidden = re.compile("|".join(map(re.escape, hidden))) if hidden else None

    @property
    def longest(self) -> int:
        """Characters of the longest secret."""
        return len(self._secrets[0]) if self._secrets else 0

    def hide(self, text: str) -> str:
        """Return *text* without secrets."""
        return self._hidden.sub("***", text) if self._hidden else text

    def hide_cut(self, text: str) -> str:
        """Return *text*, whose end may be missing, without secrets and their halves."""
        text = self.hide(text)
        end = text.rstrip("\ufffd")  # half a character, where bytes were cut
        for secret in self._secrets:
            for chars in range(min(len(secret), len(end)), _CUT_CHARS - 1, -1):
                if end.endswith(secret[:chars]):
                    return f"{end[:-chars]}***"
        return text

    def end_of_secret(self, line: str, at: int) -> int:
        """Return where *line* may be cut: at *at*, or behind the secret around it."""
        if self._hidden is not None:
            for match in self._hidden.finditer(line, 0, at + self.longest):
                if match.start() < at < match.end():
                    return match.end()
        return at


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

    def add(self, stream: Stream, lines: Sequence[str], *, ours: bool = False) -> None:
        """Take in *lines*, of which those beyond one message are counted only.

        Those that are *ours*, few and short, are never left out, and say what was.
        """
        if ours and self._left_out:
            lines = [self._left_out_until_now(), *lines]
        for line in lines:
            if not ours and self._chars + len(line) + 1 > MESSAGE_CHARS:
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
            messages.append(Message("stderr", self._left_out_until_now()))
        return messages

    def _left_out_until_now(self) -> str:
        number, self._left_out = self._left_out, 0
        return f"[{number} lines left out]"

    def _next(self) -> Message:
        """Return the longest run of lines of one stream."""
        stream = self._waiting[0][0]
        lines: list[str] = []
        left = MESSAGE_CHARS
        while self._waiting and self._waiting[0][0] == stream:
            left -= len(self._waiting[0][1]) + 1
            if lines and left < 0:
                break
            line = self._waiting.popleft()[1]
            self._chars -= len(line) + 1
            lines.append(line)
        return Message(stream, "\n".join(lines))
