"""The service's end of the socket to a keeper; what is said there is in `keeper.py`."""

import asyncio
import json
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from sandbox.adapters.keeping import keeper
from sandbox.adapters.keeping.keeper import Spec
from sandbox.ports import Unreachable

_CONNECT_S = 5.0


class Asked(NamedTuple):
    """Where the keeper asks for a socket for each connection of an install."""

    channel: socket.socket


class Control:
    """Says what to run, and asks for connections to it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        self._connection = connection
        self._connecting = asyncio.Lock()
        self._owed = 0
        """Answers of the keeper that nobody has read yet."""
        self._brings = False
        """No handle gets out of where the keeper is: it is sent one each time."""

    async def run(self, spec: Spec, handles: Sequence[int] = ()) -> None:
        """Tell the keeper what to run; it gets copies of *handles*.

        Raises:
            OSError: It is gone.

        """
        text = json.dumps(spec).encode()
        length = keeper.LENGTH.pack(len(text))
        if handles:
            socket.send_fds(self._connection, [length], list(handles))
        else:
            self._connection.sendall(length)
        await asyncio.get_running_loop().sock_sendall(self._connection, text)

    async def way_out(self) -> socket.socket | Asked:
        """Return the listening socket for installs, which a `Spec` has asked for.

        Raises:
            OSError: It cannot be had.

        """
        self._owed += 1
        word, handle = await self._receive()
        if word != keeper.BRING:
            return _stream_socket(handle)
        _drop(handle)
        return Asked(bring(self._connection))

    async def connect(self) -> socket.socket:
        """Return a connection to the app, which does not block.

        Raises:
            Unreachable: Nobody listens.

        """
        async with self._connecting:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return await self._connect()
            except OSError as exc:  # TimeoutError is one
                raise Unreachable("the app does not listen") from exc

    async def _connect(self) -> socket.socket:
        if not self._brings:
            self._connection.send(keeper.CONNECT)
            self._owed += 1
            word, handle = await self._receive()
            if word != keeper.BRING:
                return _stream_socket(handle)
            _drop(handle)
            self._brings = True
        with ExitStack() as unless_joined:
            ours = unless_joined.enter_context(bring(self._connection))
            self._owed += 1
            word, handle = await self._receive()
            _drop(handle)
            if word == keeper.YES:
                unless_joined.pop_all()
                return ours
        raise Unreachable("the app does not listen")

    async def _receive(self) -> tuple[bytes, int | None]:
        """Return the newest answer and its handle; those before it came too late.

        What the keeper says may come from the app, which is the same user inside.
        """
        word = b""
        newest: list[int] = []
        while self._owed > 0:
            await readable(self._connection.fileno())
            word, handles, _, _ = socket.recv_fds(
                self._connection, 1, 1, socket.MSG_CMSG_CLOEXEC
            )
            close_handles(newest)
            newest = list(handles)
            if not word:
                close_handles(newest)
                raise Unreachable("the keeper is gone")
            self._owed -= 1
        close_handles(newest[1:])
        return word, newest[0] if newest else None

    def terminate(self) -> None:
        """Ask the keeper to end the app, if there is one still."""
        with suppress(OSError):
            self._connection.send(keeper.TERMINATE)

    def close(self) -> None:
        """Let go: a keeper that is still there ends everything at once."""
        self._connection.close()


async def readable(handle: int) -> None:
    """Wait until something can be read from *handle*, or it has come to its end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(handle, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(handle)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def bring(channel: socket.socket) -> socket.socket:
    """Send a socket to a keeper; return its other end, which does not block.

    Raises:
        OSError: Nobody takes it.

    """
    ours, theirs = socket.socketpair()
    try:
        socket.send_fds(channel, [keeper.CONNECT], [theirs.fileno()])
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.settimeout(0)
    return ours


def _drop(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def close_handles(handles: Sequence[int]) -> None:
    """Close them all."""
    for handle in handles:
        os.close(handle)


def _stream_socket(handle: int | None) -> socket.socket:
    """Return *handle* as a socket.

    Raises:
        Unreachable: It is none.

    """
    if handle is None:
        raise Unreachable("the app does not listen")
    try:
        found = socket.socket(fileno=handle)
    except OSError as exc:
        os.close(handle)
        raise Unreachable("that was no socket") from exc
    if found.type != socket.SOCK_STREAM:
        found.close()
        raise Unreachable("that was no stream")
    found.settimeout(0)
    return found
