"""What a line outside bodies turns out to be. Plain values, made by the grammar."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from scof.events import Code


class Note(NamedTuple):
    """A diagnostic that does not know its line yet."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Marker:
    """The line that closes a body, and whether tabs before it count (`<<-`)."""

    spellings: tuple[str, ...]
    """More than one where quotes leave it in doubt; any of them closes."""
    strips_tabs: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A command that opens a file or a patch."""

    path: str
    is_patch: bool
    marker: Marker
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that is not carried out; its bodies are skipped, not read."""

    note: Note
    path: str | None = None
    markers: tuple[Marker, ...] = ()
    is_certain: bool = True
    """False where the markers are guessed: then the next command ends the skipping."""


@dataclass(frozen=True, slots=True)
class Install:
    """An install command that is allowed."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A command of another kind, which nobody runs."""

    note: Note


Reading: TypeAlias = Block | Refused | Install | Ignored


def shown(text: str) -> str:
    """Return *text* as messages quote it: escaped where it is invisible, and short."""
    return repr(text if len(text) <= 80 else text[:79] + "…")  # noqa: PLR2004 - a line of a terminal
