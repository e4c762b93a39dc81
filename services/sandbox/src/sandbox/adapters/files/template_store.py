"""Templates on the disk: from which lists they are made, and which are whole.

A template is a folder whose name is a digest of everything that it is made of. It
appears under that name by one rename, after it was checked, so what is there is whole.
Several services may share the folder: whoever holds the lock of a name makes it.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

from typing_extensions import override

from chassis import logs
from sandbox.adapters.files.layers import MODULES, has_room
from sandbox.adapters.files.layout import Layout
from sandbox.domain.apps.template import Template
from sandbox.ports import BadTemplate, Recipe, Templates

_log = logs.get(__name__)

LISTS = Path(__file__).parents[2] / "templates"
BUN = "bun"
_ORDER = (BUN, "react", "react-rich")
"""Which is made first: what makes all installs fast, then what most apps need."""
_MANIFEST = "package.json"
_LOCK = "package-lock.json"
_MADE = "made"
"""The file of a template whose age says when it was last wanted."""
_ROUND = b"1"
"""Another number when the way in which templates are made changes."""
_FORGOTTEN_S = 7 * 86_400.0
_NEW = "new-"
_UNFINISHED_S = 3_600.0
_ROOM_BYTES = 2 * 1024**3
_NOBODY_ELSE = 0o700
_ALL_MAY_PASS = 0o755


class TemplateStore(Templates):
    """The templates of one folder; *bundles* says whether Vite's are kept.

    They are made for the place where an app lies, so only where that is one for all.
    """

    def __init__(
        self, layout: Layout, lists: Path = LISTS, *, bundles: bool = True
    ) -> None:
        self._layout = layout
        self._folder = layout.templates
        self._bundles = bundles
        self._recipes = [_read(lists / name) for name in _names(lists)]
        self._whole: dict[str, Template] = {}

    @property
    @override
    def recipes(self) -> list[Recipe]:
        return self._recipes

    @override
    def is_whole(self, recipe: Recipe) -> bool:
        return (self._folder / recipe.key / _MADE).is_file()

    @override
    def ready(self) -> list[Template]:
        found = []
        for recipe in self._recipes:
            if recipe.is_tool or not self.is_whole(recipe):
                continue
            if recipe.key not in self._whole:
                package, lock = recipe.files[_MANIFEST], recipe.files[_LOCK]
                self._whole[recipe.key] = Template(
                    recipe.name, recipe.key, package.decode(), lock.decode()
                )
            found.append(self._whole[recipe.key])
        return found

    def bun_folder(self) -> Path | None:
        """Return where bun lies, or will lie once it was fetched."""
        keys = [one.key for one in self._recipes if one.name == BUN]
        return self._folder / keys[0] if keys else None

    @override
    @asynccontextmanager
    async def claim(self, recipe: Recipe) -> AsyncIterator[bool]:
        path = self._folder / f"{recipe.key}.lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # The kernel lets go of it when we die, however that comes.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            yield False
            return
        try:
            yield has_room(self._folder, _ROOM_BYTES)
        finally:
            os.close(handle)

    @override
    async def publish(self, recipe: Recipe, spare: UUID) -> None:
        await asyncio.to_thread(self._publish, recipe, spare)

    def _publish(self, recipe: Recipe, spare: UUID) -> None:
        modules = self._layout.box(spare).app / MODULES
        _check(recipe, modules)
        if not self._bundles:
            shutil.rmtree(modules / ".vite", ignore_errors=True)
        shutil.rmtree(modules / ".vite-temp", ignore_errors=True)
        made = self._folder / f"{_NEW}{uuid4().hex}"
        made.mkdir()
        try:
            shutil.move(modules, made / MODULES)
            _set_rights(made / MODULES, shared=not recipe.is_tool)
            (made / _MADE).touch()
            made.chmod(_ALL_MAY_PASS if recipe.is_tool else _NOBODY_ELSE)
            # A name that survives a power cut must not outlive what it names.
            subprocess.run(["sync", "-f", str(made)], check=False)  # noqa: S603, S607 - ours
            made.rename(self._folder / recipe.key)
        except OSError as exc:
            raise BadTemplate(f"it cannot be stored: {exc.strerror}") from exc
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @override
    async def collect(self) -> None:
        await asyncio.to_thread(self._collect)

    def _collect(self) -> None:
        """Remove what nobody has wanted for a week, and what a crash has left."""
        now = time.time()
        ours = {recipe.key for recipe in self._recipes}
        for key in ours:
            with suppress(OSError):
                os.utime(self._folder / key / _MADE)
        kept = ours | self._laid()
        for entry in self._folder.iterdir():
            name = entry.name.removesuffix(".lock")
            stamp = entry if entry.name != name else entry / _MADE
            limit_s = _UNFINISHED_S if name.startswith(_NEW) else _FORGOTTEN_S
            with suppress(OSError):
                stamp = stamp if stamp.exists() else entry
                if name not in kept and now - stamp.stat().st_mtime > limit_s:
                    self._remove(entry)

    def _remove(self, entry: Path) -> None:
        if not entry.is_dir():
            entry.unlink()
            return
        # First the name, then the contents: half a template has none.
        grave = self._folder / f"{_NEW}{uuid4().hex}"
        entry.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def _laid(self) -> set[str]:
        """Return the keys of what projects here have below their packages."""
        found = set()
        for path in self._layout.disks.glob("*/template"):
            with suppress(OSError, ValueError):
                found.add(path.read_text(encoding="ascii"))
        return found


def _names(lists: Path) -> list[str]:
    names = [path.parent.name for path in lists.glob(f"*/{_MANIFEST}")]
    rank = {name: number for number, name in enumerate(_ORDER)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def _read(folder: Path) -> Recipe:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    sha = hashlib.sha256(_ROUND)
    sha.update(f"{platform.system()} {platform.machine()}".encode())
    for path, content in files.items():
        sha.update(f"\0{path}\0{len(content)}\0".encode() + content)
    key = f"{folder.name}-{sha.hexdigest()[:24]}"
    return Recipe(name=folder.name, key=key, files=files)


def _check(recipe: Recipe, modules: Path) -> None:
    """See that every package is there, and nothing that is more than a file.

    Raises:
        BadTemplate: It is not what the lock file says.

    """
    lock = recipe.files[_LOCK].decode()
    for name, version in Template("", "", "", lock).versions.items():
        found = modules.parent / name / _MANIFEST
        try:
            said = json.loads(found.read_text(encoding="utf-8")).get("version")
        except (OSError, ValueError) as exc:
            raise BadTemplate(f"{name} is missing") from exc
        if said != version:
            raise BadTemplate(f"{name} has version {said}")
    for path, status in _walk(modules):
        if stat.S_ISLNK(status.st_mode):
            target = (path.parent / path.readlink()).resolve()
            if not target.is_relative_to(modules.resolve()):
                raise BadTemplate(f"{path.name} leads out of it")
        elif not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise BadTemplate(f"{path.name} is no file")


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            yield path, path.lstat()


def _set_rights(modules: Path, *, shared: bool) -> None:
    """Let everybody read it; with *shared* also change what they see of it.

    Package managers replace and extend packages, each project as a user of its own. It
    is never the file itself that they change: the folder above is closed, and they
    come here under an overlay alone.
    """
    owner = os.geteuid()
    everything = [(modules, modules.lstat()), *_walk(modules)]
    for path, status in everything:
        if status.st_uid != owner:
            os.chown(path, owner, owner, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            continue
        more = 0o555 if status.st_mode & 0o100 else 0o444
        mode = (status.st_mode | more) & 0o755
        path.chmod(mode | (mode & 0o444) >> 1 if shared else mode)
