"""What callers of this package catch.

ScofError
├── UnsafePath       a path that no file may have; say so to whoever wrote it
├── PatchFailed      a diff that does not fit its text; ask for the whole file
└── ParserFinished   `Parser.finish` was called before: a bug of the caller
"""


class ScofError(Exception):
    """Base of everything that this package raises on purpose."""


class UnsafePath(ScofError, ValueError):
    """The path policy refuses *path*; *reason* is a clause such as "it is absolute"."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"The path {path[:200]!r} is refused: {reason}.")
        self.path = path
        self.reason = reason


class PatchFailed(ScofError, ValueError):
    """A diff does not apply, and nothing was changed.

    *hunk* is the number of the hunk that fails, from 1, or 0 where the diff as a
    whole cannot be read; *reason* is a clause such as "its context is not there".
    """

    def __init__(self, hunk: int, reason: str) -> None:
        where = f"Hunk {hunk} of the patch" if hunk else "The patch"
        super().__init__(f"{where} does not apply: {reason}.")
        self.hunk = hunk
        self.reason = reason


class ParserFinished(ScofError, RuntimeError):
    """`feed` or `finish` was called after `finish`; one parser reads one answer."""
