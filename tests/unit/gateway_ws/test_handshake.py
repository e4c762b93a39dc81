"""The head that opens a WebSocket: taken as the RFC says, refused as HTTP says."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from gateway_ws.domain.handshake import MAX_HEAD_BYTES, MAX_HEADERS, Denied, read
from gateway_ws.domain.handshake import accept as answer

# The example of RFC 6455, section 1.3.
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
LINES = (
    "GET /ws/x?token=a%20b HTTP/1.1",
    "Host: x",
    "Connection: keep-alive, Upgrade",
    "Upgrade: WebSocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def without(name: str, *more: str) -> bytes:
    return head(*(line for line in LINES if not line.startswith(name)), *more)


def status(data: bytes) -> int:
    """Return the status with which a head is answered."""
    try:
        line = answer(read(data))
    except Denied as error:
        line = error.answer
    return int(line.split()[1])


def test_the_example_of_the_rfc_is_answered_as_there() -> None:
    assert b"Sec-WebSocket-Accept: " + ACCEPT in answer(read(head(*LINES)))


def test_a_client_of_the_library_finds_itself_connected() -> None:
    client = ClientProtocol(parse_uri("ws://localhost/ws/x"))
    client.send_request(client.connect())
    client.receive_data(answer(read(b"".join(client.data_to_send()))))
    assert client.state is State.OPEN


def test_path_and_headers_are_read_as_they_are() -> None:
    request = read(head(*LINES, "Cookie: a=1", "cookie:\t b=2 \t", "X-Name: \xe9"))
    assert request.path == "/ws/x?token=a%20b"
    assert request.get_all("cookie") == ["a=1", "b=2"]
    assert request.get_all("x-name") == ["\xe9"]
    assert request.get_all("origin") == []


REFUSED = {
    "no upgrade": (without("Upgrade"), 426),
    "an upgrade to something else": (without("Upgrade", "Upgrade: h2c"), 426),
    "a connection that is not to change": (without("Connection"), 426),
    "another version": (
        without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
        426,
    ),
    "no key": (without("Sec-WebSocket-Key"), 400),
    "two keys": (head(*LINES, f"Sec-WebSocket-Key: {KEY}"), 400),
    "a short key": (without("Sec-WebSocket-Key", "Sec-WebSocket-Key: YQ=="), 400),
    "a key that is none": (
        without("Sec-WebSocket-Key", "Sec-WebSocket-Key: \xe9"),
        400,
    ),
    "a post": (head(*LINES).replace(b"GET", b"POST"), 405),
    "an old protocol": (head(*LINES).replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
    "a folded header": (head(*LINES, " more"), 400),
    "a header without a name": (head(*LINES, ": x"), 400),
    "a blank in a name": (head(*LINES, "Host : x"), 400),
    "a control character": (head(*LINES, "X: a\x00b"), 400),
    "a bare line feed": (head(*LINES, "X: a\nY: b"), 400),
    "too many headers": (head(*LINES, *["X: a"] * MAX_HEADERS), 400),
    "too large a head": (head(*LINES, "X: " + "a" * MAX_HEAD_BYTES), 431),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_handshake_is_refused_in_http(what: str) -> None:
    data, code = REFUSED[what]
    assert status(data) == code


def test_a_refusal_is_one_sentence_and_the_end_of_the_connection() -> None:
    error = Denied(HTTPStatus.UPGRADE_REQUIRED, "No.")
    first, _, body = error.answer.partition(b"\r\n\r\n")
    assert body == b"No."
    assert b"Connection: close" in first
    assert b"Upgrade: websocket" in first


@given(st.binary(max_size=300), st.integers(0, 200))
def test_no_head_crashes(noise: bytes, at: int) -> None:
    whole = head(*LINES)
    assert status(whole[:at] + noise + whole[at:]) in {101, 400, 405, 426, 431, 505}
