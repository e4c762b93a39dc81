"""A WebSocket as a transport: what is written goes out as it is, nothing waits in here.

The door makes one for each upgrade. What clients send is read by `websockets`, without
its I/O; the head before it is read by `handshake`, and what we send comes ready-made.
A socket has a task only while it is greeted and while it answers. What waits to be
written waits in the transport, whose limits say when a client is slow; how long it may
be slow, silent, or in the middle of a message, is watched here.
"""

import asyncio
import logging
import random
import socket
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Protocol, cast

import structlog
from msgspec import Struct
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol as Frames
from websockets.protocol import Side, State

from gateway_ws.application import metrics
from gateway_ws.domain import handshake, wire
from gateway_ws.domain.handshake import Request
from gateway_ws.domain.inbound import MAX_MESSAGE_BYTES
from gateway_ws.domain.rate import Bucket
from gateway_ws.ports import Client

HIGH_WATER_BYTES = 64 * 1024
"""A client that leaves more than this in the transport is slow."""
LOW_WATER_BYTES = 16 * 1024
"""Below this it is not slow any more."""
MAX_UNSENT_BYTES = 32 * 1024
"""What the kernel may hold of a client beside that: it would take megabytes, and all
that time a client that reads nothing would cost as much as one that reads."""
ORDINARY_BYTES = 64 * 1024
"""A longer message counts against what all clients may have waiting together."""
LONG_BYTES_PER_S = 1_000_000
"""After a longer message nothing is read for as long as it takes at this rate."""
PIECE_BYTES = 4096
"""Frames are read out of so much at a time, and what they say is heard before more is:
what the network hands over at once may hold forty thousand empty ones."""
MESSAGES_PER_S = 1000
"""Messages that come close together are heard at this rate, be it to be refused."""
LAST_BYTES = 64 * 1024
"""What is read of a client after our goodbye, to find its own; then nothing is."""
MAX_FRAGMENTS = 64
"""Frames that one message may come in: empty ones would be free for the sender."""
CONTROL_FRAMES_PER_S = 5
CONTROL_FRAMES_BURST = 20
WATCH_S = 2.0
"""Seconds between two looks at a socket."""
GOODBYE_S = 4.0
"""In which a client has to answer a goodbye, and take what was written before."""

_PATH = "/ws/"
_BYTES_ACKED = 120
"""Where `tcpi_bytes_acked` stands in `struct tcp_info` (linux/tcp.h)."""
_COUNTER_BYTES = 8
_NOT_HERE = "There is no such address."

_log = structlog.get_logger(__name__)
# Of this one chassis shows warnings only: the library would log addresses and cookies.
_library_log = logging.getLogger("uvicorn.error")


class Patience(Struct, frozen=True):
    """How long a socket waits for its client, in seconds."""

    ping_s: float
    """Silence after which the client is asked for a sign of life."""
    pong_s: float
    """Silence after that, before it is taken for dead."""
    stall_s: float
    """While something waits for it and it takes nothing, or in a message of its own."""
    drain_s: float
    """Over which the goodbyes are spread when the process ends."""


class Backlog:
    """Bytes that wait for and from clients, all of them together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0

    def add(self, size: int) -> bool:
        """Count *size* more, or less; False where more is too much."""
        self._bytes += size
        return size <= 0 or self._bytes <= self._max_bytes


class Visit(Protocol):
    """What becomes of a socket whose client may stay."""

    async def hear(self, message: bytes) -> None:
        """Take in a message; the next one waits until this returns."""
        ...

    def end(self) -> None:
        """Forget the socket: it is closed."""
        ...


Greet = Callable[["Socket", Request], Awaitable[Visit | None]]
"""Finds out who it is; None where it has closed the socket."""


class House(Struct, frozen=True):
    """What all sockets have in common."""

    greet: Greet
    patience: Patience
    backlog: Backlog


class Socket(asyncio.Protocol, Client):
    """One connection, from its handshake to its end."""

    __slots__ = (
        "_acknowledged",
        "_began_at",
        "_control",
        "_counted",
        "_fragments",
        "_gone",
        "_heard_at",
        "_hearing",
        "_house",
        "_is_open",
        "_last_bytes",
        "_loop",
        "_messages",
        "_owed",
        "_pinged_at",
        "_protocol",
        "_ready",
        "_server",
        "_timer",
        "_took_at",
        "_transport",
        "_unparsed",
        "_unread",
        "_visit",
        "_waited",
        "is_slow",
        "write",
    )

    write: Callable[[bytes], None]  # type: ignore[assignment]
    """The transport's own while the socket is open, without a call of ours between."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        house: House,
    ) -> None:
        """Take what uvicorn gives, and *house*, which is ours."""
        del config, app_state
        self._server = server_state
        self._house = house
        self._protocol = Frames(
            Side.SERVER,
            state=State.CONNECTING,
            max_size=MAX_MESSAGE_BYTES,
            logger=_library_log,
        )
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._visit: Visit | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False
        self._gone = False
        # What goes out.
        self.is_slow = False
        self._ready: asyncio.Event | None = None
        self.write = _drop
        self._owed = 0
        self._waited = 0
        self._acknowledged = 0
        self._took_at = self._loop.time()
        # What comes in.
        self._unparsed = b""
        self._fragments: list[bytes] = []
        self._messages: list[bytes] = []
        self._hearing = False
        self._last_bytes = LAST_BYTES
        self._unread = 0
        self._counted = 0
        self._began_at = self._heard_at = self._took_at
        self._pinged_at: float | None = None
        self._control: Bucket | None = None

    # --- what the application does with it ------------------------------------------

    @property
    def peer(self) -> str:
        """Address of the other end."""
        name = self._transport.get_extra_info("peername")
        return str(name[0]) if name else ""

    @override
    async def until_ready(self) -> None:
        if self._ready is not None:
            await self._ready.wait()

    @override
    def close(self, code: int) -> None:
        if self._is_open:
            self._shut()
            self._protocol.send_close(code, wire.REASONS.get(code, ""))
            self._send()
            self._leave_soon()

    # --- what uvicorn and the transport say -----------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(HIGH_WATER_BYTES, LOW_WATER_BYTES)
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._timer = self._loop.call_later(WATCH_S, self._watch)
        metrics.OPENED.inc()
        metrics.CONNECTIONS.inc()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._shut()
        self._server.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        self._house.backlog.add(-self._counted)
        self._messages.clear()
        if self._visit is not None:
            self._visit.end()
        ours, theirs = self._protocol.close_sent, self._protocol.close_rcvd
        first = theirs if self._protocol.close_rcvd_then_sent else ours or theirs
        code = first.code if first else wire.ABNORMAL
        metrics.CLOSED.labels(code if code in wire.CODES else "other").inc()
        metrics.CONNECTIONS.dec()

    @override
    def pause_writing(self) -> None:
        self.is_slow, self._ready = True, asyncio.Event()
        self._owed = self._transport.get_write_buffer_size()
        if not self._house.backlog.add(self._owed):
            self.close(wire.TRY_AGAIN_LATER)

    @override
    def resume_writing(self) -> None:
        if self._ready is not None:
            self._ready.set()
        self.is_slow, self._ready = False, None
        self._house.backlog.add(-self._owed)
        self._owed = 0

    def shutdown(self) -> None:
        """Say goodbye at some moment soon: the process is to end."""
        wait_s = random.uniform(0, self._house.patience.drain_s)  # noqa: S311 - not a secret
        self._loop.call_later(wait_s, self.close, wire.SERVICE_RESTART)

    # --- what the client says -------------------------------------------------------

    @override
    def data_received(self, data: bytes) -> None:
        self._heard_at, self._pinged_at = self._loop.time(), None
        if self._protocol.state is State.CONNECTING:
            self._open(data)
            return
        if self._last_bytes > 0:
            self._unparsed = self._unparsed + data if self._unparsed else data
            self._parse()
        else:
            self._transport.pause_reading()

    def _parse(self) -> None:
        """Read frames until a message is whole, which is heard before others are."""
        data, at = self._unparsed, 0
        while at < len(data) and not (self._messages and self._is_open):
            self._protocol.receive_data(data[at : at + PIECE_BYTES])
            at += PIECE_BYTES
            if self._protocol.state is not State.OPEN:
                self._shut()
            for event in self._protocol.events_received():
                self._take(cast("Frame", event))
            self._send()
            if not self._is_open:
                self._last_bytes -= PIECE_BYTES
                if self._last_bytes <= 0:
                    break
        self._unparsed = data[at:] if self._last_bytes > 0 else b""
        self._count()

    def _open(self, head: bytes) -> None:
        """Answer the request, which comes as a whole and before all frames."""
        try:
            request, answer = _opened(head)
        except handshake.Denied as error:
            metrics.REFUSED.labels("invalid_handshake").inc()
            self._protocol.state = State.CLOSING
            self._transport.write(error.answer)
            self._transport.write_eof()
            self._leave_soon()
            return
        self._protocol.state = State.OPEN
        self._is_open = True
        self.write = self._transport.write
        self.write(answer)
        self._start(self._be_greeted(request))

    async def _be_greeted(self, request: Request) -> None:
        visit = await self._house.greet(self, request)
        if visit is None:
            return
        if self._gone:
            visit.end()
            return
        self._visit = visit
        self._hear_soon()
        if not self._messages:
            self._transport.resume_reading()

    def _take(self, frame: Frame) -> None:
        if not self._is_open:
            return
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                self._messages.append(b"".join(self._fragments))
                self._fragments = []
                self._unread = 0
                self._transport.pause_reading()
                self._hear_soon()
            elif len(self._fragments) >= MAX_FRAGMENTS:
                self.close(wire.POLICY_VIOLATION)
        elif frame.opcode is not Opcode.CLOSE and not self._may_ping():
            self.close(wire.POLICY_VIOLATION)

    def _may_ping(self) -> bool:
        if self._control is None:
            self._control = Bucket(
                CONTROL_FRAMES_PER_S, CONTROL_FRAMES_BURST, self._heard_at
            )
        return self._control.take(self._heard_at)

    def _count(self) -> None:
        """Keep account of what has come in and is not heard yet."""
        unread = len(self._protocol.reader.buffer) + sum(map(len, self._fragments))
        if unread and not self._unread:
            self._began_at = self._heard_at
        self._unread = unread
        waiting = unread + len(self._unparsed) + sum(map(len, self._messages))
        if self._visit is None and waiting > ORDINARY_BYTES:
            self._transport.pause_reading()  # until it is clear who it is
        more = (waiting if waiting > ORDINARY_BYTES else 0) - self._counted
        self._counted += more
        if not self._house.backlog.add(more):
            self.close(wire.TRY_AGAIN_LATER)

    def _hear_soon(self) -> None:
        if self._visit is not None and self._messages and not self._hearing:
            self._hearing = True
            self._start(self._hear(self._visit))

    async def _hear(self, visit: Visit) -> None:
        """Take in what waits, one message after the other, as each is answered."""
        heard = 0
        try:
            while self._messages and self._is_open:
                await self.until_ready()
                message = self._messages[0]
                await visit.hear(message)
                if len(message) > ORDINARY_BYTES:
                    await asyncio.sleep(len(message) / LONG_BYTES_PER_S)
                del self._messages[:1]
                heard += 1
                if not self._messages:
                    if heard > 1:
                        await asyncio.sleep(heard / MESSAGES_PER_S)
                    heard = 0
                    self._parse()
        finally:
            self._hearing = False
        if not self._gone:
            self._messages.clear()  # of one that was closed, none is heard any more
            self._parse()
            self._transport.resume_reading()

    def _start(self, work: Awaitable[None]) -> None:
        """Run *work*, which uvicorn waits for at its end."""
        task = self._loop.create_task(_contained(work, self))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _send(self) -> None:
        """Write what the protocol has to say; after its end the client has to leave.

        Until then a bit of what it still sends is read: closing at once would reset
        the connection, and our last words with it.
        """
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()
                self._leave_soon()

    def _shut(self) -> None:
        """Write no more frames: a goodbye is the last one."""
        self._is_open, self.write = False, _drop

    def _leave_soon(self) -> None:
        self._transport.resume_reading()
        self._loop.call_later(GOODBYE_S, self._transport.abort)

    # --- how long it may be slow or silent ------------------------------------------

    def _watch(self) -> None:
        """Look whether the client takes what is written and says that it lives."""
        if self._transport.is_closing():
            self._transport.abort()
            return
        self._timer = self._loop.call_later(WATCH_S, self._watch)
        now, patience = self._loop.time(), self._house.patience
        waiting = self._transport.get_write_buffer_size()
        if not waiting or self.has_taken(waiting):
            self._took_at = now
        if now - self._took_at >= patience.stall_s:
            self.close(wire.TRY_AGAIN_LATER)
        elif self._unread and now - self._began_at >= patience.stall_s:
            self.close(wire.POLICY_VIOLATION)
        elif not waiting and now - self._heard_at >= patience.ping_s:
            self._ask_for_life(now)

    def has_taken(self, waiting: int) -> bool:
        """Tell whether the client took something since this was asked last.

        *waiting* bytes are in the transport.
        The kernel knows, so that writing need not count.
        """
        shrank, self._waited = waiting < self._waited, waiting
        before, self._acknowledged = self._acknowledged, _acknowledged(self._transport)
        return shrank or self._acknowledged > before

    def _ask_for_life(self, now: float) -> None:
        if self._pinged_at is None:
            if self._is_open:
                self._pinged_at = now
                self._protocol.send_ping(b"")
                self._send()
        elif now - self._pinged_at >= self._house.patience.pong_s:
            self.close(wire.INTERNAL_ERROR)


def _opened(head: bytes) -> tuple[Request, bytes]:
    """Return what is asked for, and the answer that opens the socket.

    Raises:
        Denied: The request is no handshake, or leads nowhere.

    """
    request = handshake.read(head)
    if not request.path.startswith(_PATH):
        raise handshake.Denied(HTTPStatus.NOT_FOUND, _NOT_HERE)
    return request, handshake.accept(request)


def _acknowledged(transport: asyncio.Transport) -> int:
    """Return how many bytes the other end has taken since the connection began."""
    connection = transport.get_extra_info("socket")
    end = _BYTES_ACKED + _COUNTER_BYTES
    info: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, end)
    return int.from_bytes(info[_BYTES_ACKED:end], sys.byteorder)


def _drop(_: bytes) -> None:
    """Write nothing: the socket is not open."""


async def _contained(work: Awaitable[None], owner: Socket) -> None:
    """Do *work* for *owner*: a bug in it must not take the others along."""
    try:
        await work
    except Exception:  # noqa: BLE001 - see above
        _log.exception("a socket failed")
        owner.close(wire.INTERNAL_ERROR)
