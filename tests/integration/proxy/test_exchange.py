"""Requests and answers on their way through."""

import asyncio
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import httpx
import pytest

from proxy import Answer, Limits, RequestHead, Upstream
from tests.integration.proxy.doors import (
    OK,
    Service,
    door,
    fetch,
    listening,
    status_of,
    talk,
    to,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_request_arrives_with_its_raw_target_and_our_word_on_who_asked() -> (
    None
):
    service = Service()
    request = (
        b"GET /a%2Fb/../c?d=%20 HTTP/1.1\r\n"
        b"Host: A:80\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
    )
    async with listening(service.handle) as address, door(to(address)) as port:
        answer = await talk(port, request)
    assert status_of(answer) == 200
    lines = service.received[0].split(b"\r\n")
    assert lines[0] == b"GET /a%2Fb/../c?d=%20 HTTP/1.1"
    assert b"X-Forwarded-For: 127.0.0.1" in lines
    assert b"X-Forwarded-Host: A:80" in lines
    assert b"Connection: close" in lines


async def test_an_answer_keeps_its_body_and_closes_the_connection() -> None:
    async with listening(Service().handle) as address, door(to(address)) as port:
        answer = await talk(port, GET)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"ok"
    assert b"Connection: close" in head.split(b"\r\n")


async def test_nothing_beyond_the_announced_body_passes() -> None:
    service = Service()
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    async with listening(service.handle) as address, door(to(address)) as port:
        await talk(port, request + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    assert service.received[0].endswith(b"\r\n\r\nabc")
    assert service.connections == 1


async def test_chunks_are_passed_on_as_chunks() -> None:
    service = Service()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (b"3;ext=1\r\nab", b"c\r\n", b"0\r\nTrailer: x\r\n\r\n")
    async with listening(service.handle) as address, door(to(address)) as port:
        await talk(port, head, *chunks)
    body = service.received[0].partition(b"\r\n\r\n")[2]
    assert body.endswith(b"0\r\n\r\n")
    assert b"ext" not in body


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_ends_where_it_says_although_the_service_stays(
    answer: bytes,
) -> None:
    service = Service(answer)
    async with listening(service.handle) as address, door(to(address)) as port:
        got = await fetch(port)
    assert got.text == "body"


async def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")

    async with listening(handle) as address, door(to(address)) as port:
        got = await fetch(port)
    assert got.text == "until the end"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_an_answer_without_a_body_ends_with_its_head(method: str) -> None:
    status = b"200 OK" if method == "HEAD" else b"304 Not Modified"
    service = Service(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n")
    async with listening(service.handle) as address, door(to(address)) as port:
        got = await fetch(port, method)
    assert got.headers["content-length"] == "9"


async def test_an_old_client_gets_plain_bytes() -> None:
    service = Service(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    )
    async with listening(service.handle) as address, door(to(address)) as port:
        answer = await talk(port, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nbody")


async def test_ten_megabytes_pass_both_ways_unharmed() -> None:
    sent = bytes(range(256)) * 40_000

    async def echo(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(sent))
        left = len(sent)
        while left:
            data = await reader.read(65536)
            left -= len(data)
            writer.write(data)
            await writer.drain()

    async with listening(echo) as address, door(to(address)) as port:
        got = await fetch(port, "POST", sent)
    assert got.content == sent


async def test_pieces_of_an_answer_pass_as_they_come() -> None:
    go_on = asyncio.Event()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        writer.write(b"data: 1\n\n")
        await go_on.wait()
        writer.write(b"data: 2\n\n")

    async with (
        listening(handle) as address,
        door(to(address)) as port,
        httpx.AsyncClient() as client,
        client.stream("GET", f"http://127.0.0.1:{port}/") as answer,
    ):
        pieces = answer.aiter_bytes()
        first = await anext(pieces)
        go_on.set()
        rest = b"".join([piece async for piece in pieces])
    assert (first, rest) == (b"data: 1\n\n", b"data: 2\n\n")


async def test_a_service_is_left_when_its_client_leaves() -> None:
    left = asyncio.Event()

    async def handle(reader: StreamReader, _: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        left.set()

    async with listening(handle) as address, door(to(address)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await writer.drain()
        writer.close()
        async with asyncio.timeout(60):
            await left.wait()


async def test_a_client_that_waits_for_permission_to_send_gets_it() -> None:
    service = Service()
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\n"
        b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    async with listening(service.handle) as address, door(to(address)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        permission = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"abc")
        await reader.read()
        writer.close()
    assert permission.startswith(b"HTTP/1.1 100 ")
    assert b"Expect" not in service.received[0]


async def test_an_early_refusal_reaches_a_client_that_is_still_sending() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
    async with listening(handle) as address, door(to(address)) as port:
        answer = await talk(port, head, b"x" * 1_000_000)
    assert status_of(answer) == 413


async def test_headers_are_rewritten_by_the_route() -> None:
    service = Service(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n"
    )
    async with listening(service.handle) as address:
        upstream = Upstream(
            address,
            request_headers=lambda headers: [*headers, (b"X-Added", b"1")],
            answer_headers=lambda headers: [
                header for header in headers if header[0] != b"Set-Cookie"
            ],
            forwarded=False,
        )
        async with door(to(upstream)) as port:
            answer = await talk(port, GET)
    assert b"X-Added: 1" in service.received[0]
    assert b"X-Forwarded" not in service.received[0]
    assert b"X-Kept: 1" in answer
    assert b"Set-Cookie" not in answer


async def test_a_trusted_proxy_in_front_is_believed() -> None:
    service = Service()
    request = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n"
    async with (
        listening(service.handle) as address,
        door(to(address), trusted=("127.0.0.1",)) as port,
    ):
        await talk(port, request)
    assert b"X-Forwarded-For: 10.1.1.1, 127.0.0.1" in service.received[0]


async def test_a_unix_socket_is_reached(tmp_path: Path) -> None:
    service = Service()
    path = tmp_path / "socket"
    async with listening(service.handle, path), door(to(Upstream(path))) as port:
        answer = await talk(port, GET)
    assert status_of(answer) == 200


async def test_a_route_may_answer_by_itself() -> None:
    async with door(to(Answer(404, b"none here"))) as port:
        answer = await talk(port, GET)
    assert status_of(answer) == 404
    assert answer.endswith(b"\r\n\r\nnone here")


async def test_a_service_that_is_not_there_is_told() -> None:
    async with listening(Service().handle) as address:
        pass
    async with door(to(address)) as port:
        answer = await talk(port, GET)
    assert status_of(answer) == 503
    assert b"Retry-After: 1" in answer


@pytest.mark.parametrize("nonsense", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200"])
async def test_a_service_that_does_not_speak_http_is_told(nonsense: bytes) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(nonsense)

    async with listening(handle) as address, door(to(address)) as port:
        answer = await talk(port, GET)
    assert status_of(answer) == 502


async def test_an_answer_that_breaks_off_does_not_look_complete() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with listening(handle) as address, door(to(address)) as port:
        with pytest.raises(httpx.TransportError):
            await fetch(port)


async def test_a_service_that_is_silent_for_too_long_is_given_up() -> None:
    async def handle(reader: StreamReader, _: StreamWriter) -> None:
        await reader.read()

    limits = Limits(idle_s=0.2)
    async with listening(handle) as address, door(to(address), limits=limits) as port:
        answer = await talk(port, GET)
    assert status_of(answer) == 504


async def test_a_stream_of_events_may_have_nothing_to_tell() -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\n\r\n")
        await asyncio.sleep(1.2)  # longer than others may be idle
        writer.write(b"data: at last\n\n")

    limits = Limits(idle_s=0.1)
    async with listening(handle) as address, door(to(address), limits=limits) as port:
        answer = await talk(port, GET)
    assert answer.endswith(b"data: at last\n\n\r\n0\r\n\r\n")


async def test_a_client_that_does_not_read_is_given_up() -> None:
    gone = asyncio.Event()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except OSError:
            gone.set()

    limits = Limits(idle_s=0.2)
    async with listening(handle) as address, door(to(address), limits=limits) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        async with asyncio.timeout(60):
            await gone.wait()
        writer.close()


async def test_a_bug_in_a_route_is_a_500_without_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def route(_: RequestHead) -> Answer:
        raise KeyError("secret")

    async with door(route) as port:
        answer = await talk(port, GET)
    assert status_of(answer) == 500
    assert b"secret" not in answer
    assert "KeyError" in caplog.text


async def test_an_exchange_under_way_is_finished_when_the_door_closes() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go_on.wait()
        writer.write(OK)

    async with (
        listening(handle) as address,
        asyncio.TaskGroup() as tasks,
        door(to(address)) as port,
    ):
        answer = tasks.create_task(talk(port, GET))
        await asked.wait()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    assert status_of(answer.result()) == 200


async def test_a_connection_without_a_request_does_not_hold_up_the_end() -> None:
    async with door(to(Answer(200))) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        await talk(port, GET)
    writer.close()
