"""The one path policy: every service that takes a path asks it, and nothing else.

A path is relative to a project's folder. What cannot change the file that is meant
(`./a`, `a//b`, `a/./b`) is normalised, or one file would have two histories; what
leaves the folder, steers a shell, hides from the eye or cannot be held by another
system is refused. Names that differ in case alone are different files.

The policy refuses early; whoever writes still does so beneath a directory handle.
"""

import re
import unicodedata

from scof.errors import UnsafePath

MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 255
MAX_SEGMENTS = 32

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Zero width, direction marks, embeddings, isolates, byte order mark.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SHELL = re.compile(r"[`;'\"]|\$[({]")
# No other system holds these in a name: people download archives.
_FOREIGN = re.compile(r"[<>:|?*]")
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\xb9\xb2\xb3]) *(\..*)?",
    re.IGNORECASE | re.DOTALL,
)


def safe_path(path: str) -> str:
    """Return the canonical form of *path*, which `safe_path` leaves as it is.

    Raises:
        UnsafePath: The path is refused; the reason is in the message.

    """
    reason = _refuse_text(path)
    if reason is None:
        segments = [part for part in path.split("/") if part not in ("", ".")]
        reason = _refuse_segments(segments)
        if reason is None:
            return "/".join(segments)
    raise UnsafePath(path, reason)


def _refuse_text(path: str) -> str | None:
    """Say what is wrong with the path as one text."""
    if not path:
        return "it is empty"
    if len(path) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    if path.startswith("/"):
        return "it is absolute"
    if path.endswith("/"):
        return "it names a folder"
    if "\\" in path:
        return "it contains a backslash"
    if _DRIVE.match(path):
        return "it begins with a drive letter"
    return _refuse_characters(path)


def _refuse_characters(path: str) -> str | None:
    """Say which character no path may have."""
    if _CONTROL.search(path):
        return "it contains a control character"
    if _INVISIBLE.search(path):
        return "it contains an invisible character"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it contains half of a surrogate pair"
    if len(encoded) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    if not unicodedata.is_normalized("NFC", path):
        return "it is not in Unicode normal form C"
    if _SHELL.search(path):
        return "it contains shell syntax"
    if _FOREIGN.search(path):
        return "it contains a character that other systems cannot hold"
    return None


def _refuse_segments(segments: list[str]) -> str | None:
    """Say which part between slashes no path may have."""
    if not segments:
        return "it names no file"
    if len(segments) > MAX_SEGMENTS:
        return f"it is deeper than {MAX_SEGMENTS} segments"
    if segments[0].startswith("~"):
        return "it begins with a home folder"
    for segment in segments:
        reason = _refuse_segment(segment)
        if reason is not None:
            return reason
    return None


def _refuse_segment(segment: str) -> str | None:
    """Say why no file or folder may have this name."""
    if segment == "..":
        return "it climbs out of a folder"
    if segment.lower() == ".git":
        return "it is inside a .git folder"
    if segment.endswith((".", " ")):
        return "a name ends with a dot or a blank"
    if _DEVICE.fullmatch(segment):
        return "a name is that of a device on other systems"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"a name is longer than {MAX_SEGMENT_BYTES} bytes"
    return None
