"""What a parser reports: frozen values, in the order in which things happened.

A block is one `FileOpened` or `PatchOpened`, any number of chunks, and one
`FileClosed`, `PatchClosed` or `FileTruncated`. Blocks never overlap.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Code: TypeAlias = Literal[
    # Taken, though a shell would not have, or would have done something else.
    "byte_order_mark",
    "carriage_return",
    "ignored_command",
    "loose_marker",
    "shell_prompt",
    "unbalanced_quote",
    "unquoted_path",
    # Refused; the body, where it has a readable marker, is skipped.
    "append",
    "bad_marker",
    "dangling_continuation",
    "incomplete_command",
    "install_refused",
    "missing_heredoc",
    "missing_path",
    "second_heredoc",
    "typographic_quotes",
    "unreadable_quotes",
    "unsafe_path",
    "unsupported_command",
    # Read as it stands, but probably not what was meant.
    "fenced_body",
    "lone_surrogate",
    "orphan_marker",
    "possible_missing_marker",
    "truncated",
    # Past a limit.
    "answer_too_large",
    "file_too_large",
    "line_too_long",
    "marker_too_long",
    "path_too_long",
    "too_many_commands",
    "too_many_diagnostics",
    "too_many_files",
]
"""What a `Diagnostic` can be about. Codes are added, never renamed."""


@dataclass(frozen=True, slots=True)
class FileOpened:
    """The whole content of the file at *path*, a canonical path, begins."""

    path: str


@dataclass(frozen=True, slots=True, init=False)
class FileChunk:
    """The next characters of a file; never empty."""

    path: str
    text: str

    def __init__(self, path: str, text: str) -> None:
        _set_file_path(self, path)
        _set_file_text(self, text)


@dataclass(frozen=True, slots=True)
class FileClosed:
    """A file is complete: *content* is exactly its chunks, joined."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class FileTruncated:
    """A file or a patch was cut off; *content* is all of it that came.

    Either the stream ended inside the block or the block passed a limit, which a
    diagnostic says. Never store it as finished; never apply it.
    """

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class PatchOpened:
    """A unified diff of the file at *path*, a canonical path, begins."""

    path: str


@dataclass(frozen=True, slots=True, init=False)
class PatchChunk:
    """The next characters of a diff; never empty."""

    path: str
    text: str

    def __init__(self, path: str, text: str) -> None:
        _set_patch_path(self, path)
        _set_patch_text(self, text)


@dataclass(frozen=True, slots=True)
class PatchClosed:
    """A diff is complete: *diff* is exactly its chunks, joined. See `apply_patch`."""

    path: str
    diff: str


@dataclass(frozen=True, slots=True)
class Command:
    """An install command that passed the grammar, such as ("npm", "install", "zod").

    To be run as it is, as an argument list, never through a shell.
    """

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prose:
    """What the model says outside blocks, unchanged; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something in the answer that is not as it should be.

    *code* is stable and explained in the README, *message* is one sentence, *line* the
    line of the answer from 1, and *path* the file that is concerned, as written,
    where there is one.
    """

    code: Code
    message: str
    line: int
    path: str | None = None


Event: TypeAlias = (
    FileOpened
    | FileChunk
    | FileClosed
    | FileTruncated
    | PatchOpened
    | PatchChunk
    | PatchClosed
    | Command
    | Prose
    | Diagnostic
)

# Chunks are made once for each piece of the stream, so their construction is the
# cost of a stream of tokens. Setting a slot through its descriptor is as frozen as
# the generated __init__ and takes three fifths of its time.
_set_file_path: Any = FileChunk.__dict__["path"].__set__
_set_file_text: Any = FileChunk.__dict__["text"].__set__
_set_patch_path: Any = PatchChunk.__dict__["path"].__set__
_set_patch_text: Any = PatchChunk.__dict__["text"].__set__
