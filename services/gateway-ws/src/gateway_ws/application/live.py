"""Those who have been told everything so far: what comes next goes to all in one write.

The first of a turn of the loop goes out at once, what follows in the same turn as one
write at its end, pieces of text as one: nothing waits for a clock, and the more a
gateway has to do, the less each message costs. Whoever has not taken the last write
gets no more: it is handed back, with how far it has come.
"""

from collections.abc import Callable

from contracts import codec
from contracts.envelope import Recorded
from gateway_ws.application import metrics
from gateway_ws.application.latency import Latency
from gateway_ws.application.turn import Turn
from gateway_ws.application.watcher import Watcher
from gateway_ws.domain import frames, wire
from gateway_ws.domain.text import OpenText, Place
from gateway_ws.ports import Client

GATHER_BYTES = 64 * 1024
"""More than this does not wait for the end of the turn."""


class Live:
    """The watchers of a room who are at its head."""

    __slots__ = (
        "_batch",
        "_batch_bytes",
        "_clients",
        "_fall_behind",
        "_gathered",
        "_is_due",
        "_is_timed",
        "_latency",
        "_text",
        "_turn",
        "_written_in",
        "_written_place",
        "_written_seq",
        "seq",
        "watchers",
    )

    def __init__(
        self, text: OpenText, turn: Turn, fall_behind: Callable[[Watcher], None]
    ) -> None:
        self.watchers: set[Watcher] = set()
        """Use `add` and `discard`."""
        self._clients: list[Client] | None = None
        self.seq = 0
        """The head: the last event that is written or gathered."""
        self._text = text
        self._fall_behind = fall_behind
        self._turn = turn
        self._is_due = False
        self._written_in: object = None
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._gathered: Place | None = None
        self._written_seq = 0
        self._written_place: Place | None = None
        self._latency = Latency()
        self._is_timed = False

    def start(self, seq: int) -> None:
        """Begin with *seq* as the head."""
        self.seq = self._written_seq = seq

    def add(self, watcher: Watcher) -> None:
        """Take in *watcher*, who has been told and shown everything up to here.

        Nothing is gathered at that moment: see `flush`.
        """
        self.watchers.add(watcher)
        self._clients = None

    def discard(self, watcher: Watcher) -> None:
        """Forget *watcher*, if it is one of them."""
        self.watchers.discard(watcher)
        self._clients = None

    def gather_event(
        self, recorded: Recorded, event: codec.AnyEvent, frame: bytes
    ) -> None:
        """Have an event written after all that came before it."""
        self.gather(frame)
        self.seq = recorded.seq
        self._latency.gathered(recorded, event)
        self._is_timed = True

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
            frame = wire.text(frames.text_frame(message))
            self._batch.append(frame)
            self._batch_bytes += len(frame)
        self._gathered = self._text.place

    def show_next(self, body: bytes) -> bool:
        """Show the next piece of the open file, *body* on the bus, if it is that.

        Nearly all that comes is, so this goes straight ahead, and past as few objects
        as can be: of many projects none is in the processor's cache.
        """
        text, now = self._text, self._turn.now
        is_shown = self._gathered is text.place
        frame = text.take_next(body)
        if frame is None:
            return False
        if self._is_timed:
            self.text_came()
        if is_shown and not self._batch_bytes and self._written_in is not now:
            self._written_in = now
            self._turn.begin()
            self._gathered = text.place
            self._write(wire.text(frame), 1)
        else:
            self.flush_soon()
        return True

    def text_came(self) -> None:
        """Stop the clock that runs until text comes."""
        if self._latency.awaits_text:
            self._latency.text()

    def flush_soon(self) -> None:
        """Write now, or at the end of a turn in which something was written already."""
        turn = self._turn
        if self._written_in is not turn.now or self._batch_bytes > GATHER_BYTES:
            self._written_in = turn.now
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
        clients, slow = self._clients, 0
        if clients is None:
            clients = self._clients = [watcher.client for watcher in self.watchers]
        for client in clients:
            if client.is_slow:
                slow += 1
        if slow:
            clients = self._leave_behind()
        for client in clients:
            client.write(data)
        metrics.FRAMES_OUT.count += count * len(clients)
        if self._is_timed:
            self._latency.written(len(clients))
            self._is_timed = self._latency.awaits_text
        self._written_seq, self._written_place = self.seq, self._gathered

    def _leave_behind(self) -> list[Client]:
        """Hand back those who did not take the last write; return the others."""
        for watcher in [one for one in self.watchers if one.client.is_slow]:
            metrics.FELL_BEHIND.inc()
            self.watchers.discard(watcher)
            watcher.seq, watcher.shown = self._written_seq, self._written_place
            self._fall_behind(watcher)
        self._clients = [watcher.client for watcher in self.watchers]
        return self._clients
