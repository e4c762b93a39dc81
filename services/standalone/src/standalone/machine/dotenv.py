"""The file `.env`: settings that a person keeps beside the project."""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^#\n]*?))\s*(?:\#.*)?""",
    re.VERBOSE,
)


def load_dotenv(file: Path, environ: MutableMapping[str, str] | None = None) -> None:
    """Set what *file* says, except for variables that are set already."""
    target = os.environ if environ is None else environ
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is not None:
            value = match["double"] or match["single"] or match["plain"] or ""
            target.setdefault(match["name"], value)
