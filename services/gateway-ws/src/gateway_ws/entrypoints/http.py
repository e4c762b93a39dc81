"""uvicorn's HTTP, with little patience and a short way to the sockets.

Nobody may take for ever to say what is wanted. And the head of an upgrade that came in
one piece, as nearly all do, goes to the WebSocket as it is, which has to read it in any
case: reading it for HTTP first would cost as much again.
"""

import asyncio
from typing import Any, cast

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_UPGRADE = b"GET /ws/"
_END = b"\r\n\r\n"


class Door(asyncio.Protocol):
    """A connection until its first bytes say what it is for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience_s: float,
    ) -> None:
        """Take what uvicorn gives, and the seconds in which a head has to be there."""
        self._made_of = config, server_state, app_state
        self._connections: set[Any] = server_state.connections
        self._patience_s = patience_s
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._deadline = asyncio.get_running_loop().call_later(
            self._patience_s, self._transport.abort
        )

    @override
    def data_received(self, data: bytes) -> None:
        self._connections.discard(self)
        make: Any = _Http
        if data.startswith(_UPGRADE) and data.find(_END) == len(data) - len(_END):
            self._deadline.cancel()
            make = self._made_of[0].ws_protocol_class
        follower = make(*self._made_of)
        if make is _Http:
            follower.deadline = self._deadline
        follower.connection_made(self._transport)
        self._transport.set_protocol(follower)
        follower.data_received(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._deadline.cancel()

    def shutdown(self) -> None:
        """Close it: the process is to end, and nothing was asked for yet."""
        self._transport.abort()


class _Http(H11Protocol):
    """What is no socket, or asked for one bit by bit."""

    deadline: asyncio.TimerHandle
    """Ends the connection, unless the head is whole before."""

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.scope is not None:
            self.deadline.cancel()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.deadline.cancel()
