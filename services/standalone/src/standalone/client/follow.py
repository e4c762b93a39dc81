"""A project's socket that survives the loss of its connection."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from contracts.browser import (
    AnyClientMessage,
    AnyServerMessage,
    Error,
    RecordedMessage,
    RunStarted,
)
from standalone.client.errors import CommandFailed

_FIRST_BACKOFF_S = 0.5
_LAST_BACKOFF_S = 5.0
_PATIENCE_S = 60.0
"""For a server that does not answer; a restart takes some seconds."""
_REFUSED = frozenset({4001, 4003})
_MAX_MESSAGE = 16 * 1024 * 1024

_decoder: msgspec.json.Decoder[AnyServerMessage] = msgspec.json.Decoder(
    AnyServerMessage
)


class Follower:
    """Hears everything about one project, in order, nothing twice."""

    def __init__(
        self, url: str, cookie: str, *, is_local: bool, after: int = 0
    ) -> None:
        self._url = url.replace("http", "ws", 1)
        self._cookie = cookie
        self._is_local = is_local
        self._seq = after
        self._order: AnyClientMessage | None = None
        self._asked = 0

    def start(self, order: AnyClientMessage) -> None:
        """Have *order* sent once connected, again after a loss until a run began."""
        self._order = order

    async def messages(self) -> AsyncGenerator[AnyServerMessage, None]:
        """Yield messages until the caller has heard enough.

        Raises:
            CommandFailed: The server refuses us, or does not answer for a minute.

        """
        loop = asyncio.get_running_loop()
        backoff_s, last_heard = _FIRST_BACKOFF_S, loop.time()
        reason = "it closed the connection"
        while True:
            try:
                async with self._connected() as socket:
                    async for text in socket:
                        backoff_s, last_heard = _FIRST_BACKOFF_S, loop.time()
                        message = self._understood(text)
                        if message is not None:
                            yield message
            except ConnectionClosed as exc:
                self._check(exc)
            except (OSError, InvalidHandshake) as exc:
                reason = str(exc) or type(exc).__name__
            if loop.time() - last_heard > _PATIENCE_S:
                raise CommandFailed(f"The server does not answer any more: {reason}.")
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LAST_BACKOFF_S)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[ClientConnection]:
        async with connect(
            f"{self._url}?after={self._seq}",
            additional_headers={"Cookie": self._cookie},
            max_size=_MAX_MESSAGE,
            # A proxy that the environment names does not know our loopback address.
            proxy=None if self._is_local else True,
        ) as socket:
            if self._order is not None:
                self._asked += 1
                await socket.send(msgspec.json.encode(self._order).decode())
            yield socket

    def _understood(self, text: str | bytes) -> AnyServerMessage | None:
        """Return a message that is news; None for one of a type we do not know."""
        try:
            message = _decoder.decode(text)
        except msgspec.MsgspecError:
            return None
        if isinstance(message, RecordedMessage) and isinstance(message.seq, int):
            if message.seq <= self._seq:
                return None
            self._seq = message.seq
        if isinstance(message, RunStarted):
            self._order = None
        if self._is_echo(message):
            return None
        return message

    def _is_echo(self, message: AnyServerMessage) -> bool:
        """Tell whether an order that was sent again had been taken the first time."""
        return (
            isinstance(message, Error)
            and message.data.code == "generation_in_progress"
            and self._asked > 1
        )

    def _check(self, exc: ConnectionClosed) -> None:
        if exc.rcvd is not None and exc.rcvd.code in _REFUSED:
            raise CommandFailed(f"The server refuses: {exc.rcvd.reason}.") from exc
