"""Output on its way to those who watch, and the last of it for when things go wrong."""

import asyncio
import time
from collections.abc import Iterable
from uuid import UUID

from sandbox.domain.output import Joiner, Lines, Mask, Stream, Tail
from sandbox.ports import LogSink

_FLUSH_S = 0.1
"""Lines of this long are joined: too short to be noticed, long enough to save work."""


class Output:
    """Everything that one sandbox prints."""

    def __init__(self, project_id: UUID, sink: LogSink, waiting: asyncio.Event) -> None:
        self._project_id = project_id
        self._sink = sink
        self._waiting = waiting
        self._joiner = Joiner()
        self._mask = Mask(())
        self._heir: Output | None = None
        self._inner = ""
        self.tail = Tail()
        """The last lines of whatever ran last."""

    def pass_on_to(self, heir: "Output", *, inner: str) -> None:
        """Let *heir* have everything that comes from now on, except about *inner*."""
        self._heir = heir
        self._inner = inner
        heir.tail = Tail()

    def say(self, line: str) -> None:
        """Add a line of our own, such as the command that is about to run."""
        self._add("stdout", [line], ours=True)

    def hide(self, secrets: Iterable[str]) -> None:
        """Show stars instead of *secrets* from now on, whoever prints them."""
        self._mask = Mask(secrets)

    @property
    def mask(self) -> Mask:
        """What hides the secrets of whoever has the output now."""
        return self._mask if self._heir is None else self._heir.mask

    def _add(self, stream: Stream, lines: list[str], *, ours: bool = False) -> None:
        if self._heir is not None:
            lines = [line for line in lines if self._inner not in line]
            self._heir._add(stream, lines, ours=ours)  # noqa: SLF001 - one of us
            return
        self.tail.add(lines)
        self._joiner.add(stream, lines, ours=ours)
        if self._joiner.waiting:
            self._waiting.set()

    def new_source(self) -> "Source":
        """Return where a command that starts now puts its output."""
        self.tail = Tail()
        return Source(self)

    def flush(self, now: float) -> bool:
        """Send what may be sent; tell whether something has to wait."""
        for message in self._joiner.take(now):
            self._sink.show(self._project_id, message.stream, message.content)
        return self._joiner.waiting


class Source:
    """The two streams of one command."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines: dict[Stream, Lines] = {"stdout": Lines(), "stderr": Lines()}
        self.tail = Tail()

    async def take(self, stream: Stream, data: bytes) -> None:
        """Take in what the command wrote; nothing: its last line will get no end."""
        lines, mask = self._lines[stream], self._output.mask
        self._pass_on(stream, lines.feed(data, mask) if data else lines.finish(mask))

    def _pass_on(self, stream: Stream, lines: list[str]) -> None:
        if lines:
            self.tail.add(lines)
            self._output._add(stream, lines)  # noqa: SLF001 - two halves of one thing


class Outputs:
    """The output of all sandboxes, and the one task that sends it."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink
        self._waiting = asyncio.Event()
        self._of: dict[UUID, Output] = {}

    def of(self, project_id: UUID) -> Output:
        """Return the output of a project's sandbox."""
        if project_id not in self._of:
            self._of[project_id] = Output(project_id, self._sink, self._waiting)
        return self._of[project_id]

    def forget(self, project_id: UUID) -> None:
        """Drop what is left of a sandbox that was removed."""
        self._of.pop(project_id, None)

    async def run(self) -> None:
        """Send lines as they come, until cancelled."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            await asyncio.sleep(_FLUSH_S)
            now = time.monotonic()
            for output in self._of.values():
                if output.flush(now):
                    self._waiting.set()
