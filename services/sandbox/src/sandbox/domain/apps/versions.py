"""Whether a version is one that a package.json asks for.

The ranges of npm that people and models write: exact versions, `^`, `~`, comparisons,
`x` and `*`, hyphens, `||`. Anything else (a tag, an address, a file) is no range, and
no version is one of it: the package manager has to look.
Source: https://github.com/npm/node-semver#ranges
"""

import re

Version = tuple[int, int, int]
_Bounds = tuple[Version, Version]

_EXACT = re.compile(r"v?=?\s*(\d{1,9})\.(\d{1,9})\.(\d{1,9})(\+[\w.-]+)?")
_PARTIAL = re.compile(
    r"(?P<sign>\^|~>?|>=|<=|>|<|=)?\s*v?"
    r"(?P<numbers>(?:\d{1,9}|[xX*])(?:\.(?:\d{1,9}|[xX*])){0,2})(?:\+[\w.-]+)?"
)
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*")
_ANY = frozenset({"", "*", "x", "X", "latest"})
"""`latest` is whatever is pinned here: nobody who writes it means one version."""
_LEAST: Version = (0, 0, 0)
_MOST: Version = (10**10, 0, 0)


def satisfies(version: str, wanted: str) -> bool:
    """Tell whether *version* is in the range *wanted*; a prerelease is in none."""
    if version == wanted.strip().removeprefix("="):
        return True
    found = _EXACT.fullmatch(version)
    if found is None:
        return False
    numbers = (int(found[1]), int(found[2]), int(found[3]))
    if wanted.strip() in _ANY:
        return True
    return any(_in_all(numbers, part) for part in wanted.split("||"))


def _in_all(version: Version, text: str) -> bool:
    """Tell whether *version* keeps every bound of one alternative."""
    bounds = _read(text)
    return bounds is not None and all(low <= version < high for low, high in bounds)


def _read(text: str) -> list[_Bounds] | None:
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen:
        text = f">={hyphen[1]} <={hyphen[2]}"
    text = re.sub(r"(\^|~>?|>=|<=|>|<|=)\s+", r"\1", text.strip())
    if text in _ANY:
        return [(_LEAST, _MOST)]
    bounds = []
    for word in text.split():
        found = _PARTIAL.fullmatch(word)
        if found is None:
            return None
        bounds.append(_bounds(found["sign"] or "", found["numbers"].split(".")))
    return bounds


def _bounds(sign: str, words: list[str]) -> _Bounds:
    """Return the least version inside and the least one beyond."""
    given: list[int] = []
    for word in words:
        if not word.isdigit():
            break
        given.append(int(word))
    low = _filled(given)
    beyond = _next(given, len(given))
    tilde = (low, _next(given, min(2, len(given))))
    ranges: dict[str, _Bounds] = {
        ">=": (low, _MOST),
        ">": (beyond, _MOST),
        "<": (_LEAST, low),
        "<=": (_LEAST, beyond),
        "^": (low, _next(given, _first_that_counts(given))),
        "~": tilde,
        "~>": tilde,
    }
    return ranges.get(sign, (low, beyond))


def _filled(given: list[int]) -> Version:
    major, minor, patch = (*given, 0, 0, 0)[:3]
    return major, minor, patch


def _next(given: list[int], size: int) -> Version:
    """Return the least version beyond those that begin with *size* numbers of it."""
    if size == 0:
        return _MOST
    return _filled([*given[: size - 1], given[size - 1] + 1])


def _first_that_counts(given: list[int]) -> int:
    """Return how many numbers `^` keeps: up to the first that is not zero."""
    for position, number in enumerate(given, start=1):
        if number:
            return position
    return len(given)
