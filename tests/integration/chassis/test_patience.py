"""Who takes nothing of an answer is cut off; who is slow gets all of it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis import patience
from chassis.process import serve
from standalone.ports import free_port

SIZE = 12_000_000
"""More than the kernel takes for one that does not read."""


class Asked:
    """A connection on which something was asked, and nothing is read."""

    def __init__(self) -> None:
        self.client: socket.socket
        self.is_over = asyncio.Event()
        """All of the answer was taken, or nobody is there any more."""

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:  # noqa: ANN401 - as ASGI has it
        """Answer, and end when there is room for a last word."""
        if scope["type"] != "http":
            return
        body = {"type": "http.response.body", "body": bytes(SIZE), "more_body": True}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send(body)
        await send({"type": "http.response.body", "body": b""})
        self.is_over.set()


@asynccontextmanager
async def asked() -> AsyncIterator[Asked]:
    port, stopping, one = free_port(), asyncio.Event(), Asked()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(one, port=port, stopping=stopping))
        with await connected(loop, port) as one.client:
            request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            await loop.sock_sendall(one.client, request)
            yield one
        stopping.set()


async def connected(loop: asyncio.AbstractEventLoop, port: int) -> socket.socket:
    async with asyncio.timeout(30):
        while True:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.setblocking(False)  # noqa: FBT003 - the standard library's own
            try:
                await loop.sock_connect(client, ("127.0.0.1", port))
            except ConnectionRefusedError:
                client.close()
                await asyncio.sleep(0.02)
            else:
                return client


async def read(client: socket.socket, pause_s: float) -> int:
    """Read all that there is, not too fast; return how much it was."""
    loop, size = asyncio.get_running_loop(), 0
    try:
        while data := await loop.sock_recv(client, 1 << 20):
            size += len(data)
            if size >= SIZE:
                return size
            await asyncio.sleep(pause_s)
    except ConnectionResetError:
        pass
    return size


async def test_who_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALL_S", 0.2)
    async with asked() as one:
        async with asyncio.timeout(30):
            await one.is_over.wait()
        assert await read(one.client, 0) < SIZE


async def test_who_is_slow_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "STALL_S", 5.0)
    async with asked() as one:
        assert await read(one.client, 0.001) >= SIZE
