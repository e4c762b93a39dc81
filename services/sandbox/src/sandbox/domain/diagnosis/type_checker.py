"""Which type checker an app has, and with which settings it is run.

A tsconfig.json that only refers to others checks nothing by itself, and names them as
it likes. It is JSON with comments, and with commas where JSON has none.
"""

import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Struct

TOP = "tsconfig.json"
_OF_APP = "tsconfig.app.json"
"""What Vite's own templates call the settings of what runs in a page."""
MOST = 4
"""Settings that are checked: each takes the checker some seconds."""
_STRING = r'"(?:\\.|[^"\\])*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)


class _Reference(Struct):
    path: str


class _Settings(Struct):
    files: list[str] | None = None
    include: Any = None
    references: list[_Reference] = []


_settings = msgspec.json.Decoder(_Settings)


_CHECKERS = {
    "vue-tsc": "node_modules/vue-tsc/bin/vue-tsc.js",
    "typescript": "node_modules/typescript/bin/tsc",
}
"""Those that print in the same way, by package, the one that knows most first."""
_NOT_OF_TYPESCRIPT = frozenset({"vue", "svelte", "astro"})
"""Frameworks whose files the plain type checker cannot read."""


def checker_of(packages: Collection[str]) -> str | None:
    """Return the program that checks an app which asks for these, if it has one."""
    found = next((one for one in _CHECKERS if one in packages), None)
    if found is None or "typescript" not in packages:
        return None
    is_blind = found == "typescript" and not _NOT_OF_TYPESCRIPT.isdisjoint(packages)
    return None if is_blind else _CHECKERS[found]


def may_be_settings(path: str) -> bool:
    """Tell whether a file may be one that others refer to."""
    return path.endswith(".json") and "tsconfig" in path


def chosen_settings(texts: Mapping[str, str]) -> list[str]:
    """Return which of these settings, by path, say what is checked."""
    if _OF_APP in texts:
        return [_OF_APP]
    waiting = [TOP] if TOP in texts else []
    found: dict[str, None] = {}
    chosen: list[str] = []
    while waiting and len(chosen) < MOST:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path] = None
        settings = _read(texts[path])
        others = [_place(path, one.path) for one in settings.references]
        known = [one for one in others if one in texts]
        waiting += known
        if not known or settings.files or settings.include:
            chosen.append(path)
    return chosen


def _read(text: str) -> _Settings:
    """Return what settings say; nothing where the checker is going to complain."""
    plain = _COMMENT.sub(lambda one: one[1] or "", text)
    try:
        return _settings.decode(_COMMA.sub(lambda one: one[1] or "", plain))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _Settings()


def _place(path: str, reference: str) -> str:
    """Return which file the settings at *path* mean: a folder stands for its own."""
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), reference))
    return place if place.endswith(".json") else posixpath.join(place, TOP)
