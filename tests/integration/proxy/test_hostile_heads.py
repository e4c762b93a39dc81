"""Requests that are refused, and what the service behind never sees of them."""

import pytest

from proxy import Answer, Limits
from tests.integration.proxy.doors import Service, door, listening, status_of, talk, to

HOST = b"Host: a\r\n"

HOSTILE = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "connect": (b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "absolute target": (b"GET http://b/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "one bare line feed": (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "bare carriage return": (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    "folded line": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\n" + HOST + b"X : b\r\n\r\n", 400),
    "name with a blank": (b"GET / HTTP/1.1\r\n" + HOST + b"X Y: b\r\n\r\n", 400),
    "no name": (b"GET / HTTP/1.1\r\n" + HOST + b": b\r\n\r\n", 400),
    "NUL": (b"GET / HTTP/1.1\r\n" + HOST + b"X: \x00\r\n\r\n", 400),
    "blank in target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "length and chunks": (
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        400,
    ),
    "two lengths": (
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        400,
    ),
    "signed length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\n",
        400,
    ),
    "hidden coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
        400,
    ),
    "unknown coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n",
        501,
    ),
    "too many headers": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X: 1\r\n" * 101 + b"\r\n",
        431,
    ),
    "large head": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 40_000, 431),
    "large whole head": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 33_000 + b"\r\n\r\n",
        431,
    ),
    "slow head": (b"GET / HTTP/1.1\r\n" + HOST, 408),
}


@pytest.mark.parametrize(("request_", "status"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_head_is_refused_and_goes_nowhere(
    request_: bytes, status: int
) -> None:
    service = Service()
    limits = Limits(head_s=0.3)
    async with (
        listening(service.handle) as address,
        door(to(address), limits=limits) as port,
    ):
        answer = await talk(port, request_)
    assert status_of(answer) == status
    assert service.connections == 0


@pytest.mark.parametrize("request_", [HOSTILE["one bare line feed"][0]])
async def test_a_head_is_judged_alike_in_whatever_pieces_it_comes(
    request_: bytes,
) -> None:
    async with door(to(Answer(200))) as port:
        for cut in range(1, len(request_)):
            answer = await talk(port, request_[:cut], request_[cut:])
            assert status_of(answer) == 400


CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nab\r\n0\r\n\r\n",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"1" * 30 + b"\r\nabc\r\n0\r\n\r\n",
    ],
)
async def test_malformed_chunks_are_refused(chunks: bytes) -> None:
    service = Service(b"")
    async with listening(service.handle) as address, door(to(address)) as port:
        answer = await talk(port, CHUNKED + chunks)
    assert status_of(answer) == 400
    assert not service.received[0].endswith(b"0\r\n\r\n")


async def test_chunks_with_bare_line_feeds_never_arrive() -> None:
    service = Service(b"")
    limits = Limits(idle_s=0.2)
    async with (
        listening(service.handle) as address,
        door(to(address), limits=limits) as port,
    ):
        answer = await talk(port, CHUNKED + b"3\nabc\n0\n\n")
    assert status_of(answer) == 504
    assert b"abc" not in service.received[0]


async def test_a_peer_with_too_many_connections_is_told() -> None:
    limits = Limits(connections_of_a_peer=0)
    async with door(to(Answer(200)), limits=limits) as port:
        answer = await talk(port)
    assert status_of(answer) == 503
