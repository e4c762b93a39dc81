"""The grammar of lines outside bodies: which of them are commands, and which ones.

One line in (a continued line is one), one reading out. Nothing here knows about
streams, and nothing is remembered from one line to the next.
"""

import re
from dataclasses import replace

from scof.errors import UnsafePath
from scof.grammar.blocks import WRITERS, read_block
from scof.grammar.install import MANAGERS, install_argv, is_install
from scof.grammar.readings import (
    Block,
    Ignored,
    Install,
    Marker,
    Note,
    Reading,
    Refused,
    shown,
)
from scof.grammar.words import Line, Word, split_words
from scof.limits import Limits
from scof.paths import safe_path

MAX_LEAD_CHARS = 64
"""Indentation, prompt and name of a command; a line that needs more is prose."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# One argument is enough to tell these from prose.
_SINGLE_ARGUMENT = _words(
    "bunx cd chmod cp ln ls mkdir mv npx pnpx rm rmdir source touch"
)
_TOOLS = _words(
    "awk bash chown curl deno docker echo export git kill node perl pip pip3 printf"
    " python python3 sed sh sudo tar unzip wget"
)
# What may follow the name of a tool that is a word of prose as well.
_SUBCOMMANDS = _words(
    "add build ci clone commit create dev dlx exec init lint publish pull push remove"
    " run start test uninstall up update upgrade x"
)
_COMMANDS = WRITERS | MANAGERS | _SINGLE_ARGUMENT | _TOOLS
_PREFIXES = frozenset(
    name[:size] for name in _COMMANDS for size in range(len(name) + 1)
)

_PROMPT = re.compile(r"[ \t]*(\$[ \t]+)?")
_LEAD = re.compile(r"[ \t]*(?:\$[ \t]+)?(?P<name>[a-z0-9]*)")
_AFTER_NAME = frozenset(" \t<>|&;\\")
_FILE_NAME = re.compile(r"\w\.\w")


# What answers are made of when they are as they should be. The grammar reads it to the
# same end in three times as long.
_DOCUMENTED = re.compile(r"cat > (?P<path>[\w./-]+) << '(?P<marker>\w+)'", re.ASCII)


def may_be_command(text: str, start: int) -> bool | None:
    """Whether the line at *start* begins like a command; None: too early to tell.

    The answer depends on the beginning of the line alone, so it comes after the same
    character however the text is cut.
    """
    lead = _LEAD.match(text, start, start + MAX_LEAD_CHARS)
    stop = lead.end() if lead else start
    name = text[start:stop].lstrip(" \t$")
    if stop == start + MAX_LEAD_CHARS:
        return False
    if stop == len(text):
        return None if name in _PREFIXES else False
    if text[stop] == "$" and not name and stop + 1 == len(text):
        return None
    return name in _COMMANDS and text[stop] in _AFTER_NAME


def read_command(text: str, limits: Limits) -> Reading | None:
    """Return what the line *text* is; None for prose."""
    return _read_documented(text, limits) or read_by_grammar(text, limits)


def _read_documented(text: str, limits: Limits) -> Block | None:
    """Return the block of a line in the documented form with nothing odd in it."""
    line = _DOCUMENTED.fullmatch(text)
    if line is None:
        return None
    path, marker = line.groups()
    if len(path) > limits.path_chars or len(marker) > limits.marker_chars:
        return None
    try:
        return Block(safe_path(path), is_patch=False, marker=Marker((marker,)))
    except UnsafePath:
        return None


def read_by_grammar(text: str, limits: Limits) -> Reading | None:
    """Return what the line *text* is, whatever its form; None for prose."""
    prompt = _PROMPT.match(text)
    rest = text[prompt.end() :] if prompt else text
    line = split_words(rest)
    first = line.tokens[0] if line.tokens else ""
    if not isinstance(first, Word) or first.quoted or first.text not in _COMMANDS:
        return None
    if is_install(line):
        return _read_install(rest, line, limits)
    reading = read_block(rest, line, limits)
    if isinstance(reading, Block) and prompt and prompt[1]:
        note = Note("shell_prompt", "A prompt stands before the command.")
        return replace(reading, notes=(note, *reading.notes))
    if reading is None and _looks_like_shell(line, first.text):
        return Ignored(Note("ignored_command", f"{shown(rest.strip())} is not run."))
    return reading


def _read_install(text: str, line: Line, limits: Limits) -> Install | Refused:
    """Return an install command, or refuse it together with a body that it owns."""
    argv = install_argv(line)
    if isinstance(argv, tuple):
        return Install(argv)
    note = Note("install_refused", f"The install command is refused: {argv}.")
    block = read_block(text, line, limits)
    if isinstance(block, Refused):
        return replace(block, note=note)
    return Refused(note)


def _looks_like_shell(line: Line, name: str) -> bool:
    """Whether a line that begins with a command's name is more than a sentence."""
    arguments = [token for token in line.tokens[1:] if isinstance(token, Word)]
    if len(arguments) < len(line.tokens) - 1:
        return True
    if not arguments:
        return False
    if len(arguments) == 1 and name in _SINGLE_ARGUMENT:
        return True
    return arguments[0].text in _SUBCOMMANDS or any(map(_is_shell_like, arguments))


def _is_shell_like(word: Word) -> bool:
    """Whether a word is an option, a path or quoted, as prose seldom is."""
    text = word.text
    return (
        word.quoted
        or (text.startswith("-") and len(text) > 1)
        or "/" in text
        or _FILE_NAME.search(text) is not None
    )
