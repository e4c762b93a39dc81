"""Connections to NATS that come back, lose nothing silently, and can be cancelled."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from typing_extensions import override

from chassis import logs
from contracts.subjects import inbox_prefix
from eventcore.errors import Unavailable
from eventcore.ports import Subscription

CONNECT_TIMEOUT_S = 5
PING_S = 3
"""How often the server is asked for a word. Two are missing when the third is due: then
it is taken for gone. Only its silence counts: what a process that stands still has not
read, it finds when it goes on."""
_MISSING_PINGS = 2
_log = logs.get(__name__)

Callback = Callable[[], Awaitable[None]]


class ConnectionLost(errors.Error):
    """The question or its answer went with the connection; nobody knows which."""


class _Connection(Client):
    """A client that keeps its word about cancelling, flushing, pings and closing."""

    @override
    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """Return the first answer; see the base class."""
        with _cancellable():
            return await super().request(subject, payload, timeout, old_style, headers)

    @override
    async def flush(self, timeout: int = 10) -> None:
        """Return when the server has taken in all that was sent before.

        The base class writes its ping past what still waits for its flusher.
        """
        with _cancellable():
            await self._flush_pending(force_flush=True)
            await super().flush(timeout)

    @override
    async def _process_pong(self) -> None:
        """Take in a pong, though whoever pinged may have stopped waiting.

        The base class sets the result of a future that was cancelled; what that raises
        ends its reading for good, while the connection goes on looking well.
        """
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    @override
    async def close(self) -> None:
        """Close, and drop what waits for a connection that is gone.

        The base class would write it to that one, and end with what its socket says.
        """
        if not self.is_connected:
            self._pending, self._pending_data_size = [], 0
        await super().close()

    def lose_questions(self) -> None:
        """Fail the requests under way, whose answers come over no other connection."""
        for waiting in list(self._resp_map.values()):
            if not waiting.done():
                waiting.set_exception(ConnectionLost())

    def insist(self) -> None:
        """Give up the connection when its other end takes nothing in for too long.

        A ping tells the same only where nothing waits to be sent: it waits behind that,
        and so would the end of the connection.
        """
        writer = getattr(self._transport, "_io_writer", None)
        end: socket.socket | None = writer and writer.get_extra_info("socket")
        if end is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has it
            patience_ms = int(1000 * PING_S * (_MISSING_PINGS + 1))
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience_ms)


@contextmanager
def _cancellable() -> Iterator[None]:
    """End the task here if it was cancelled within, and nats-py has swallowed that.

    Before Python 3.12 `asyncio.wait_for`, which it calls, loses a cancellation that
    comes in the moment of the answer, and a loop of requests would never end.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError


class _Events:
    """What a connection tells of itself, for the log and whoever opened it."""

    def __init__(
        self,
        client: _Connection,
        name: str,
        then_reconnected: Callback | None,
        then_disconnected: Callback | None,
    ) -> None:
        self._client = client
        self._name = name
        self._then_reconnected = then_reconnected
        self._then_disconnected = then_disconnected
        self.last_error = ""

    async def failed(self, error: Exception) -> None:
        # A flood of messages that are dropped must not become a flood of lines.
        is_new = repr(error) != self.last_error
        self.last_error = repr(error)
        if self._client.is_connected and is_new:
            _log.warning("nats error", connection=self._name, error=self.last_error)

    async def disconnected(self) -> None:
        if not self._client.is_closed:
            _log.info("nats disconnected", connection=self._name)
        self._client.lose_questions()
        if self._then_disconnected is not None:
            await self._then_disconnected()

    async def reconnected(self) -> None:
        _log.info("nats connected again", connection=self._name)
        self._client.insist()
        if self._then_reconnected is not None:
            await self._then_reconnected()

    async def closed(self) -> None:
        _log.debug("nats closed", connection=self._name)


async def connect(
    servers: str,
    *,
    user: str | None = None,
    name: str = "eventcore",
    pending_bytes: int = 2 << 20,
    allow_reconnect: bool = True,
    reconnected: Callback | None = None,
    disconnected: Callback | None = None,
) -> Client:
    """Return a connection to one of *servers*, URLs with commas between them.

    *user* decides the prefix of reply subjects; a server with users lets nobody read
    another one's. The connection comes back by itself for ever, unless
    *allow_reconnect* is false.

    Raises:
        Unavailable: No server answers.

    """
    client = _Connection()
    events = _Events(client, name, reconnected, disconnected)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.connect(
                [server.strip() for server in servers.split(",")],
                name=name,
                error_cb=events.failed,
                disconnected_cb=events.disconnected,
                reconnected_cb=events.reconnected,
                closed_cb=events.closed,
                allow_reconnect=allow_reconnect,
                connect_timeout=2,
                # The client's types say int; a tenth of a second is what it does.
                reconnect_time_wait=0.1,  # type: ignore[arg-type]
                max_reconnect_attempts=-1,
                ping_interval=PING_S,
                max_outstanding_pings=_MISSING_PINGS,
                inbox_prefix="_INBOX" if user is None else inbox_prefix(user),
                pending_size=pending_bytes,
                drain_timeout=5,
            )
    except (OSError, errors.Error, TimeoutError) as error:
        await client.close()
        raise Unavailable(
            f"no NATS server answers: {events.last_error or error!r}"
        ) from error
    client.insist()
    return client


async def subscribe(
    client: Client, subject: str, hear: Callable[[Msg], Awaitable[None]]
) -> Subscription:
    """Have *hear* called with each message on *subject*, one after the other.

    Raises:
        Unavailable: The connection is gone.

    """
    with translated():
        return _Listening(await client.subscribe(subject, cb=hear))


class _Listening(Subscription):
    def __init__(self, subscription: NatsSubscription) -> None:
        self._subscription = subscription

    @override
    async def close(self) -> None:
        """Unsubscribe; what is under way to us is lost."""
        with suppress(errors.Error, OSError):
            await self._subscription.unsubscribe()


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable for what the client says when the server is away."""
    try:
        yield
    except (errors.Error, OSError, TimeoutError) as error:
        raise Unavailable(f"NATS does not answer: {error!r}") from error
