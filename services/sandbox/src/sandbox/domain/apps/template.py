"""Packages that are there before anybody asks: which of them an app gets to see.

A template is what npm made of a package.json and its lock file. An app sees those of
its packages that it asks for and what they need, and none of the others: an import
that works here works wherever the app is installed.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from sandbox.domain.apps.versions import satisfies

_ROOT = "node_modules/"


class _Locked(Struct):
    """One package of a package-lock.json, version 3."""

    version: str = ""
    integrity: str = ""
    dependencies: dict[str, str] = {}
    optional_dependencies: dict[str, str] = msgspec.field(
        name="optionalDependencies", default={}
    )
    peer_dependencies: dict[str, str] = msgspec.field(
        name="peerDependencies", default={}
    )
    peers_meta: dict[str, dict[str, bool]] = msgspec.field(
        name="peerDependenciesMeta", default={}
    )
    optional: bool = False
    link: bool = False

    @property
    def needs(self) -> Iterable[str]:
        """The packages that it asks for, those it can do without left out."""
        yield from self.dependencies
        yield from self.optional_dependencies
        for name in self.peer_dependencies:
            if not self.peers_meta.get(name, {}).get("optional", False):
                yield name


class _Lock(Struct):
    lockfile_version: int = msgspec.field(name="lockfileVersion", default=0)
    packages: dict[str, _Locked] = {}


_locks = msgspec.json.Decoder(_Lock)
_LOCK_VERSION = 3


class Laid(Struct, frozen=True):
    """What lies below `node_modules` of an app, where that began with a template."""

    key: str
    """Of the template."""
    hidden: tuple[str, ...] = ()
    added: Mapping[str, str] = {}
    """What was installed on top, ranges by name."""

    def grows_to(self, other: "Laid") -> bool:
        """Tell whether *other* is the same with some packages more, or none."""
        return (self.key, self.hidden) == (other.key, other.hidden) and (
            self.added.items() <= other.added.items()
        )


class View(Struct, frozen=True):
    """What of a template an app sees."""

    template: "Template"
    hidden: tuple[str, ...]
    """Packages at the top of `node_modules` that it does not see."""
    served: frozenset[str]
    """What it asks for and sees."""
    missing: Mapping[str, str]
    """What it asks for beyond the template, by name."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is hidden and nothing is missing."""
        return not self.hidden and not self.missing

    @property
    def laid(self) -> Laid:
        """What there is once the rest is installed on top of it."""
        return Laid(self.template.key, self.hidden, self.missing)


class Template:
    """The packages of one lock file."""

    def __init__(self, name: str, key: str, package: str, lock: str) -> None:
        self.name = name
        self.key = key
        """Names the contents: other packages are another key."""
        self.package = package
        self.lock = lock
        self._packages = _locks.decode(lock).packages
        self._packages.pop("", None)

    @property
    def versions(self) -> dict[str, str]:
        """Every package that has to be there, by path, with its version."""
        return {
            path: one.version
            for path, one in self._packages.items()
            if not one.optional
        }

    @property
    def tops(self) -> frozenset[str]:
        """The packages at the top of `node_modules`."""
        return frozenset(_top(path) for path in self._packages)

    def view(self, wanted: Mapping[str, str]) -> View:
        """Return what an app sees that asks for *wanted*, ranges by name."""
        missing = {
            name: versions
            for name, versions in wanted.items()
            if not self._has(name, versions)
        }
        kept: set[str] = set()
        for name in wanted.keys() - missing.keys():
            needed = self._closure(_ROOT + name)
            # What needs a package in another version than the one here is for the
            # package manager, together with that package.
            if any(_ROOT + other in needed for other in missing):
                missing[name] = wanted[name]
            else:
                kept |= needed
        served = frozenset(wanted.keys() - missing.keys())
        return View(self, self._hidden(kept), served, missing)

    def _has(self, name: str, versions: str) -> bool:
        found = self._packages.get(_ROOT + name)
        return found is not None and satisfies(found.version, versions)

    def locked_view(self, lock: str) -> View | None:
        """Return what an app sees whose own lock file is *lock*, a package-lock.json.

        None unless every package of it is here, in the same version.
        """
        try:
            found = _locks.decode(lock)
        except (msgspec.MsgspecError, UnicodeError):
            return None
        found.packages.pop("", None)
        if found.lockfile_version != _LOCK_VERSION or not found.packages:
            return None
        for path, theirs in found.packages.items():
            ours = self._packages.get(path)
            if ours is None or _differ(ours, theirs):
                return None
        paths = set(found.packages)
        return View(self, self._hidden(paths), frozenset(map(_top, paths)), {})

    def _closure(self, path: str) -> set[str]:
        kept: set[str] = set()
        waiting = [path]
        while waiting:
            path = waiting.pop()
            if path in kept:
                continue
            kept.add(path)
            for name in self._packages[path].needs:
                found = self._resolve(path, name)
                if found is not None:
                    waiting.append(found)
        return kept

    def _resolve(self, path: str, name: str) -> str | None:
        """Return where Node finds the package *name* for the one at *path*."""
        while True:
            candidate = f"{path}/{_ROOT}{name}" if path else _ROOT + name
            if candidate in self._packages:
                return candidate
            if not path:
                return None
            path = path.rpartition(f"/{_ROOT}")[0]

    def _hidden(self, kept: set[str]) -> tuple[str, ...]:
        # A package whose nested ones are kept is kept itself: they lie in its folder.
        top = {_top(path) for path in kept}
        return tuple(sorted(self.tops - top))


def _top(path: str) -> str:
    return path.removeprefix(_ROOT).partition(f"/{_ROOT}")[0]


def _differ(ours: _Locked, theirs: _Locked) -> bool:
    if theirs.link or ours.version != theirs.version:
        return True
    return bool(theirs.integrity) and theirs.integrity != ours.integrity


def best_view(views: Iterable[View]) -> View | None:
    """Return the view that leaves least to install, None if no package is served."""
    return min(
        (view for view in views if view.served),
        key=lambda view: (len(view.missing), len(view.hidden)),
        default=None,
    )
