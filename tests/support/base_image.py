"""A stand-in for the official base of the sandbox image, made of what is here.

Where no registry can be reached, `deploy/sandbox.Dockerfile` still builds: import this
under the name of the base.

    python -m tests.support.base_image | docker import - node:22-bookworm
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tests.support.npm import NODE

_PROGRAMS = (
    *("sh", "env", "cat", "ls", "cp", "mv", "rm", "ln", "mkdir", "chmod", "chown"),
    *("sleep", "id", "grep", "sed", "tr", "head", "tail", "wc", "dd", "df", "du"),
    *("mount", "umount", "unshare", "nsenter", "chroot", "mknod", "kill", "ps", "yes"),
    *("true", "false", "touch", "find", "su", "setpriv", "hostname", "dmesg", "test"),
)
"""Beside node and Python; some of them for those who look for a way out."""
_FOLDERS = ("app", "dev", "etc", "opt", "proc", "root", "run", "sys", "tmp", "var")
_FILES = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/app:/bin/sh\n",
    "etc/group": "root:x:0:\nnode:x:1000:\n",
    "etc/shadow": "root:*:1::::::\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_NOT_NEEDED = frozenset(
    (
        *("test", "idlelib", "tkinter", "turtledemo", "lib2to3", "pydoc_data"),
        *("site-packages", "dist-packages", "__pycache__", "docs", "man"),
    )
)


class _Tree:
    """A tar of a root file system; each name once."""

    def __init__(self, output: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=output, mode="w|")  # noqa: SIM115 - see `close`
        self._names: set[str] = set()
        for name in ("usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin"):
            self._put(_entry(name, 0o755, tarfile.DIRTYPE))
        for name in _FOLDERS:
            mode = {"tmp": 0o1777, "root": 0o700}.get(name, 0o755)
            self._put(_entry(name, mode, tarfile.DIRTYPE))
        for name in ("bin", "lib", "lib64", "sbin"):
            target = {"bin": "usr/bin", "sbin": "usr/bin"}.get(name, "usr/lib")
            self.link(name, target)
        for name, text in _FILES.items():
            info = _entry(name, 0o600 if name.endswith("shadow") else 0o644)
            self._put(info, text.encode())

    def _put(self, info: tarfile.TarInfo, content: bytes = b"") -> None:
        if info.name not in self._names:
            self._names.add(info.name)
            info.size = len(content)
            self._tar.addfile(info, io.BytesIO(content))

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        info = _entry(name, 0o777, tarfile.SYMTYPE)
        info.linkname = target
        self._put(info)

    def file(self, source: Path, name: str) -> None:
        """Add a file as it is, links resolved."""
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        self._put(_entry(name, mode), source.resolve().read_bytes())

    def folder(self, source: Path, name: str) -> None:
        """Add a folder without what nobody needs in a sandbox."""
        for path in sorted(source.rglob("*")):
            relative = path.relative_to(source)
            unused = _NOT_NEEDED.intersection(relative.parts) or path.suffix == ".a"
            if path.is_file() and not unused:
                self.file(path, f"{name}/{relative}")

    def close(self) -> None:
        """Write the end."""
        self._tar.close()


def _entry(name: str, mode: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.type = mode, kind
    return info


def write(output: BinaryIO) -> None:
    """Write the root file system as a tar."""
    tree = _Tree(output)
    python = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = python / "lib" / version
    binaries = [Path(found) for one in _PROGRAMS if (found := shutil.which(one))]
    interpreter = Path(sys.executable).resolve()
    for program in binaries:
        tree.file(program, f"usr/bin/{program.name}")
    for name in ("python3", version):
        tree.file(interpreter, f"usr/local/bin/{name}")
    tree.folder(library, f"usr/local/lib/{version}")
    tree.file(NODE, "usr/local/bin/node")
    npm = NODE.parents[1] / "lib" / "node_modules" / "npm"
    tree.folder(npm, "usr/local/lib/node_modules/npm")
    for name in ("npm", "npx"):
        tree.link(f"usr/local/bin/{name}", f"../lib/node_modules/npm/bin/{name}-cli.js")
    modules = (library / "lib-dynload").glob("*.so")
    modules = (path for path in modules if not path.name.startswith("_tkinter"))
    shared = [*binaries, interpreter, NODE, *modules]
    for path in _libraries(shared):
        tree.file(path, f"usr/lib/{path.name}")
    tree.close()


def _libraries(programs: Iterable[Path]) -> Iterator[Path]:
    """Return what *programs* are linked with, and all of the C library beside."""
    words = ("ldd", *map(str, programs))
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        found = [word for word in line.split() if word.startswith("/")]
        if found and not line.endswith(":"):
            path = Path(found[0])
            yield path
            if path.name == "libc.so.6":
                yield from _c_library(path.parent)


def _c_library(folder: Path) -> Iterator[Path]:
    """Return the parts that programs open by name, which `ldd` does not show."""
    for name in ("m", "dl", "rt", "pthread", "util", "resolv", "anl", "nss_*"):
        yield from folder.glob(f"lib{name}.so.?")


if __name__ == "__main__":
    write(sys.stdout.buffer)
