"""Applying unified diffs to a text, also the slightly wrong ones that models write.

A hunk is applied where its old lines stand and nowhere else: first as they are, then
without the blanks at their ends. Where they stand in several places, the line number
in the header decides if it names one of them, or the order of the hunks if it leaves
one possibility. Otherwise the diff is refused: no place is ever guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scof.errors import PatchFailed
from scof.grammar.markers import BLANKS
from scof.hunks import Hunk, read_hunks

_MAX_DISTINCT_LINES = 1_000_000


def apply_patch(original: str, diff: str) -> str:
    """Return *original* with *diff*, a unified diff of one file, applied to it.

    Context keeps the bytes of *original*. The mark for "no newline at end of file" is
    honoured; an empty text stands for a file that is not there yet.
    Where all lines of one of the two end in CR LF and none of the other do, the
    added lines follow *original*.

    Raises:
        PatchFailed: It does not apply, or could in several places; nothing is
            changed.

    """
    hunks = _with_same_feeds(read_hunks(diff), original, diff)
    has_feed = original.endswith("\n")
    lines = original.removesuffix("\n").split("\n") if original else []
    placed = _place(hunks, lines)
    result: list[str] = []
    done = 0
    for hunk, start in placed:
        result += lines[done:start]
        done = start
        for tag, text in hunk.lines:
            if tag == " ":
                result.append(lines[done])
            elif tag == "+":
                result.append(text)
            done += tag != "+"
    if done == len(lines):
        has_feed = _ends_with_feed(placed[-1][0], has_feed=has_feed)
    result += lines[done:]
    return "\n".join(result) + ("\n" if result and has_feed else "")


class _Placed(NamedTuple):
    """A hunk, and the line of the text at which its old lines begin."""

    hunk: Hunk
    start: int


@dataclass(slots=True)
class _Text:
    """Lines as one character each, so that looking for some is looking for a text."""

    forward: str
    codes: dict[str, str]
    is_loose: bool

    def needle(self, hunk: Hunk) -> str:
        """Return the old lines of *hunk* as they would stand in this text."""
        keys = (line.rstrip(BLANKS) if self.is_loose else line for line in hunk.old)
        return "".join(self.codes.get(key, "\0") for key in keys)


@dataclass(slots=True)
class _Search:
    """A hunk that was found in a text, and where to look for it again."""

    hunk: Hunk
    text: _Text
    needle: str
    pinned: int | None
    """The place that the header or the end of the text determines."""
    start: int = 0


def _read(lines: Sequence[str], *, is_loose: bool) -> _Text:
    """Return *lines* as a text of one character each."""
    codes: dict[str, str] = {}
    keys = [line.rstrip(BLANKS) for line in lines] if is_loose else lines
    for key in keys:
        codes.setdefault(key, chr(len(codes) + 1))
        if len(codes) > _MAX_DISTINCT_LINES:
            raise PatchFailed(0, "the text has too many lines")
    return _Text("".join(map(codes.__getitem__, keys)), codes, is_loose)


def _place(hunks: Sequence[Hunk], lines: Sequence[str]) -> list[_Placed]:
    """Return where each hunk goes, if there is one possibility only.

    The first places from the front and the last ones from the back are the same if,
    and only if, there is no other way to put all hunks in their order.
    """
    if not lines:
        return _place_in_nothing(hunks)
    texts = [_read(lines, is_loose=False), _read(lines, is_loose=True)]
    searches = []
    start = 0
    for number, hunk in enumerate(hunks, 1):
        search = _find(number, hunk, texts, start)
        searches.append(search)
        start = search.start + len(search.needle)
    backward = [text.forward[::-1] for text in texts]
    stop = len(lines)
    for number in range(len(searches), 0, -1):
        search = searches[number - 1]
        stop = _find_last(search, backward[search.text.is_loose], stop)
        if stop != search.start:
            raise PatchFailed(number, "its context stands in several places")
    return [_Placed(search.hunk, search.start) for search in searches]


def _place_in_nothing(hunks: Sequence[Hunk]) -> list[_Placed]:
    """Place hunks in an empty text, where there is one place and nothing to find."""
    for number, hunk in enumerate(hunks, 1):
        if hunk.without_empty_lines().old:
            raise PatchFailed(number, "its context is not there")
    return [_Placed(hunk.without_empty_lines(), 0) for hunk in hunks]


def _find(number: int, hunk: Hunk, texts: Sequence[_Text], start: int) -> _Search:
    """Return the first place from *start* on, the most exact reading of it first."""
    readings = [hunk, hunk.without_empty_lines()] if hunk.empty_lines else [hunk]
    for text in texts:
        for reading in readings:
            needle = text.needle(reading)
            if not needle:
                raise PatchFailed(number, "it has no context")
            search = _Search(reading, text, needle, _pin(reading, text, needle, start))
            search.start = (
                text.forward.find(needle, start)
                if search.pinned is None
                else search.pinned
            )
            if search.start >= 0:
                return search
    raise PatchFailed(number, "its context is not there")


def _pin(hunk: Hunk, text: _Text, needle: str, start: int) -> int | None:
    """Return the one place that the hunk says it belongs to; -1: it is not there."""
    if hunk.old_lacks_feed or hunk.new_lacks_feed:
        last = len(text.forward) - len(needle)
        return last if last >= start and text.forward.endswith(needle) else -1
    line = hunk.line
    if line is not None and line >= start and text.forward.startswith(needle, line):
        return line
    return None


def _find_last(search: _Search, backward: str, stop: int) -> int:
    """Return the last place before *stop*; there is one."""
    if search.pinned is not None:
        return search.pinned
    # Forwards through the reversed text: only that way is linear in CPython.
    found = backward.find(search.needle[::-1], len(backward) - stop)
    return len(backward) - found - len(search.needle)


def _ends_with_feed(hunk: Hunk, *, has_feed: bool) -> bool:
    """Whether a text ends in a line feed after *hunk* has changed its last lines."""
    new = [(tag, number) for number, (tag, _) in enumerate(hunk.lines) if tag != "-"]
    if not new or new[-1][0] == "+":
        return not hunk.new_lacks_feed
    # Context: as it was, unless old lines after it are gone.
    is_last = all(tag == "+" for tag, _ in hunk.lines[new[-1][1] + 1 :])
    return has_feed or not is_last


def _with_same_feeds(hunks: list[Hunk], original: str, diff: str) -> list[Hunk]:
    """Let the lines of a diff end as those of the text do, where that is clear."""
    has_returns = _all_return(original)
    if has_returns is None or _all_return(diff) is not (not has_returns):
        return hunks
    for hunk in hunks:
        hunk.lines = [
            (tag, text + "\r" if has_returns else text.removesuffix("\r"))
            for tag, text in hunk.lines
        ]
    return hunks


def _all_return(text: str) -> bool | None:
    """Whether all lines end in CR LF (True) or none do (False); None for a mixture."""
    feeds = text.count("\n")
    if not feeds:
        return None
    returns = text.count("\r\n")
    if returns == feeds:
        return True
    return None if returns else False
