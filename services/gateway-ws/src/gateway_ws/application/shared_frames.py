"""Long frames of recorded events, kept so that all who lack one get the same bytes.

An event never changes. Where many clients are slow, or come back at once, what waits
for them in their transports is then one copy and not one for each.
"""

from typing import TYPE_CHECKING

from contracts import codec
from contracts.envelope import Recorded
from gateway_ws.domain import frames, wire

if TYPE_CHECKING:
    from uuid import UUID

LONG_BYTES = 4096
"""Shorter ones are not worth keeping."""


class SharedFrames:
    """The frames that were asked for last, as many as fit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: dict[tuple[UUID, int], bytes] = {}

    def of(self, recorded: Recorded, event: codec.AnyEvent) -> bytes:
        """Return the frame of *event*, which is the one in *recorded*."""
        key = (recorded.project_id, recorded.seq)
        frame = self._kept.pop(key, None)
        if frame is None:
            payload = frames.event_frame(event, recorded.seq, recorded.at)
            frame = wire.text(payload)
            if len(frame) < LONG_BYTES:
                return frame
            self._bytes += len(frame)
        self._kept[key] = frame  # as the youngest
        while self._bytes > self._max_bytes:
            oldest = next(iter(self._kept))
            self._bytes -= len(self._kept.pop(oldest))
        return frame
