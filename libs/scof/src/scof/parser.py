"""Text in, events out."""

import re

from scof.errors import ParserFinished, UnsafePath
from scof.events import (
    Command,
    Diagnostic,
    Event,
    FileChunk,
    FileClosed,
    FileOpened,
    FileTruncated,
    PatchChunk,
    PatchClosed,
    PatchOpened,
    Prose,
)
from scof.limits import Limits
from scof.paths import safe_path

_FILE = re.compile(r"cat *> *(?P<path>\S+) *<< *'(?P<marker>[^']+)' *\Z")
_PATCH = re.compile(r"cat *<< *'(?P<marker>[^']+)' *\| *patch *(?P<path>\S+) *\Z")
_INSTALL = re.compile(r"npm (?:install|i)(?: [\w@/.^~-]+)+\Z")


class Parser:
    """Reads one answer of a model."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._partial: list[str] = []
        self._finished = False
        self._line = 0
        self._path: str | None = None
        self._marker = ""
        self._patch = False
        self._pieces: list[str] = []

    def feed(self, text: str) -> list[Event]:
        """Read the next piece of the answer and return what it brought.

        Raises:
            ParserFinished: `finish` was called before.

        """
        if self._finished:
            raise ParserFinished("The answer is over.")
        events: list[Event] = []
        *lines, rest = text.split("\n")
        for line in lines:
            self._partial.append(line)
            self._complete("".join(self._partial), "\n", events)
            self._partial.clear()
        self._partial.append(rest)
        return events

    def finish(self) -> list[Event]:
        """End the answer and return what was still open.

        Raises:
            ParserFinished: `finish` was called before.

        """
        events = self.feed("")
        self._complete("".join(self._partial), "", events)
        self._finished = True
        if self._path is not None:
            events.append(FileTruncated(self._path, "".join(self._pieces)))
        return events

    def _complete(self, line: str, end: str, events: list[Event]) -> None:
        self._line += 1
        if self._path is not None:
            self._body(self._path, line, end, events)
        elif command := _FILE.match(line) or _PATCH.match(line):
            self._open(command, events)
        elif _INSTALL.match(line):
            events.append(Command(tuple(line.split())))
        elif line or end:
            events.append(Prose(line + end))

    def _open(self, command: re.Match[str], events: list[Event]) -> None:
        try:
            self._path = safe_path(command["path"])
        except UnsafePath as refused:
            events.append(Diagnostic("unsafe_path", str(refused), self._line))
            return
        self._marker = command["marker"]
        self._patch = command.re is _PATCH
        opened = PatchOpened if self._patch else FileOpened
        events.append(opened(self._path))

    def _body(self, path: str, line: str, end: str, events: list[Event]) -> None:
        if line.rstrip(" \t\r") == self._marker:
            closed = PatchClosed if self._patch else FileClosed
            events.append(closed(path, "".join(self._pieces)))
            self._path = None
            self._pieces = []
        elif line or end:
            chunk = PatchChunk if self._patch else FileChunk
            events.append(chunk(path, line + end))
            self._pieces.append(line + end)
