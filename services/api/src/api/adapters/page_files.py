"""The built web client in a folder, read once for each build."""

import hashlib
import mimetypes
from pathlib import Path

from typing_extensions import override

from api.ports import PageFile, PageFiles

_INDEX = "index.html"
_COMPRESSED = {"br": ".br", "gzip": ".gz"}
"""The better one first."""


class FolderPageFiles(PageFiles):
    """Knows the files by name, so that no path of a request is ever opened."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._built_at_ns: int | None = None
        self._files: dict[str, Path] = {}
        self._read: dict[Path, PageFile] = {}

    @override
    def find(self, path: str, accepted: str) -> PageFile | None:
        self._look_for_a_new_build()
        plain = self._files.get(path)
        if plain is None:
            return None
        for encoding, suffix in _COMPRESSED.items():
            compressed = self._files.get(path + suffix)
            if compressed is not None and encoding in _names(accepted):
                return self._load(compressed, path, encoding)
        return self._load(plain, path, None)

    def _look_for_a_new_build(self) -> None:
        try:
            built_at_ns = (self._root / _INDEX).stat().st_mtime_ns
        except OSError:
            built_at_ns = None
        if built_at_ns == self._built_at_ns:
            return
        self._built_at_ns = built_at_ns
        self._read = {}
        self._files = {
            file.relative_to(self._root).as_posix(): file
            for file in self._root.rglob("*")
            if built_at_ns is not None and file.is_file() and not file.is_symlink()
        }

    def _load(self, file: Path, path: str, encoding: str | None) -> PageFile | None:
        if file not in self._read:
            try:
                content = file.read_bytes()
            except OSError:  # a new build is being written
                return None
            digest = hashlib.sha256(content).hexdigest()[:32]
            media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
            self._read[file] = PageFile(content, media_type, encoding, f'"{digest}"')
        return self._read[file]


def _names(accepted: str) -> set[str]:
    """Return the encodings of an Accept-Encoding that are not refused by ``q=0``."""
    names = set()
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            names.add(name.strip())
    return names
