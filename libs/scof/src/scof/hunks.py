"""Reading a unified diff, in the shapes in which models write one.

Line numbers and counts may be missing or wrong, file headers may be missing, and a
context line may have lost its blank. So counts decide nothing: a hunk goes on until
the next header.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from scof.errors import PatchFailed

MAX_HUNKS = 2000
"""A diff of more is refused: each of them is looked for in the whole text."""

_HUNK = re.compile(r"@@(?: ?-(?P<line>\d{1,9})(?!\d))?")
_FENCE = re.compile(r"(?:`{3,}|~{3,})[a-z]*\s*")
# What tools write above the hunks of a file.
_FILE_HEADER = re.compile(
    r"diff |index [0-9a-f]|--- |\+\+\+ |(?:new|deleted) file mode |(?:old|new) mode "
    r"|similarity index |rename (?:from|to) |=+\s*\Z|Index: |\s*\Z"
)
_NO_FEED = re.compile(r"\\ ?no newline", re.IGNORECASE)


@dataclass(slots=True)
class Hunk:
    """Lines to be found in a text, and what becomes of them."""

    line: int | None = None
    """Where its header says that it begins in the old text, from 0."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Tag (blank, minus, plus) and text of each line, without line feed."""
    old_lacks_feed: bool = False
    """The last old line is the last of the text, which does not end in a line feed."""
    new_lacks_feed: bool = False
    empty_lines: int = 0
    """How many lines at the end are quite empty: context, or nothing at all."""

    @property
    def old(self) -> list[str]:
        """The lines to be found."""
        return [text for tag, text in self.lines if tag != "+"]

    def without_empty_lines(self) -> "Hunk":
        """Return this hunk, where empty lines at its end are no context."""
        lines = self.lines[: len(self.lines) - self.empty_lines]
        return Hunk(self.line, lines, self.old_lacks_feed, self.new_lacks_feed)

    def add(self, line: str) -> None:
        """Add the next line of the diff."""
        if _NO_FEED.match(line):
            last = self.lines[-1][0] if self.lines else " "
            self.old_lacks_feed = self.old_lacks_feed or last != "+"
            self.new_lacks_feed = self.new_lacks_feed or last != "-"
            return
        tag, text = line[:1], line[1:]
        if tag not in (" ", "-", "+"):
            # Quite empty, or context that has lost its blank.
            tag, text = " ", line
        # The mark holds for the last line of its side only.
        self.old_lacks_feed = self.old_lacks_feed and tag == "+"
        self.new_lacks_feed = self.new_lacks_feed and tag == "-"
        self.empty_lines = 0 if line.strip("\r") else self.empty_lines + 1
        self.lines.append((tag, text))


def read_hunks(diff: str) -> list[Hunk]:
    """Return the hunks of *diff*, at least one.

    Raises:
        PatchFailed: There are none or too many, or they are of several files.

    """
    lines = _without_fence(diff.removesuffix("\n").split("\n"))
    hunks: list[Hunk] = []
    is_headed = any(line.startswith("@@") for line in lines)
    for number, line in enumerate(lines):
        if line.startswith("@@"):
            hunks.append(_headed(line))
        elif hunks and _begins_file(lines, number):
            raise PatchFailed(0, "it changes more than one file")
        elif hunks:
            hunks[-1].add(line)
        elif not _FILE_HEADER.match(line) and (not is_headed or line[0] in " +-"):
            hunks.append(Hunk())
            hunks[-1].add(line)
    if len(hunks) > MAX_HUNKS:
        raise PatchFailed(0, f"it has more than {MAX_HUNKS} hunks")
    if not any(hunk.lines for hunk in hunks):
        raise PatchFailed(0, "it has no hunks")
    return hunks


def _without_fence(lines: list[str]) -> Sequence[str]:
    """Drop a code fence that stands round the whole diff."""
    if len(lines) > 1 and _FENCE.fullmatch(lines[0]) and _FENCE.fullmatch(lines[-1]):
        return lines[1:-1]
    return lines


def _headed(line: str) -> Hunk:
    """Return an empty hunk with the place that its header names."""
    header = _HUNK.match(line)
    if header is None or header["line"] is None:
        return Hunk()
    return Hunk(max(int(header["line"]) - 1, 0))


def _begins_file(lines: Sequence[str], number: int) -> bool:
    """Whether the headers of another file begin here, inside a hunk."""
    if lines[number].startswith("diff --git "):
        return True
    # Alone, this line deletes "-- ".
    following = [*lines[number + 1 : number + 3], "", ""]
    return (
        lines[number].startswith("--- ")
        and following[0].startswith("+++ ")
        and following[1].startswith("@@")
    )
