"""Whatever a client sends, its socket takes it or says goodbye, and nothing breaks."""

import asyncio
import socket
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from gateway_ws.domain.handshake import Request
from gateway_ws.entrypoints.socket import (
    LAST_BYTES,
    PIECE_BYTES,
    Backlog,
    Greet,
    House,
    Patience,
    Socket,
    Visit,
)
from tests.support.polling import until
from tests.unit.gateway_ws.support import settle

HEAD = (
    b"GET /ws/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PATIENCE = Patience(ping_s=20, pong_s=20, stall_s=30, drain_s=3)
NO_MASK = bytes(4)


class Pipe(asyncio.Transport):
    """A transport that takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.at_the_end: list[bytes] | None = None

    @override
    def write(self, data: Any) -> None:
        self.written.append(data)

    @override
    def write_eof(self) -> None:
        self.at_the_end = self.at_the_end or list(self.written)

    @override
    def get_write_buffer_size(self) -> int:
        return 0

    def _nothing(self, *_: object) -> None:
        pass

    abort = pause_reading = resume_reading = _nothing
    set_write_buffer_limits = _nothing  # type: ignore[assignment]


class Ear(Visit):
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ends = 0

    @override
    async def hear(self, message: bytes) -> None:
        self.heard.append(message)

    @override
    def end(self) -> None:
        self.ends += 1


def frame(first: int, payload: bytes) -> bytes:
    """Return a frame that is masked with nothing."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((first,)) + length + NO_MASK + payload


def greeted_by(ear: Ear) -> Greet:
    async def greet(_: Socket, __: Request) -> Visit:
        return ear

    return greet


def opened(ear: Ear) -> tuple[Socket, Pipe, Backlog]:
    server = SimpleNamespace(connections=set(), tasks=set())
    backlog, pipe = Backlog(1 << 20), Pipe()
    house = House(greeted_by(ear), PATIENCE, backlog)
    one = Socket(cast("Any", None), cast("Any", server), {}, house)
    one.connection_made(pipe)
    one.data_received(HEAD)
    return one, pipe, backlog


HOSTILE = st.one_of(
    st.binary(max_size=40),
    st.builds(frame, st.integers(0, 255), st.binary(max_size=200)),
    st.builds(frame, st.just(0x81), st.text(max_size=80).map(str.encode)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(HOSTILE, min_size=5, max_size=30), st.integers(1, 80))
async def test_a_thousand_hostile_frames_break_no_socket(
    frames: list[bytes], at_once: int
) -> None:
    ear = Ear()
    one, pipe, backlog = opened(ear)
    await settle()
    data = b"".join(frames)
    for start in range(0, len(data), at_once):
        one.data_received(data[start : start + at_once])
    await settle()
    one.close(1000)
    one.write(b"too late")
    assert pipe.written[0].startswith(b"HTTP/1.1 101")
    assert b"too late" not in pipe.written
    assert pipe.at_the_end in (None, pipe.written)
    one.connection_lost(None)
    assert ear.ends == 1
    assert backlog.add(1 << 20)  # all of it was given back


@given(
    st.lists(st.text(min_size=1, max_size=90).map(str.encode), min_size=1, max_size=9),
    st.integers(1, 64),
)
@settings(deadline=None)
async def test_messages_are_heard_whole_however_they_are_cut(
    messages: list[bytes], at_once: int
) -> None:
    ear = Ear()
    one, _, _ = opened(ear)
    parts = [
        frame(0x01, message[:1]) + frame(0x89, b"") + frame(0x80, message[1:])
        if number % 4 == 1
        else frame(0x81, message)
        for number, message in enumerate(messages)
    ]
    data = b"".join(parts)
    for start in range(0, len(data), at_once):
        one.data_received(data[start : start + at_once])
    await until(lambda: len(ear.heard) >= len(messages), "all is heard")
    one.connection_lost(None)
    assert ear.heard == messages


async def test_a_flood_of_empty_frames_is_read_piece_by_piece() -> None:
    """The network may hand over a quarter of a megabyte at once."""
    ear = Ear()
    one, _, _ = opened(ear)
    await settle()
    one.data_received(frame(0x81, b"") * 40_000)
    await settle()
    heard = len(ear.heard)
    one.connection_lost(None)
    assert 0 < heard < 20_000


async def test_a_flood_of_pongs_that_nobody_asked_for_closes_the_socket() -> None:
    one, pipe, _ = opened(Ear())
    await settle()
    one.data_received(frame(0x8A, b"") * 200)
    one.connection_lost(None)
    assert pipe.written[-1][2:4] == (1008).to_bytes(2, "big")


async def test_what_comes_after_the_goodbye_is_not_kept() -> None:
    one, pipe, backlog = opened(Ear())
    await settle()
    one.close(4001)
    one.data_received(b"\x81\xff" + (1 << 21).to_bytes(8, "big") + NO_MASK)
    for _ in range(8):
        one.data_received(bytes(1 << 17))
    assert backlog.add((1 << 20) - LAST_BYTES - PIECE_BYTES)
    one.connection_lost(None)
    assert pipe.written[-1][2:4] == (4001).to_bytes(2, "big")


async def test_the_answer_to_a_goodbye_is_heard_behind_messages_that_wait() -> None:
    one, pipe, _ = opened(Ear())
    await settle()
    one.data_received(frame(0x81, b"{}"))
    one.close(1012)
    one.data_received(frame(0x88, (1012).to_bytes(2, "big")))
    await settle()
    one.connection_lost(None)
    assert pipe.at_the_end == pipe.written


async def test_nothing_is_heard_of_a_socket_that_was_closed() -> None:
    ear = Ear()
    one, _, _ = opened(ear)
    await settle()
    one.data_received(frame(0x81, b"{}") * 3)
    one.close(4001)
    await settle()
    one.connection_lost(None)
    assert ear.heard == []


async def test_a_stranger_cannot_have_a_long_message_kept() -> None:
    """Until it is clear who it is, reading stops where an ordinary message would."""
    pauses: list[str] = []

    class Counted(Pipe):
        def pause_reading(self) -> None:  # type: ignore[override]
            pauses.append("pause")

        def resume_reading(self) -> None:  # type: ignore[override]
            pauses.append("resume")

    known = asyncio.Event()

    async def greet(_: Socket, __: Request) -> Visit:
        await known.wait()
        return Ear()

    server = SimpleNamespace(connections=set(), tasks=set())
    house = House(greet, PATIENCE, Backlog(1 << 20))
    one = Socket(cast("Any", None), cast("Any", server), {}, house)
    one.connection_made(Counted())
    one.data_received(HEAD)
    one.data_received(b"\x81\xff" + (1 << 20).to_bytes(8, "big") + NO_MASK)
    one.data_received(bytes(1 << 17))
    await settle()
    assert pauses == ["pause"]
    known.set()
    await settle()
    one.connection_lost(None)
    assert pauses == ["pause", "resume"]


async def test_what_is_no_handshake_is_answered_and_cut_off() -> None:
    server = SimpleNamespace(connections=set(), tasks=set())
    house = House(cast("Any", None), PATIENCE, Backlog(1))
    one = Socket(cast("Any", None), cast("Any", server), {}, house)
    one.connection_made(pipe := Pipe())
    one.data_received(HEAD.replace(b"/ws/x", b"/other"))
    one.data_received(frame(0x81, b"{}"))
    assert [data.split(b"\r\n")[0] for data in pipe.written] == [
        b"HTTP/1.1 404 Not Found"
    ]
    assert pipe.at_the_end == pipe.written
    one.connection_lost(None)


async def test_the_kernel_says_whether_a_client_takes_what_waits_for_it() -> None:
    loop, made = asyncio.get_running_loop(), []
    house = House(greeted_by(Ear()), PATIENCE, Backlog(1 << 30))
    server = SimpleNamespace(connections=set(), tasks=set())

    def make() -> Socket:
        made.append(Socket(cast("Any", None), cast("Any", server), {}, house))
        return made[-1]

    listening = await loop.create_server(make, "127.0.0.1", 0)
    async with listening:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)  # noqa: FBT003 - the standard library's own
        await loop.sock_connect(client, listening.sockets[0].getsockname())
        await loop.sock_sendall(client, HEAD)
        await loop.sock_recv(client, 1000)
        made[0].write(bytes(20_000_000))
        asked = partial(made[0].has_taken, 1)
        await until(lambda: not asked(), "nobody is asked")
        for _ in range(100):
            await loop.sock_recv(client, 100_000)
        assert asked()
        client.close()
        await until(lambda: not server.connections, "the server has closed it")
