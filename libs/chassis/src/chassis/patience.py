"""uvicorn's HTTP, that gives up on who takes nothing of what was asked for.

Without that, what waits for such a client waits in memory for as long as it likes: the
server has written it and awaits that there is room for more.
"""

import asyncio

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

STALL_S = 60.0
"""In which a client has to take something, however little, while something waits."""


class PatientHttp(H11Protocol):
    """One connection."""

    _unsent = 0
    _look_at: asyncio.TimerHandle | None = None

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._look_no_more()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._look_no_more()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._look_at = self.loop.call_later(STALL_S, self._look)

    def _look_no_more(self) -> None:
        if self._look_at is not None:
            self._look_at.cancel()
            self._look_at = None

    def _look(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._look_later()
        else:
            self.transport.abort()
