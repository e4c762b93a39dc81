"""Those who come with bad manners lose their own connection and nobody else's."""

import asyncio
import json
import os
import signal
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from contracts.browser import AnyClientMessage
from tests.integration.gateway_ws.guests import Guest, Host, guest
from tests.integration.gateway_ws.raw import PING, frame, raw
from tests.support.backend import Backend
from tests.support.servers import server_folder

TEXT, CONTINUATION = 1, 0
TYPES = [str(kind.__struct_config__.tag) for kind in get_args(AnyClientMessage)]


async def denied(
    guest: Guest, host: Host, headers: dict[str, str] | None = None
) -> tuple[str, int | None]:
    """Return the error's code and the close code of a connection that is refused."""
    async with guest.socket(host, headers=headers) as socket:
        error = await socket.hear("error")
        with pytest.raises(ConnectionClosed):
            await socket.hear(lambda _: False)
    return error["data"]["code"], socket.connection.close_code


async def test_a_user_has_so_many_sockets_and_no_more(ada: Guest, strict: Host) -> None:
    async with ada.socket(strict) as first, ada.socket(strict) as second:
        for socket in (first, second):
            await socket.hear("agent_connected")
        async with ada.socket(strict) as third:
            await third.hear("agent_connected")
            assert await denied(ada, strict) == ("rate_limited", 1013)
        async with ada.socket(strict) as again:
            await again.hear("agent_connected")


async def test_an_address_has_so_many_sockets_and_no_more(
    ada: Guest, own_backend: Backend, strict: Host
) -> None:
    """Only what our own proxy says counts, not what a client says of itself."""
    here = {"X-Forwarded-For": "203.0.113.7"}
    lie = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    async with (
        guest(own_backend) as eve,
        ada.socket(strict, headers=here) as first,
        ada.socket(strict, headers=here) as second,
        ada.socket(strict, headers=lie) as third,
        eve.socket(strict, headers=here) as fourth,
        eve.socket(strict, headers=lie) as fifth,
    ):
        for socket in (first, second, third, fourth, fifth):
            await socket.hear("agent_connected")
        assert await denied(eve, strict, lie) == ("rate_limited", 1013)
        async with eve.socket(strict) as elsewhere:
            await elsewhere.hear("agent_connected")


async def test_who_does_not_finish_the_request_is_cut_off(strict: Host) -> None:
    async with raw(strict.port, "", upgrade=False) as connection:
        connection.writer.write(b"GET /ws/x HTTP/1.1\r\nHost: x\r\n")
        async with asyncio.timeout(60):
            assert [found async for found in connection.frames()] == []


async def test_what_is_no_upgrade_is_refused(strict: Host) -> None:
    async with raw(strict.port, "", upgrade=False) as connection:
        connection.writer.write(b"GET /ws/x HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await connection.reader.readuntil(b"\r\n")
    assert answer.startswith(b"HTTP/1.1 426")


async def test_a_handshake_that_is_none_is_refused_and_counted(strict: Host) -> None:
    counted = ("gateway_refused_total", "invalid_handshake")
    before = strict.count(*counted)
    async with raw(strict.port, "", upgrade=False) as connection:
        connection.writer.write(
            b"GET /ws/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 12\r\n\r\n"
        )
        answer = await connection.reader.readuntil(b"\r\n")
    assert answer.startswith(b"HTTP/1.1 4")
    assert strict.count(*counted) == before + 1


async def test_who_is_silent_is_closed_but_for_those_who_answer_pings(
    ada: Guest, strict: Host
) -> None:
    async with ada.socket(strict) as socket:
        await socket.hear("agent_connected")
        heard = []
        async with raw(strict.port, f"/ws/{ada.project}", ada.cookie) as connection:
            async with asyncio.timeout(60):
                async for first, payload in connection.frames():
                    heard.append((first, payload[:2]))
        assert heard[-2:] == [(PING, b""), (0x88, (1011).to_bytes(2, "big"))]
        await socket.say("get_state")
        await socket.hear("state_update")


ABUSES = {
    "pings": (frame(9) * 200, 1008),
    "fragments": (
        frame(TEXT, final=False) + frame(CONTINUATION, final=False) * 200,
        1008,
    ),
    "a message without an end": (frame(TEXT, b"{", final=False), 1008),
    "a frame without an end": (frame(TEXT, b"{}")[:-1], 1008),
    "an end without a beginning": (frame(CONTINUATION, b"x"), 1002),
    "an opcode that is none": (frame(3, b"x"), 1002),
    "no mask": (b"\x81\x05hello", 1002),
    "a reserved bit": (b"\xf1\x80\x00\x00\x00\x00", 1002),
    "a terabyte": (b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4), 1009),
    "half a close code": (frame(8, b"\x03"), 1002),
}


@pytest.mark.parametrize("abuse", ABUSES)
async def test_abuse_of_the_protocol_closes_the_connection(
    ada: Guest, strict: Host, abuse: str
) -> None:
    frames, code = ABUSES[abuse]
    async with raw(strict.port, f"/ws/{ada.project}", ada.cookie) as connection:
        connection.writer.write(frames)
        assert await connection.close_code() == code


PAYLOADS = (
    st.binary(max_size=200)
    | st.integers(0, 2000).map(lambda depth: b"[" * depth)
    | st.integers(0, 50).map(lambda depth: b'{"type":"user_message","data":' * depth)
    | st.fixed_dictionaries(
        {"type": st.sampled_from([*TYPES, "x", 1, None])},
        optional={
            "data": st.dictionaries(
                st.sampled_from(["content", "prompt", "model", "maxPhases", "images"]),
                st.none() | st.integers() | st.text(max_size=20) | st.lists(st.none()),
                max_size=3,
            )
        },
    ).map(lambda message: json.dumps(message).encode())
)
FRAMES = (
    st.builds(frame, st.sampled_from([TEXT, 2, 3, CONTINUATION]), PAYLOADS)
    | st.builds(lambda text: frame(TEXT, text), PAYLOADS)
    | st.builds(
        lambda kind, text: frame(kind, text[:125]),
        st.sampled_from([9, 10, 11]),
        PAYLOADS,
    )
    | PAYLOADS  # no frame at all
)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(frames=st.lists(FRAMES, min_size=10, max_size=15))
async def test_a_thousand_hostile_frames_crash_nothing(
    ada: Guest, host: Host, frames: list[bytes]
) -> None:
    pid = host.pid
    async with raw(host.port, f"/ws/{ada.project}", ada.cookie) as connection:
        for one in frames:
            connection.writer.write(one)
        connection.writer.write(frame(8, (1000).to_bytes(2, "big")))
        await connection.close_code()
    assert host.pid == pid


async def test_after_hostile_frames_others_are_served(ada: Guest, host: Host) -> None:
    refused = host.count("gateway_refused_total", "invalid_message")
    async with ada.socket(host, after=0) as socket:
        await socket.hear(lambda message: message.get("seq") == 1)
        await socket.connection.send("[")
        await socket.hear("error")
    assert host.count("gateway_refused_total", "invalid_message") == refused + 1
    assert "Traceback" not in host.log.read_text()


async def test_a_gateway_that_ends_says_goodbye_little_by_little(
    ada: Guest, own_backend: Backend, replica: Host
) -> None:
    with server_folder() as folder, Host(own_backend, folder) as ending:
        async with asyncio.TaskGroup() as tasks:
            leaving = [tasks.create_task(until_closed(ada, ending)) for _ in range(16)]
            await ending.until_counted(len(leaving) - 1, "gateway_connections")
            os.kill(ending.pid, signal.SIGTERM)
            code = await asyncio.to_thread(ending.wait)
        ends = [task.result() for task in leaving]
        assert code == 0
        assert {code for code, _ in ends} == {1012}
        assert max(at for _, at in ends) - min(at for _, at in ends) > 0.1
    async with ada.socket(replica, after=0) as socket:
        await socket.hear(lambda message: message.get("seq") == 1)


async def until_closed(guest: Guest, host: Host) -> tuple[int | None, float]:
    """Return how and when a socket is closed."""
    async with guest.socket(host) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.hear(lambda _: False)
    return socket.connection.close_code, asyncio.get_running_loop().time()
