"""How much of an answer is read before the parser says that it is too much."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one answer; each has a diagnostic of its own.

    Text is measured in code points, because counting them is free. UTF-8 needs at
    most four bytes for each.
    """

    line_chars: int = 8 * 1024
    """Longest command, continued lines included; more is prose (`line_too_long`)."""

    marker_chars: int = 128
    """Longest marker of a block; more and the block is skipped (`marker_too_long`)."""

    path_chars: int = 1024
    """Longest path as written; more and the block is skipped (`path_too_long`)."""

    file_chars: int = 1024 * 1024
    """Longest body; the rest of the block is skipped (`file_too_large`)."""

    files: int = 1000
    """Blocks that are opened; later ones are skipped (`too_many_files`)."""

    commands: int = 100
    """Install commands that are reported; later ones are not (`too_many_commands`)."""

    answer_chars: int = 64 * 1024 * 1024
    """Longest answer; everything after it is ignored (`answer_too_large`)."""

    diagnostics: int = 1000
    """Diagnostics that are reported; the last says so (`too_many_diagnostics`)."""
