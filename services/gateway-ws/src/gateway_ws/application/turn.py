"""Turns of the loop: what follows a write in the same one goes out at its end."""

import asyncio
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)


class Turn:
    """The present turn; one callback at its end serves all rooms."""

    def __init__(self) -> None:
        self.number = 0
        """Differs from one turn to the next in which something is written."""
        self._loop = asyncio.get_running_loop()
        self._is_begun = False
        self._due: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Have the number change when all that has come in is taken in."""
        if not self._is_begun:
            self._is_begun = True
            self._loop.call_soon(self._end)

    def at_end(self, write: Callable[[], None]) -> None:
        """Have *write* called then."""
        self.begin()
        self._due.append(write)

    def _end(self) -> None:
        self.number += 1
        self._is_begun = False
        due, self._due = self._due, []
        for write in due:
            try:
                write()
            except Exception:  # noqa: BLE001 - a bug in one must not take the others along
                _log.exception("a room could not be written to")
