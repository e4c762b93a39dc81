"""Writing the format: the inverse of the parser."""

from collections.abc import Mapping

from scof.paths import safe_path


def serialize(files: Mapping[str, str]) -> str:
    """Return an answer that holds *files*, content by path, byte for byte.

    Raises:
        UnsafePath: A path is refused.

    """
    return "\n".join(_block(safe_path(path), text) for path, text in files.items())


def _block(path: str, content: str) -> str:
    marker = "EOF"
    lines = {line.rstrip() for line in content.split("\n")}
    number = 1
    while marker in lines:
        number += 1
        marker = f"EOF_{number}"
    end = "" if content.endswith("\n") or not content else "\n"
    return f"cat > {path} << '{marker}'\n{content}{end}{marker}\n"
