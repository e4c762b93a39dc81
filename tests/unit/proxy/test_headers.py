"""Which headers pass."""

import pytest

from proxy.headers import Headers, end_to_end, forwarded, is_websocket


def test_headers_for_the_next_hop_stay_here() -> None:
    headers: Headers = [
        (b"Accept", b"*/*"),
        (b"Connection", b"keep-alive, X-Mine"),
        (b"X-Mine", b"1"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Proxy-Authorization", b"secret"),
        (b"TE", b"trailers"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
    ]
    assert end_to_end(headers) == [(b"Accept", b"*/*")]


def test_a_request_cannot_take_away_what_makes_it_what_it_is() -> None:
    headers: Headers = [(b"Host", b"a"), (b"Connection", b"host, content-length")]
    assert end_to_end(headers) == [(b"Host", b"a")]


CLAIMS: Headers = [
    (b"X-Forwarded-For", b"6.6.6.6"),
    (b"x-forwarded-proto", b"https"),
    (b"X-Forwarded-Prefix", b"/evil"),
    (b"Forwarded", b"for=6.6.6.6"),
    (b"X-Real-IP", b"6.6.6.6"),
    (b"Cookie", b"a=b"),
]


def test_a_stranger_is_not_believed() -> None:
    assert forwarded(
        CLAIMS, peer="10.0.0.1", scheme="http", host=b"a:80", trusted=False
    ) == [
        (b"Cookie", b"a=b"),
        (b"X-Forwarded-For", b"10.0.0.1"),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Host", b"a:80"),
    ]


def test_the_word_of_a_trusted_proxy_is_continued() -> None:
    assert forwarded(
        CLAIMS, peer="10.0.0.1", scheme="http", host=b"a:80", trusted=True
    ) == [
        (b"Cookie", b"a=b"),
        (b"X-Forwarded-For", b"6.6.6.6, 10.0.0.1"),
        (b"X-Forwarded-Proto", b"https"),
        (b"X-Forwarded-Host", b"a:80"),
    ]


UPGRADE: Headers = [(b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket")]


def test_a_websocket_is_recognised() -> None:
    assert is_websocket(b"GET", b"1.1", UPGRADE)


@pytest.mark.parametrize(
    ("method", "version", "headers"),
    [
        (b"POST", b"1.1", UPGRADE),
        (b"GET", b"1.0", UPGRADE),
        (b"GET", b"1.1", UPGRADE[:1]),
        (b"GET", b"1.1", UPGRADE[1:]),
        (b"GET", b"1.1", [*UPGRADE, (b"Content-Length", b"5")]),
        (b"GET", b"1.1", [*UPGRADE, (b"Transfer-Encoding", b"chunked")]),
        (b"GET", b"1.1", [UPGRADE[0], (b"Upgrade", b"h2c, websocket")]),
    ],
)
def test_nothing_else_is_a_websocket(
    method: bytes, version: bytes, headers: Headers
) -> None:
    assert not is_websocket(method, version, headers)
