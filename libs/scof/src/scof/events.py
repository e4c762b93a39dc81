"""What a parser reports: frozen values, in the order in which things happened.

A block is one `FileOpened` or `PatchOpened`, any number of chunks, and one
`FileClosed`, `PatchClosed` or `FileTruncated`. Blocks never overlap.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias


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

    *code* is stable (the README lists them), *message* is one sentence, *line* the
    line of the answer from 1, and *path* the file that is concerned, as written,
    where there is one.
    """

    code: str
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
