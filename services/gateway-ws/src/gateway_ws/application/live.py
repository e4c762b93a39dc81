"""Those who have been told everything so far: what comes next goes to all in one write.

The first of a turn of the loop goes out at once, what follows in the same turn as one
write at its end, pieces of text as one: nothing waits for a clock, and the more a
gateway has to do, the less each message costs. Whoever has not taken the last write
gets no more: it is handed back, with how far it has come.
"""

from collections.abc import Callable

from gateway_ws.application import metrics
from gateway_ws.application.latency import Latency
from gateway_ws.application.turn import Turn
from gateway_ws.application.watcher import Watcher
from gateway_ws.domain import frames, wire
from gateway_ws.domain.text import OpenText, Place

GATHER_BYTES = 64 * 1024
"""More than this does not wait for the end of the turn."""


class Live:
    """The watchers of a room who are at its head."""

    __slots__ = (
        "_batch",
        "_batch_bytes",
        "_fall_behind",
        "_gathered",
        "_is_due",
        "_text",
        "_turn",
        "_written_in",
        "_written_place",
        "_written_seq",
        "latency",
        "seq",
        "watchers",
    )

    def __init__(
        self, text: OpenText, turn: Turn, fall_behind: Callable[[Watcher], None]
    ) -> None:
        self.watchers: set[Watcher] = set()
        self.seq = 0
        """The head: the last event that is written or gathered."""
        self._text = text
        self._fall_behind = fall_behind
        self._turn = turn
        self._is_due = False
        self._written_in = -1
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._gathered: Place | None = None
        self._written_seq = 0
        self._written_place: Place | None = None
        self.latency = Latency()

    def start(self, seq: int) -> None:
        """Begin with *seq* as the head."""
        self.seq = self._written_seq = seq

    def add(self, watcher: Watcher) -> None:
        """Take in *watcher*, who has been told and shown everything up to here.

        Nothing is gathered at that moment: see `flush`.
        """
        self.watchers.add(watcher)

    def gather_event(self, seq: int, frame: bytes) -> None:
        """Have the event *seq* written after all that came before it."""
        self.gather(frame)
        self.seq = seq

    def gather(self, frame: bytes) -> None:
        """Have *frame* written after all that came before it."""
        self.gather_text()
        self._batch.append(frame)
        self._batch_bytes += len(frame)

    def gather_text(self) -> None:
        """Gather what came of the open file since the last time, as one piece."""
        if self._gathered is self._text.place:
            return
        for message in self._text.since(self._gathered):
            self._batch.append(wire.text(frames.text_frame(message)))
        self._gathered = self._text.place

    def show_next(self, body: bytes) -> bool:
        """Show the next piece of the open file, *body* on the bus, if it is that.

        Nearly all that comes is, so this goes straight ahead.
        """
        text, turn = self._text, self._turn
        is_shown = self._gathered is text.place
        frame = text.take_next(body)
        if frame is None:
            return False
        latency = self.latency
        if latency.awaits_text:
            latency.text()
        if is_shown and not self._batch and self._written_in != turn.number:
            self._written_in = turn.number
            if not turn.is_begun:
                turn.begin()
            self._gathered = text.place
            self._write(wire.text(frame), 1)
        else:
            self.flush_soon()
        return True

    def flush_soon(self) -> None:
        """Write now, or at the end of a turn in which something was written already."""
        turn = self._turn
        if self._written_in != turn.number or self._batch_bytes > GATHER_BYTES:
            self._written_in = turn.number
            turn.begin()
            self.flush()
        elif not self._is_due:
            self._is_due = True
            self._turn.at_end(self.flush)

    def flush(self) -> None:
        """Write what is gathered to all who took what came before."""
        self._is_due = False
        self.gather_text()
        if not self._batch:
            return
        data, count = b"".join(self._batch), len(self._batch)
        self._batch, self._batch_bytes = [], 0
        self._write(data, count)

    def _write(self, data: bytes, count: int) -> None:
        """Write so many frames to all who took what came before."""
        slow: list[Watcher] | None = None
        for watcher in self.watchers:
            client = watcher.client
            if client.is_slow:
                slow = [watcher] if slow is None else [*slow, watcher]
            else:
                client.write(data)
        metrics.FRAMES_OUT.count += count * len(self.watchers)
        if slow is not None:
            self._leave_behind(slow, count)
        if self.latency.waiting:
            self.latency.written(len(self.watchers))
        self._written_seq, self._written_place = self.seq, self._gathered

    def _leave_behind(self, slow: list[Watcher], count: int) -> None:
        """Hand back those who did not take the last write, and get none of *count*."""
        metrics.FRAMES_OUT.count -= count * len(slow)
        for watcher in slow:
            metrics.FELL_BEHIND.inc()
            self.watchers.discard(watcher)
            watcher.seq, watcher.shown = self._written_seq, self._written_place
            self._fall_behind(watcher)
