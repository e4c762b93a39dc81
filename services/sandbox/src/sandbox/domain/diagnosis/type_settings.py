"""Which settings the type checker is run with: those at the top, or what they refer to.

A tsconfig.json that only refers to others checks nothing by itself, and names them as
it likes. It is JSON with comments, and with commas where JSON has none.
"""

import posixpath
import re
from collections.abc import Mapping
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
