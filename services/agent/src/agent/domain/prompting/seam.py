"""Going on with a file that was cut off: where the two halves meet.

The model is shown the file so far in a block of ours and asked to write the last whole
line once more. Only an answer that does exactly so is joined: a guess may be wrong, and
asking for the whole file again is merely dear.
"""

from msgspec import Struct

from scof import serialize


class Partial(Struct, frozen=True):
    """A file as far as it came."""

    path: str
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
        """The command that begins the file, and the file up to its last whole line.

        The marker is one that is no line of the file so far.
        """
        command, _, _ = serialize({self.path: self.sure}).partition("\n")
        return f"{command}\n{self.sure}"


def partial_of(path: str, content: str) -> Partial | None:
    """Return the file to go on with; None where its last line tells too little."""
    partial = Partial(path, content)
    return partial if len(partial.last_line.strip()) > 1 else None


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
        is_clear = len(self._text.lstrip("\n")) > len(self._partial.last_line)
        return self.finish() if is_clear else ""

    def finish(self) -> str:
        """Return what the parser gets of an answer that has ended."""
        if self._joined:
            return ""
        self._joined = True
        return join(self._partial, self._text)


def join(partial: Partial, answer: str) -> str:
    """Return *partial* and *answer* as one text, the file's beginning included.

    An answer that does not begin with the file's last line is returned as it is: it may
    begin the file anew, and if it does not, the file is asked for again.
    """
    text = answer.lstrip("\n")
    line = f"{partial.last_line}\n"
    return partial.block + text[len(line) :] if text.startswith(line) else answer
