"""Code from a language model, streamed as shell heredocs: parser, writer, diffs.

Pure: text in, values out. No I/O, no clock, no log, no dependencies, and nothing
about projects, models or transports.
"""

from scof.diff import apply_patch
from scof.errors import ParserFinished, PatchFailed, ScofError, UnsafePath
from scof.events import (
    Code,
    Command,
    Diagnostic,
    Event,
    FileChunk,
    FileClosed,
    FileOpened,
    FileTruncated,
    PatchChunk,
    PatchClosed,
    PatchOpened,
    Prose,
)
from scof.instructions import INSTRUCTIONS
from scof.limits import Limits
from scof.parser import Parser
from scof.paths import safe_path
from scof.replay import replay
from scof.writer import serialize

__all__ = [
    "INSTRUCTIONS",
    "Code",
    "Command",
    "Diagnostic",
    "Event",
    "FileChunk",
    "FileClosed",
    "FileOpened",
    "FileTruncated",
    "Limits",
    "Parser",
    "ParserFinished",
    "PatchChunk",
    "PatchClosed",
    "PatchFailed",
    "PatchOpened",
    "Prose",
    "ScofError",
    "UnsafePath",
    "apply_patch",
    "replay",
    "safe_path",
    "serialize",
]
