"""What a check has found."""

from enum import Enum

from msgspec import Struct


class Level(Enum):
    """How much it matters."""

    FINE = "ok"
    NOTE = "note"
    """Worth knowing; nothing is wrong."""
    PROBLEM = "PROBLEM"


class Finding(Struct, frozen=True):
    """One sentence about one thing."""

    level: Level
    about: str
    sentence: str


def fine(about: str, sentence: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.FINE, about, sentence)


def note(about: str, sentence: str) -> Finding:
    """Return what is worth knowing."""
    return Finding(Level.NOTE, about, sentence)


def problem(about: str, sentence: str) -> Finding:
    """Return what is wrong, and what to do about it."""
    return Finding(Level.PROBLEM, about, sentence)
