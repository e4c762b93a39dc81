"""What a body looks like that is not what the model meant it to be.

Nothing is changed here. A body is never a source of commands; what looks like one is
reported, because a marker may have been forgotten before it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from scof.grammar.commands import read_command
from scof.grammar.readings import Block, Install, Note, shown
from scof.limits import Limits

# One pass over every file of every answer: letter by letter after a literal is what
# the engine does fastest.
_HINT = re.compile(r"\n[bcmnpty](?:at|kdir|ee|atch|pm|npm|arn|un)[ \t<>]")
_SUSPECT = re.compile(
    r"(?:cat|mkdir|tee|patch)[ \t<>].*<<"
    r"|(?:npm|pnpm|yarn|bun)[ \t]+(?:install|i|add)[ \t]+[^ \t]",
)
_OPENING_FENCE = re.compile(r"\n*(`{3,}|~{3,})[^`\n]*\n")
_CLOSING_FENCE = re.compile(r"\n(`{3,}|~{3,})\s*\Z")
_MARKDOWN = (".md", ".mdx", ".markdown")
_FENCE_CHARS = 200


class Suspect(NamedTuple):
    """A line of a body that would be a command outside."""

    note: Note
    line: int
    path: str | None


def suspects(content: str, path: str, line: int, limits: Limits) -> Iterator[Suspect]:
    """Yield the lines of *content*, which begins at *line*, that look like commands."""
    counted = 0
    for start in _hints(content):
        feed = content.find("\n", start)
        suspected = content[start : feed if feed >= 0 else len(content)]
        command = documented_command(suspected, limits)
        if command is not None:
            line += content.count("\n", counted, start)
            counted = start
            yield suspect(suspected, command, path, line)


def _hints(content: str) -> Iterator[int]:
    """Yield the starts of lines that are worth a closer look."""
    yield 0
    for hint in _HINT.finditer(content):
        yield hint.start() + 1


def documented_command(line: str, limits: Limits) -> Block | Install | None:
    """Return the command that this line would be outside a body."""
    # A file may be one line, and a line may be a file.
    if len(line) > limits.line_chars or _SUSPECT.match(line) is None:
        return None
    reading = read_command(line.rstrip("\r"), limits)
    return reading if isinstance(reading, Block | Install) else None


def suspect(line: str, command: Block | Install, path: str, number: int) -> Suspect:
    """Return the report on a line in the body of *path* that looks like *command*."""
    message = f"The marker of {shown(path)} may be missing before {shown(line)}."
    inner = command.path if isinstance(command, Block) else None
    return Suspect(Note("possible_missing_marker", message), number, inner)


def is_fenced(content: str, path: str) -> bool:
    """Whether a code fence stands round the whole of a file that is not Markdown."""
    return (
        not path.lower().endswith(_MARKDOWN)
        and _OPENING_FENCE.match(content[:_FENCE_CHARS]) is not None
        and _CLOSING_FENCE.search(content[-_FENCE_CHARS:]) is not None
    )
