"""Going on with a file that was cut off: where the two halves meet."""

import re

from msgspec import Struct

MIN_OVERLAP_CHARS = 12
"""Fewer characters in common may be chance."""
_MAX_OVERLAP_CHARS = 4_000
_ENOUGH_CHARS = 400
"""Of an answer, beyond the line that it should repeat, to tell where it goes on."""

_HEADER = re.compile(r"^[ \t]*cat[ \t]+>.*<<.*$", re.MULTILINE)
_FENCE = re.compile(r"\A\s*```[^\n]*\n")


class Partial(Struct, frozen=True):
    """A file as far as it came, and the command that began it."""

    path: str
    header: str
    content: str

    @property
    def sure(self) -> str:
        """The content up to the end of its last whole line that is not blank."""
        whole, line_feed, _ = self.content.rpartition("\n")
        return whole.rstrip() + "\n" if line_feed and whole.strip() else ""

    @property
    def last_line(self) -> str:
        """The last whole line that is not blank."""
        return self.sure.rstrip("\n").rpartition("\n")[2]

    @property
    def block(self) -> str:
        """The answer's last block, up to the last whole line."""
        return f"{self.header}\n{self.sure}"


def partial_of(answer: str, path: str, content: str) -> Partial | None:
    """Return the file that the *answer* ends in; None where it cannot be gone on with.

    *content* is what there is of it.
    """
    headers = _HEADER.findall(answer)
    if not headers:
        return None
    partial = Partial(path, headers[-1].strip(), content)
    # The last block may be a patch, which nobody goes on with.
    is_its = path.rpartition("/")[2] in partial.header
    return partial if is_its and len(partial.last_line.strip()) > 1 else None


class Seam:
    """Reads the beginning of an answer until it is clear where it goes on."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._text = ""
        self._joined = False

    def feed(self, text: str) -> str:
        """Return what the parser gets of the answer so far, perhaps nothing yet."""
        if self._joined:
            return text
        self._text += text
        enough = len(self._partial.last_line) + _ENOUGH_CHARS
        return self.finish() if len(self._text) >= enough else ""

    def finish(self) -> str:
        """Return what the parser gets of an answer that has ended."""
        if self._joined:
            return ""
        self._joined = True
        return join(self._partial, self._text)


def join(partial: Partial, answer: str) -> str:
    """Return *partial* and *answer* as one text, the file's beginning included.

    An answer that begins anew, or that does not go on from the file, is returned as it
    is: the file is then asked for again.
    """
    text = _FENCE.sub("", answer)
    if _HEADER.match(text.lstrip("\n")):
        return text
    line = partial.last_line
    stripped = text.lstrip("\n")
    if stripped.startswith(f"{line}\n"):
        return partial.block + stripped[len(line) + 1 :]
    longest = min(len(partial.content), len(text), _MAX_OVERLAP_CHARS)
    for size in range(longest, MIN_OVERLAP_CHARS - 1, -1):
        if partial.content.endswith(text[:size]):
            return f"{partial.header}\n{partial.content}{text[size:]}"
    return answer
