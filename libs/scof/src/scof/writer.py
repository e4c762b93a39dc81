"""Writing the format: what a parser reads back to the same bytes."""

import re
from collections.abc import Mapping

from scof.grammar.markers import BLANKS
from scof.paths import safe_path

_PLAIN = re.compile(r"[A-Za-z0-9_./@+-]+")


def serialize(files: Mapping[str, str]) -> str:
    """Return an answer that holds *files*, content by path, byte for byte.

    A body always ends in a line feed. A content that does not is written with one,
    and a patch after it, with the mark for "no newline at end of file", takes it
    away; `replay` applies it, and so does a shell.

    Raises:
        UnsafePath: A path is refused.
        UnicodeEncodeError: A content holds half of a surrogate pair.

    """
    blocks = []
    for path, content in files.items():
        content.encode()
        blocks.append(_blocks(_quoted(safe_path(path)), content))
    return "".join(blocks)


def _blocks(path: str, content: str) -> str:
    """Return the block of a file, and the patch that it may need."""
    if not content or content.endswith("\n"):
        return _block(f"cat > {path} << ", content)
    last = content[content.rfind("\n") + 1 :]
    number = content.count("\n") + 1
    diff = (
        f"@@ -{number} +{number} @@\n-{last}\n+{last}\n\\ No newline at end of file\n"
    )
    return (
        _block(f"cat > {path} << ", content + "\n")
        + f"cat << 'EOF' | patch {path}\n{diff}EOF\n"
    )


def _block(command: str, body: str) -> str:
    """Return a command with its body and a marker that is no line of it."""
    marker = "EOF"
    if marker in body:
        lines = {line.rstrip(BLANKS) for line in body.split("\n")}
        number = 2
        while marker in lines:
            marker = f"EOF_{number}"
            number += 1
    return f"{command}'{marker}'\n{body}{marker}\n"


def _quoted(path: str) -> str:
    """Return a safe path, which has no quotes in it, as one word for a shell."""
    if _PLAIN.fullmatch(path) and not path.startswith("-"):
        return path
    return f"'{path}'" if not path.startswith("-") else f"'./{path}'"
