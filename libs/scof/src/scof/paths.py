"""The one path policy: every service that takes a path asks it, and nothing else.

A path is relative to a project's folder. What cannot change the file that is meant
(`./a`, `a//b`, `a/./b`) is normalised, or one file would have two histories; what
leaves the folder, steers a shell, hides from the eye or cannot be held by another
system is refused. Names that differ in case alone are different files.

The policy refuses early; whoever writes still does so beneath a directory handle.
"""

import re
import unicodedata
from collections.abc import Iterable

from scof.errors import UnsafePath

MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 255
MAX_SEGMENTS = 32

# Each rule: what is searched for, and the clause that the caller is told.
_TEXT_RULES = (
    (re.compile(r"\A\Z"), "it is empty"),
    (re.compile(r"\A/"), "it is absolute"),
    (re.compile(r"/\Z"), "it names a folder"),
    (re.compile(r"\\"), "it contains a backslash"),
    (re.compile(r"\A[A-Za-z]:"), "it begins with a drive letter"),
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "it contains a control character"),
    # Soft hyphen, direction marks, zero width, line separators, embeddings,
    # isolates, byte order mark, language tags.
    (
        re.compile(
            "[\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
            "\U000e0000-\U000e007f]"
        ),
        "it contains an invisible character",
    ),
    (re.compile("[\ud800-\udfff]"), "it contains half of a surrogate pair"),
    (re.compile(r"[`;'\"]|\$[({]"), "it contains shell syntax"),
    # People download archives and unpack them elsewhere.
    (re.compile(r"[<>:|?*]"), "it contains a character that other systems refuse"),
)

_SEGMENT_RULES = (
    (re.compile(r"\A\.\.\Z"), "it climbs out of a folder"),
    # git~1 is what the other name becomes where names are short.
    (re.compile(r"\A(?:\.git|git~1)\Z", re.IGNORECASE), "it enters a .git folder"),
    (re.compile(r"[. ]\Z"), "a name ends with a dot or a blank"),
    (
        re.compile(
            r"\A(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\xb9\xb2\xb3])"
            r" *(?:\.|\Z)",
            re.IGNORECASE,
        ),
        "a name belongs to a device on other systems",
    ),
)

# One search for all the rules together: hardly any path breaks one.
_TEXT = re.compile("|".join(rule.pattern for rule, _ in _TEXT_RULES))
_SEGMENT = re.compile(
    "|".join(rule.pattern for rule, _ in _SEGMENT_RULES), re.IGNORECASE
)


def safe_path(path: str) -> str:
    """Return the canonical form of *path*, which `safe_path` leaves as it is.

    Raises:
        UnsafePath: The path is refused; the reason is in the message.

    """
    # The length comes first, so that nothing else looks at megabytes.
    reason = _too_long(path, MAX_PATH_BYTES, "it")
    if reason is None and _TEXT.search(path):
        reason = _broken(_TEXT_RULES, path)
    if reason is None and not unicodedata.is_normalized("NFC", path):
        reason = "it is not in Unicode normal form C"
    if reason is not None:
        raise UnsafePath(path, reason)
    segments = [part for part in path.split("/") if part not in ("", ".")]
    reason = _refuse_segments(segments)
    if reason is not None:
        raise UnsafePath(path, reason)
    return "/".join(segments)


def _refuse_segments(segments: list[str]) -> str | None:
    """Say what is wrong with the names between the slashes."""
    if not segments:
        return "it names no file"
    if len(segments) > MAX_SEGMENTS:
        return f"it is deeper than {MAX_SEGMENTS} segments"
    if segments[0].startswith("~"):
        return "it begins with a home folder"
    for name in segments:
        reason = _broken(_SEGMENT_RULES, name) if _SEGMENT.search(name) else None
        reason = reason or _too_long(name, MAX_SEGMENT_BYTES, "a name")
        if reason is not None:
            return reason
    return None


def _broken(rules: Iterable[tuple[re.Pattern[str], str]], text: str) -> str | None:
    """Say which of *rules* comes first among those that *text* breaks."""
    return next((reason for rule, reason in rules if rule.search(text)), None)


def _too_long(text: str, limit: int, what: str) -> str | None:
    """Say so where *text* takes more than *limit* bytes."""
    # A lone surrogate has a rule of its own; here it only must not raise.
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        return f"{what} is longer than {limit} bytes"
    return None
