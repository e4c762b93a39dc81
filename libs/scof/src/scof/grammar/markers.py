"""Telling the line that closes a body from the lines of the body."""

BLANKS = " \t\r"
MAX_BLANKS_AFTER_MARKER = 256
"""More than these after a marker, and the line is content: what is held back stays
bounded."""

UNDECIDED = -1
"""The line may still become the marker."""
NO_MARKER = -2


def after_marker(text: str, start: int, marker: str) -> int:
    """Return where the text goes on after the marker line that begins at *start*.

    Or UNDECIDED, or NO_MARKER.
    """
    stop = start + len(marker)
    if not text.startswith(marker, start):
        is_partial = len(text) < stop and marker.startswith(text[start:])
        return UNDECIDED if is_partial else NO_MARKER
    limit = stop + MAX_BLANKS_AFTER_MARKER + 1
    feed = text.find("\n", stop, limit)
    blanks = text[stop : feed if feed >= 0 else limit]
    if blanks.strip(BLANKS):
        return NO_MARKER
    if feed >= 0:
        return feed + 1
    return UNDECIDED if len(blanks) <= MAX_BLANKS_AFTER_MARKER else NO_MARKER


def is_marker_line(line: str, marker: str) -> bool:
    """Whether a whole line, without its line feed, closes a body."""
    return after_marker(line + "\n", 0, marker) > 0
