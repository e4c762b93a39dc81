"""How long it takes until people see what happens."""

import time

from chassis import tracing
from contracts import project
from contracts.codec import AnyEvent
from contracts.envelope import Recorded
from gateway_ws.application import metrics


class Latency:
    """The stopwatch of one room; times are those of the log, in seconds since 1970."""

    __slots__ = ("_awaits_preview", "_begun_at", "awaits_text", "waiting")

    def __init__(self) -> None:
        self.awaits_text = False
        """A run has begun and nobody has seen a character of a file."""
        self._begun_at = 0.0
        self._awaits_preview = False
        self.waiting: list[Recorded] = []
        """Events that were gathered since something was written."""

    def gathered(self, recorded: Recorded, event: AnyEvent) -> None:
        """Note that an event is about to be written."""
        self.waiting.append(recorded)
        match event:
            case project.RunStarted():
                self._begun_at = recorded.at.timestamp()
                self.awaits_text = self._awaits_preview = True
            case project.ServerStarted() if self._awaits_preview:
                self._awaits_preview = False
                took_s = recorded.at.timestamp() - self._begun_at
                metrics.PREVIEW.observe(took_s)
            case project.RunCompleted() | project.RunFailed() | project.RunStopped():
                self.awaits_text = self._awaits_preview = False
            case _:
                pass

    def text(self) -> None:
        """Note that characters are about to be written."""
        self.awaits_text = False
        metrics.FIRST_CHARACTER.observe(max(0.0, time.time() - self._begun_at))

    def written(self, watchers: int) -> None:
        """Note that what was gathered has been written to so many."""
        gathered, self.waiting = self.waiting, []
        if not watchers:
            return
        now = time.time()
        for recorded in gathered:
            at = recorded.at.timestamp()
            metrics.EVENT_TO_SCREEN.observe(max(0.0, now - at))
            if recorded.meta is not None:
                tracing.record(
                    *("show", recorded.meta.traceparent, at),
                    event=recorded.type,
                    seq=recorded.seq,
                    watchers=watchers,
                )
