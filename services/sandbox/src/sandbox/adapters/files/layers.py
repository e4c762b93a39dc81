"""What lies below `node_modules` where nothing was installed: a template's packages.

With overlays a project has the template under a folder of its own, so that it costs
nothing and nobody can change it for others. Without them it gets a copy (a clone, where
the file system has them): never links to one file, which two projects could write.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.adapters.files.layout import Layer, Layout
from sandbox.adapters.files.mounts import Mounts, Overlay, hide
from sandbox.ports import RuntimeFailed

MODULES = "node_modules"
_BUNDLES = Path(".vite", "deps")
_OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")
"""Attributes of a folder that hides what lies below it (overlayfs, the kernel's)."""
_METADATA = _BUNDLES / "_metadata.json"
_MODULE = re.compile(r".+\.js(\.map)?")
_PART = re.compile(rb"""\./([\w.@+-]+\.js)["'`]""", re.ASCII)
"""What one bundle has in common with another, wherever it loads that."""


class Layers:
    """Lays templates; *mounts* is None where we mount no overlays.

    Somebody else may, as an engine does for its containers: then *mounted_elsewhere*.
    """

    def __init__(
        self,
        layout: Layout,
        mounts: Mounts | None,
        *,
        mounted_elsewhere: bool = False,
    ) -> None:
        self._layout = layout
        self._mounts = mounts
        self._elsewhere = mounted_elsewhere

    @property
    def are_overlays(self) -> bool:
        """Whether a project sees the template itself; otherwise it has a copy."""
        return self._mounts is not None or self._elsewhere

    @property
    def entry(self) -> list[str]:
        """The words before a command that is to see what is laid."""
        return [] if self._mounts is None else self._mounts.entry

    def modules(self, key: str) -> Path:
        """Return where the packages of a template lie."""
        return self._layout.templates / key / MODULES

    def overlay(self, layer: Layer) -> Overlay | None:
        """Return what is to be mounted for a project, None if nothing is laid.

        This is for whoever mounts it in a way of its own, such as a container engine.

        Raises:
            RuntimeFailed: The template is gone.

        """
        try:
            key = layer.template.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        lower = self.modules(key)
        if not lower.is_dir():
            raise RuntimeFailed("The packages of the app have to be installed again.")
        return Overlay(lower, layer.upper, layer.work, layer.merged)

    async def mounted(self, layer: Layer) -> Path | None:
        """Return what belongs below `node_modules`; None where it lies there itself.

        Raises:
            RuntimeFailed: The template is gone.
            CannotMount: The kernel refused.

        """
        overlay = self.overlay(layer)
        if overlay is None or self._mounts is None:
            return None
        await self._mounts.mount(overlay)
        return overlay.target

    async def release(self, layer: Layer) -> None:
        """Let go of what is mounted, before its folders are removed or changed."""
        if self._mounts is not None:
            await self._mounts.unmount(layer.merged)

    def prepare(
        self, path: Path, key: str, hidden: Sequence[str], uid: int | None
    ) -> None:
        """Make a layer at *path*, in which *hidden* is not seen, for `put`."""
        layer = Layer(path, path / "template")
        for folder in (layer.path, layer.upper, layer.work, layer.merged):
            folder.mkdir()
        lower = self.modules(key)
        _hide(layer.upper, [one for one in hidden if os.path.lexists(lower / one)])
        for name in self._shared(lower):
            (layer.upper / name).mkdir(parents=True, exist_ok=True)
        if (lower / _BUNDLES).is_dir():
            _copy_bundles(lower, layer.upper, hidden)
        if uid is not None:
            _give(layer.upper, uid)

    def put(self, made: Path, key: str, layer: Layer) -> None:
        """Make what was prepared at *made* of a template a project's *layer*."""
        made.rename(layer.path)
        # The name comes last, and goes first: half a layer has none.
        layer.template.write_text(key, encoding="ascii")

    def _shared(self, lower: Path) -> Iterator[str]:
        """Name the folders in which package managers make new entries."""
        yield from (entry.name for entry in lower.glob("@*"))
        yield ".bin"

    def copy(
        self, key: str, hidden: Sequence[str], target: Path, uid: int | None
    ) -> None:
        """Make *target* a copy of a template without what is *hidden*."""
        lower = self.modules(key)
        left_out = set(hidden)
        target.mkdir()
        for folder in ("", *(entry.name for entry in lower.glob("@*"))):
            (target / folder).mkdir(exist_ok=True)
            names = [
                str(entry)
                for entry in (lower / folder).iterdir()
                if str(entry.relative_to(lower)) not in left_out
                and not (folder == "" and entry.name.startswith("@"))
            ]
            if names:
                words = ("cp", "-a", "--reflink=auto", "--", *names)
                subprocess.run([*words, str(target / folder)], check=True)  # noqa: S603 - ours
        _write_made(target, _made(lower, hidden))
        if uid is not None:
            subprocess.run(  # noqa: S603 - ours
                ["chown", "-Rh", f"{uid}:{uid}", "--", str(target)],  # noqa: S607 - any
                check=True,
            )


def _hide(upper: Path, names: Sequence[str]) -> None:
    """Make what lies below *names* in an overlay invisible."""
    for number, name in enumerate(names):
        path = upper / name
        if path.parent != upper:
            path.parent.mkdir(exist_ok=True)
        if number == 0:
            hide(path)
        else:
            # As the kernel does: some hundred new files would cost a tenth of a second.
            path.hardlink_to(upper / names[0])


def _copy_bundles(lower: Path, upper: Path, hidden: Sequence[str]) -> None:
    """Give a project bundles of its own, in a folder that Vite can rename.

    It does so whenever it bundles one package more. In an overlay that fails for a
    folder of which a part lies below, and then the app is never served as a whole.
    """
    source, target = lower / _BUNDLES, upper / _BUNDLES
    left_out: set[str] = set()
    made = _made(lower, hidden)
    if made:
        files = (bundle["file"] for bundle in made["optimized"].values())
        needed = _with_parts(source, files)
        left_out = {
            entry.name
            for entry in source.iterdir()
            if _MODULE.fullmatch(entry.name)
            and entry.name.removesuffix(".map") not in needed
        }
        chunks = made.get("chunks", {}).items()
        made["chunks"] = {name: one for name, one in chunks if one["file"] in needed}
    shutil.copytree(
        *(source, target),
        ignore=lambda _, names: left_out.intersection(names),
        copy_function=shutil.copy,
    )
    _write_made(upper, made)
    for name in _OPAQUE:
        # Which one counts depends on how it is mounted; not every system has both.
        with suppress(OSError):
            os.setxattr(target, name, b"y")


def _made(lower: Path, hidden: Sequence[str]) -> dict[str, Any]:
    """Return what Vite takes as made, without the bundles of *hidden* packages.

    It is empty where that is as it was.
    """
    if not hidden or not (lower / _METADATA).is_file():
        return {}
    made: dict[str, Any] = json.loads((lower / _METADATA).read_text(encoding="utf-8"))
    gone = set(hidden)
    made["optimized"] = {
        name: bundle
        for name, bundle in made["optimized"].items()
        if _package_of(name) not in gone
    }
    return made


def _write_made(modules: Path, made: Mapping[str, Any]) -> None:
    if made:
        (modules / _METADATA).write_text(json.dumps(made), encoding="utf-8")


def _with_parts(folder: Path, files: Iterable[str]) -> set[str]:
    """Return *files* and all in the same folder that they load, now or later."""
    waiting = list(files)
    found = set(waiting)
    while waiting:
        with suppress(FileNotFoundError):
            for part in _PART.findall((folder / waiting.pop()).read_bytes()):
                name = part.decode()
                if name not in found:
                    found.add(name)
                    waiting.append(name)
    return found


def _package_of(specifier: str) -> str:
    parts = specifier.rpartition(" > ")[2].split("/")
    return "/".join(parts[:2]) if specifier.startswith("@") else parts[0]


def _give(folder: Path, uid: int) -> None:
    """Make what we have put into a fresh layer the project's own."""
    os.chown(folder, uid, uid)
    for path in folder.rglob("*"):
        os.chown(path, uid, uid, follow_symlinks=False)


def has_room(folder: Path, at_least: int) -> bool:
    """Tell whether the disk has *at_least* so many bytes left."""
    return shutil.disk_usage(folder).free >= at_least
