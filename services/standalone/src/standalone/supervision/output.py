"""The output of a supervised process: to the console, to its log file, and its end."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from standalone.supervision.console import Console

_CHUNK = 64 * 1024
_MAX_LINE = 8 * 1024
"""Longer lines are cut into pieces: one line must not hold up all others."""
_MAX_FILE = 10 * 1024 * 1024
_KEPT_LINES = 20


@asynccontextmanager
async def reading_end() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """Lend the reader of a pipe and the descriptor to write to.

    A pipe of asyncio's own would make waiting for a process wait for whatever it left
    behind with the same output. The borrower closes the descriptor.
    """
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
    )
    try:
        yield reader, writing
    finally:
        transport.close()


class Output:
    """Where the lines of one process go."""

    def __init__(self, name: str, file: Path, console: Console | None) -> None:
        self.file = file
        self._name = name
        self._console = console
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def last_line(self) -> str:
        """The last thing that the process said, without the blanks around it."""
        return next((line.strip() for line in reversed(self._last) if line.strip()), "")

    async def pump(self, stream: asyncio.StreamReader) -> None:
        """Pass on all lines until the process, and all that it started, closed it."""
        rest = b""
        while data := await stream.read(_CHUNK):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], b""
            self._write(lines)
        if rest:
            self._write([rest])

    def note(self, sentence: str) -> None:
        """Add a line that the process could not write itself."""
        self._write([sentence.encode()])

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._write_file(b"\n".join([*lines, b""]))
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            self._last.append(text)
            if self._console is not None:
                self._console.line(self._name, text)

    def _write_file(self, data: bytes) -> None:
        try:
            if self.file.exists() and self.file.stat().st_size > _MAX_FILE:
                self.file.replace(self.file.with_suffix(".log.1"))
            with self.file.open("ab") as file:
                file.write(data)
        except OSError:
            # A full disk is told by whoever needs it; logs are not worth a crash.
            pass
