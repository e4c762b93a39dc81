"""Being an open page for a dev server of Vite.

While no page is open Vite keeps what it would tell one, that it has to load again, and
tells it to the next one that comes: a visitor would see the app twice in a row. So
somebody else is there while files are written and modules are made.
"""

import asyncio
from asyncio import Event
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import socket

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

_PROTOCOL = Subprotocol("vite-hmr")
_MESSAGE_BYTES = 1_048_576
_CHANGES = ("full-reload", "update")


class _Message(msgspec.Struct):
    type: str


_messages = msgspec.json.Decoder(_Message)


@asynccontextmanager
async def attended(
    dial: Callable[[], Awaitable[socket]], host: str
) -> AsyncIterator[Event]:
    """Be there meanwhile; the event says that the server has noticed a change.

    Where the server knows no such pages nothing happens.
    """
    told = Event()
    page = asyncio.create_task(_attend(dial, host, told))
    try:
        yield told
    finally:
        page.cancel()
        await asyncio.wait({page})


async def _attend(
    dial: Callable[[], Awaitable[socket]], host: str, told: Event
) -> None:
    # The server is an app's: whatever it says, or fails to say, is no failure of ours.
    with suppress(OSError, WebSocketException):
        # Without an origin Vite asks for no token.
        async with connect(
            f"ws://{host}/",
            sock=await dial(),
            subprotocols=[_PROTOCOL],
            origin=None,
            proxy=None,
            compression=None,
            max_size=_MESSAGE_BYTES,
            close_timeout=1,
        ) as socket:
            async for text in socket:
                with suppress(msgspec.MsgspecError, RecursionError):
                    if _messages.decode(text).type in _CHANGES:
                        told.set()
