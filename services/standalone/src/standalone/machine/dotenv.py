"""The file `.env`: settings that a person keeps beside the project."""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from standalone.errors import CannotStart

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^#\n"'][^#\n]*?)?)
    \s*(?:\#.*)?""",
    re.VERBOSE | re.ASCII,
)
_NO_SETTING = re.compile(r"\s*(?:#.*)?")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def load_dotenv(file: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Set what *file* says, except for variables that are set already.

    A file that is not there says nothing.

    Raises:
        CannotStart: It cannot be read, or one of its lines is no setting; nothing is
            set then. The sentence has the number of the line and none of its text,
            which may be a secret.

    """
    try:
        raw = file.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise CannotStart(f"{file} cannot be read: {exc.strerror}.") from exc
    said: dict[str, str] = {}
    for number, line in enumerate(raw.splitlines(), start=1):
        setting = _read(line)
        if setting is None:
            raise CannotStart(
                f"{file}, line {number}: this is not a setting; write NAME=value in "
                f"UTF-8, with quotes around a value that has a # in it."
            )
        said.update(setting)
    target = os.environ if environ is None else environ
    for name, value in said.items():
        target.setdefault(name, value)


def _read(line: bytes) -> dict[str, str] | None:
    """Return the setting of a line, nothing of one without, None of a mistake."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if _NO_SETTING.fullmatch(text):
        return {}
    match = _LINE.fullmatch(text)
    if match is None or "\0" in text:
        return None
    value = match["double"] or match["single"] or match["plain"] or ""
    return {match["name"]: value}
