"""Whether an app that runs already can become a project by getting its files.

A dev server reads some files when it starts, and others whenever they change. Those of
the first kind have to be the same, byte for byte.
"""

import re
from collections.abc import Collection, Mapping

import msgspec

from sandbox.domain.apps.app import NoApp
from sandbox.domain.apps.detect import detect
from sandbox.domain.apps.install import NODE_LOCKS, named
from sandbox.domain.apps.package import read_package
from sandbox.domain.apps.template import Template

_AT_START = re.compile(
    r"(vite|postcss|tailwind|babel|svelte|uno|astro)\.config\.\w+"
    r"|\.env(\..+)?|\.(babel|postcss|browserslist|npm|swc)rc(\.\w+)?"
)
_READ_AT_START = ("type", "browserslist", "babel", "postcss", "imports", "workspaces")
"""What of a package.json a dev server and its plugins look at."""


def fits(
    template: Template,
    seed: Mapping[str, bytes],
    files: Mapping[str, bytes],
    packages: Collection[str],
) -> bool:
    """Tell whether a server that runs the app *seed* shows *files* once it has them.

    Every package of the template must be asked for, and no other.
    """
    if "package.json" not in files or any(name in files for name in NODE_LOCKS):
        return False
    if _at_start(seed) != _at_start(files):
        return False
    ours, theirs = _text(seed, "package.json"), _text(files, "package.json")
    try:
        wanted = {**read_package(theirs).wanted, **dict(map(named, packages))}
        if detect({"package.json": ours}) != detect({"package.json": theirs}):
            return False
        if _parts(ours) != _parts(theirs):
            return False
    except (NoApp, msgspec.MsgspecError, RecursionError):
        return False
    return template.view(wanted).is_whole


def _at_start(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if _AT_START.fullmatch(path)}


def _text(files: Mapping[str, bytes], path: str) -> str:
    return files[path].decode(errors="replace")


def _parts(text: str) -> list[object]:
    package = msgspec.json.decode(text, type=dict[str, object])
    return [package.get(name) for name in _READ_AT_START]
