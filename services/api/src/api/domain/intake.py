"""What of an archive becomes files of a project, and what is left out, with the reason.

Whoever packed it may mean harm: names lead elsewhere, sizes lie, there is no end to it.
"""

from collections.abc import Iterable

from msgspec import Struct

from contracts.project import MAX_ASSET_BYTES
from scof.errors import UnsafePath
from scof.paths import safe_path

MAX_FILES = 500
"""As a project has at most."""
MAX_BYTES = 20 << 20
"""All files together, as a project has at most."""
MAX_ENTRIES = 20_000
"""Names in an archive that are looked at."""
MAX_TOLD = 100
"""Of those that are left out."""
_NOT_SOURCE = frozenset(
    {".git", "node_modules", "__MACOSX", ".venv", "__pycache__", ".DS_Store"}
)
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How a file begins that stands for another one, which Git LFS keeps elsewhere."""
_POINTER_BYTES = 1024
_ELSEWHERE = "What is in it is kept elsewhere (Git LFS)"
_TOO_LARGE = f"It is larger than {MAX_ASSET_BYTES >> 20} MiB"


class Unfit(Exception):
    """Nothing can be made of an archive; the message is a sentence."""


class LeftOut(Struct, frozen=True):
    """What became no file, and why."""

    path: str
    reason: str


class Taken(Struct, frozen=True):
    """What an archive comes to."""

    files: dict[str, bytes]
    left_out: list[LeftOut]


class Intake:
    """Collects files one by one, and ends where there are too many."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._left_out: dict[str, str] = {}
        self._seen = 0
        self._bytes = 0

    def wants(self, path: str, size: int) -> str | None:
        """Return the path under which a file is wanted, or None if it is not.

        *size* is what is said of it, which may be a lie: `add` looks again.

        Raises:
            Unfit: There are too many.

        """
        self._seen += 1
        if self._seen > MAX_ENTRIES:
            raise Unfit(f"It holds more than {MAX_ENTRIES:,} files")
        parts = path.split("/")
        for place, part in enumerate(parts, start=1):
            if part in _NOT_SOURCE:
                self.leave_out("/".join(parts[:place]), "It is not source")
                return None
        try:
            path = safe_path(path)
        except UnsafePath as error:
            self.leave_out(path, f"Its path is refused: {error.reason}")
            return None
        if size > MAX_ASSET_BYTES:
            self.leave_out(path, _TOO_LARGE)
            return None
        return path

    def add(self, path: str, data: bytes) -> None:
        """Take a file that is wanted; the last one of a name stays.

        Raises:
            Unfit: There are too many, or they are too large.

        """
        if len(data) > MAX_ASSET_BYTES:
            self.leave_out(path, _TOO_LARGE)
            return
        if len(data) < _POINTER_BYTES and data.startswith(_POINTER):
            self.leave_out(path, _ELSEWHERE)
            return
        self._bytes += len(data) - len(self._files.get(path, b""))
        self._files[path] = data
        if len(self._files) > MAX_FILES:
            raise Unfit(f"It holds more than {MAX_FILES} files")
        if self._bytes > MAX_BYTES:
            raise Unfit(f"Its files are larger than {MAX_BYTES >> 20} MiB")

    def leave_out(self, path: str, reason: str) -> None:
        """Note what does not become a file."""
        if len(self._left_out) < MAX_TOLD:
            plain = path.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
            self._left_out.setdefault(plain[:1024], reason)

    def taken(self) -> Taken:
        """Return what there is."""
        told = [LeftOut(path, reason) for path, reason in self._left_out.items()]
        return Taken(self._files, told)


def common_folder(paths: Iterable[str]) -> str:
    """Return the one folder that all *paths* are in, with its slash, or nothing.

    Archives of repositories have such a folder, and it is no part of the project.
    """
    folders = {
        folder if slash else None
        for path in paths
        for folder, slash, _ in [path.partition("/")]
        if folder != "__MACOSX"
    }
    if len(folders) != 1:
        return ""
    (folder,) = folders
    return f"{folder}/" if folder and folder not in (".", "..") else ""
