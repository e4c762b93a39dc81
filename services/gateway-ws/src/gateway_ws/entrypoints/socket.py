"""uvicorn's WebSocket, written to directly.

The handshake is an ordinary ASGI call, in which the application finds the socket itself
under ``scope["extensions"]`` and may take it over. From then on there is no task and no
queue: frames go to the transport as they are, and what the client says comes to a
`Visit`. What waits to be written waits in the transport, whose limits say when a client
is slow; how long it may be slow, or silent, is watched here.
"""

import asyncio
import random
from asyncio.transports import BaseTransport
from typing import Any, Protocol

import structlog
from msgspec import Struct
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import (
    WebSocketsSansIOProtocol,
)
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame

from gateway_ws.application import metrics
from gateway_ws.domain import wire
from gateway_ws.domain.rate import Bucket
from gateway_ws.ports import Client

EXTENSION = "atelier.socket"
"""Where a handler finds its socket."""

HIGH_WATER_BYTES = 64 * 1024
"""A client that leaves more than this in the transport is slow."""
LOW_WATER_BYTES = 16 * 1024
"""Below this it is not slow any more."""
MAX_FRAGMENTS = 64
"""Frames that one message may come in: empty ones would be free for the sender."""
CONTROL_FRAMES_PER_S = 5
CONTROL_FRAMES_BURST = 20
WATCH_S = 2.0
"""Seconds between two looks at a socket, and what a closing one has to end in."""

_log = structlog.get_logger(__name__)


class Patience(Struct, frozen=True):
    """How long a socket waits for its client, in seconds."""

    handshake_s: float
    """For the head of the request."""
    ping_s: float
    """Silence after which the client is asked for a sign of life."""
    pong_s: float
    """Silence after that, before it is taken for dead."""
    stall_s: float
    """While something waits for it and it takes nothing."""
    drain_s: float
    """Over which the goodbyes are spread when the process ends."""


class Backlog:
    """Bytes that wait for slow clients, all of them together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0

    def add(self, size: int) -> bool:
        """Count *size* more; False where that is too much."""
        self._bytes += size
        return self._bytes <= self._max_bytes

    def remove(self, size: int) -> None:
        """Count *size* less."""
        self._bytes -= size


class Visit(Protocol):
    """What becomes of a socket that was taken over."""

    async def hear(self, frame: str | bytes) -> None:
        """Take in a message; the next one waits until this returns."""
        ...

    def end(self) -> None:
        """Forget the socket: it is closed."""
        ...


class Socket(WebSocketsSansIOProtocol, Client):
    """One connection, from its handshake to its end."""

    def __init__(  # what uvicorn gives, and what is ours
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        patience: Patience,
        backlog: Backlog,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._patience = patience
        self._backlog = backlog
        self._visit: Visit | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._slow = False
        self._owed = 0
        self._written = 0
        self._taken = 0
        self._took_at = self._heard_at = self.loop.time()
        self._pinged = False
        self._watch_timer: asyncio.TimerHandle | None = None
        self._control: Bucket | None = None

    # --- what the application does with it ------------------------------------------

    def take_over(self, visit: Visit) -> None:
        """Have *visit* hear the client from now on; the handler may return."""
        if self.disconnected:
            visit.end()
            return
        self._visit = visit
        self._hear_soon()

    @property
    @override
    def is_slow(self) -> bool:
        return self._slow

    @override
    def write(self, data: bytes) -> None:
        if not self.close_sent:
            self._written += len(data)
            self.transport.write(data)

    @override
    async def until_ready(self) -> None:
        await self.writable.wait()

    @override
    def close(self, code: int) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.close_sent = True
        try:
            self.conn.send_close(code, wire.REASONS.get(code, ""))
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(2 * WATCH_S, self.transport.abort)

    # --- what the transport says ----------------------------------------------------

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        metrics.OPENED.inc()
        metrics.CONNECTIONS.inc()
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES, LOW_WATER_BYTES)
        self._watch_timer = self.loop.call_later(WATCH_S, self._watch)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._paid()
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        if self._visit is not None:
            self._visit.end()
        metrics.CONNECTIONS.dec()
        ours, theirs = self.conn.close_sent, self.conn.close_rcvd
        first = theirs if self.conn.close_rcvd_then_sent else ours or theirs
        code = first.code if first else wire.ABNORMAL
        metrics.CLOSED.labels(code if code in wire.CODES else "other").inc()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._slow = True
        self._owed = self.transport.get_write_buffer_size()
        if not self._backlog.add(self._owed):
            self.close(wire.TRY_AGAIN_LATER)

    @override
    def resume_writing(self) -> None:
        self._slow = False
        self._paid()
        super().resume_writing()

    @override
    def shutdown(self) -> None:
        if self._visit is None:
            super().shutdown()
            return
        wait_s = random.uniform(0, self._patience.drain_s)  # noqa: S311 - not a secret
        self.loop.call_later(wait_s, self.close, wire.SERVICE_RESTART)

    # --- what the client says -------------------------------------------------------

    @override
    def data_received(self, data: bytes) -> None:
        self._heard_at, self._pinged = self.loop.time(), False
        super().data_received(data)

    @override
    def send_receive_event_to_app(self) -> None:
        super().send_receive_event_to_app()
        if self._visit is not None:
            self._hear_soon()

    @override
    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self.close(wire.POLICY_VIOLATION)

    @override
    def handle_ping(self) -> None:
        now = self.loop.time()
        if self._control is None:
            self._control = Bucket(CONTROL_FRAMES_PER_S, CONTROL_FRAMES_BURST, now)
        if self._control.take(now):
            super().handle_ping()
        else:
            self.close(wire.POLICY_VIOLATION)

    # --- the handshake --------------------------------------------------------------

    @override
    async def run_asgi(self) -> None:
        """Run the handler; its return is the end of a socket that nobody took over."""
        self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]
        try:
            await self.app(self.scope, self.receive, self.send)
        except Exception:  # noqa: BLE001 - a bug in one must not take the others along
            _log.exception("handshake failed")
            self.send_500_response()
            if self.handshake_complete:
                self.close(wire.INTERNAL_ERROR)
        if self._visit is None and not self.close_sent:
            self.transport.close()
        del self.scope, self.request, self.response  # of no use any more

    def _hear_soon(self) -> None:
        if self._hearing is None and not self.queue.empty():
            self._hearing = self.loop.create_task(self._hear())
            self.tasks.add(self._hearing)
            self._hearing.add_done_callback(self._heard)

    async def _hear(self) -> None:
        """Take in what waits, one message after the other, as each is answered."""
        assert self._visit is not None  # noqa: S101 - see its caller
        while not self.queue.empty():
            await self.writable.wait()
            event = await self.receive()
            if event["type"] == "websocket.receive":
                await self._visit.hear(event.get("text") or event.get("bytes") or b"")

    def _heard(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        self._hearing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a message could not be handled", exc_info=error)
            self.close(wire.INTERNAL_ERROR)
        elif not self.disconnected:
            self._hear_soon()

    # --- how long it may be slow or silent ------------------------------------------

    def _watch(self) -> None:
        """Look whether the client takes what is written and says that it lives."""
        if self.transport.is_closing():
            self.transport.abort()
            return
        self._watch_timer = self.loop.call_later(WATCH_S, self._watch)
        now, waiting = self.loop.time(), self.transport.get_write_buffer_size()
        taken = self._written - waiting
        if not waiting or taken > self._taken:
            self._took_at = now
        self._taken = taken
        silent_s = now - self._heard_at
        if now - self._took_at >= self._patience.stall_s:
            self.close(wire.TRY_AGAIN_LATER)
        elif not waiting and silent_s >= self._patience.ping_s:
            self._ask_for_life(silent_s)

    def _ask_for_life(self, silent_s: float) -> None:
        if silent_s >= self._patience.ping_s + self._patience.pong_s:
            self.close(wire.INTERNAL_ERROR)
        elif not self._pinged and self.handshake_complete and not self.close_sent:
            self._pinged = True
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def _paid(self) -> None:
        self._backlog.remove(self._owed)
        self._owed = 0


class PatientHttp(H11Protocol):
    """uvicorn's HTTP, which lets nobody take for ever to say what is wanted."""

    def __init__(self, *args: Any, patience: Patience, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(
            self._patience.handshake_s, transport.abort
        )

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.scope is not None:
            self._at_ease()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._at_ease()

    def _at_ease(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
