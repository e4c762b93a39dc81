"""Turns of the loop: what follows a write in the same one goes out at its end."""

import asyncio
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)


class Turn:
    """The present turn; one callback at its end serves all rooms."""

    def __init__(self) -> None:
        self.now = object()
        """Another one in each turn in which something is written."""
        self.is_begun = False
        """Whether there will be another one when all that has come in is taken in."""
        self._loop = asyncio.get_running_loop()
        self._due: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Have the turn end then: at the end of the loop's turn."""
        if not self.is_begun:
            self.is_begun = True
            self._loop.call_soon(self.end)

    def open(self) -> None:
        """Begin what the caller will `end`, because it knows when all is taken in."""
        self.is_begun = True

    def at_end(self, write: Callable[[], None]) -> None:
        """Have *write* called then."""
        self.begin()
        self._due.append(write)

    def end(self) -> None:
        """Do what is due, and go on to the next turn; once too often does no harm."""
        self.now = object()
        self.is_begun = False
        if self._due:
            self._do()

    def _do(self) -> None:
        due, self._due = self._due, []
        for write in due:
            try:
                write()
            except Exception:  # noqa: BLE001 - a bug in one must not take the others along
                _log.exception("a room could not be written to")
