"""The grammar of install commands: names, versions and a few flags, nothing else.

What passes is run by a package manager as an argument list, so the rule is not "no
shell syntax" but "only what is known to name a package of the registry". Addresses,
files, folders, repositories and aliases do not, and a command that holds one of
them is refused as a whole.
"""

import re

from scof.grammar.words import Line, Word

MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
INSTALL_VERBS = frozenset({"install", "i", "add"})

_FLAGS = frozenset({"-D", "--save-dev", "--dev", "-E", "--save-exact"})
_WORD = r"[a-z0-9](?:[\w.-]*\w)?"
_NAME = rf"(?:@{_WORD}/)?{_WORD}"
# A tag, a version with wildcards, or comparisons joined by blanks, " - " and "||".
# Each blank can be read in one way only, so a refusal takes linear time.
_COMPARISON = r"(?:(?:[~^=]|[<>]=?)[ ]?)?[a-z0-9*][\w.*+-]*"
_RANGE = rf"{_COMPARISON}(?:(?:[ ]-[ ]|[ ]?\|\|[ ]?|[ ]){_COMPARISON})*"
_PACKAGE = re.compile(rf"{_NAME}(?:@{_RANGE})?", re.IGNORECASE | re.ASCII)
_ARCHIVE = re.compile(r"\.(?:tgz|tar|tar\.gz)\Z", re.IGNORECASE)
_MAX_PACKAGE_CHARS = 300


def is_install(line: Line) -> bool:
    """Whether the line begins with a package manager and a verb that installs."""
    words = [token.text for token in line.tokens[:2] if isinstance(token, Word)]
    return len(words) == 2 and words[0] in MANAGERS and words[1] in INSTALL_VERBS  # noqa: PLR2004 - the two words that were taken


def install_argv(line: Line) -> tuple[str, ...] | str:
    """Return the arguments of an install command, or a clause that refuses it."""
    argv = []
    for token in line.tokens:
        if isinstance(token, str):
            return f"{token!r} is shell syntax"
        if token.open:
            return "a quote is not closed"
        argv.append(token.text)
    for argument in argv[2:]:
        reason = _refuse(argument)
        if reason is not None:
            return reason
    if argv[1] == "add" and not any(map(_is_package, argv[2:])):
        return "it names no package"
    return tuple(argv)


def _refuse(argument: str) -> str | None:
    """Say why an install command must not have this argument."""
    if argument in _FLAGS or _is_package(argument):
        return None
    if argument.startswith("-"):
        return f"the flag {argument[:80]!r} is not allowed"
    return f"{argument[:80]!r} is not the name of a package"


def _is_package(argument: str) -> bool:
    """Whether this names a package of the registry, with a version or without."""
    return (
        len(argument) <= _MAX_PACKAGE_CHARS
        and _PACKAGE.fullmatch(argument) is not None
        and _ARCHIVE.search(argument) is None
    )
