"""uvicorn's HTTP, with little patience and a short way to the sockets.

Nobody may take for ever to say what is wanted. And the head of an upgrade that came in
one piece, as nearly all do, goes to the WebSocket as it is, which has to read it in any
case: reading it for HTTP first would cost as much again.
"""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

_UPGRADE = b"GET /ws/"
_END = b"\r\n\r\n"


class Http(H11Protocol):
    """A connection until it is known what it is for."""

    def __init__(self, *args: Any, patience_s: float, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._patience_s = patience_s
        self._is_first = True
        self._deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self._patience_s, transport.abort)

    @override
    def data_received(self, data: bytes) -> None:
        first, self._is_first = self._is_first, False
        if (
            first
            and data.startswith(_UPGRADE)
            and data.find(_END) == len(data) - len(_END)
        ):
            self._hand_over(data)
            return
        super().data_received(data)
        if self.scope is not None:
            self._at_ease()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._at_ease()

    def _hand_over(self, head: bytes) -> None:
        self._at_ease()
        self.connections.discard(self)
        make: Any = self.ws_protocol_class
        socket = make(self.config, self.server_state, self.app_state)
        socket.connection_made(self.transport)
        self.transport.set_protocol(socket)
        socket.data_received(head)

    def _at_ease(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
