"""Server-sent events, as odd as servers send them."""

import pytest

from agent.adapters.sse import MAX_EVENT_BYTES, MAX_LINE_BYTES, SseParser, TooLong

STREAM = (
    b"\xef\xbb\xbf: OPENROUTER PROCESSING\n\n"
    b'data: {"a": "\xe2\x80\xa8\xc3\xbc"}\n\n'
    b"event: message\r\nid: 1\r\ndata: two\r\ndata:lines\r\n\r\n"
    b"\n\nretry: 10\n\n"
    b"data\n\n"
    b"data:  blank\n\n"
)
EVENTS = [b'{"a": "\xe2\x80\xa8\xc3\xbc"}', b"two\nlines", b"", b" blank"]


def events_of(*parts: bytes) -> list[bytes]:
    parser = SseParser()
    events = [event for part in parts for event in parser.feed(part)]
    return events + parser.finish()


def test_data_comes_out_and_nothing_else() -> None:
    assert events_of(STREAM) == EVENTS


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_events_do_not_depend_on_where_bytes_are_cut(cut: int) -> None:
    assert events_of(STREAM[:cut], STREAM[cut:]) == EVENTS


def test_events_may_come_byte_by_byte() -> None:
    assert events_of(*(bytes([byte]) for byte in STREAM)) == EVENTS


def test_only_a_line_feed_ends_a_line() -> None:
    data = "a\u2028b\x85c\x0bd\x0ce\rf".encode()
    assert events_of(b"data: " + data + b"\n\n") == [data]


def test_the_end_of_the_stream_ends_an_event() -> None:
    assert events_of(b"data: [DONE]") == [b"[DONE]"]


def test_a_stream_of_nothing_has_no_events() -> None:
    assert events_of(b"") == []


@pytest.mark.parametrize(
    "parts",
    [
        [b"data: " + b"x" * MAX_LINE_BYTES],
        [b"x" * 1000] * (MAX_LINE_BYTES // 1000 + 1),
        [b"data: " + b"x" * 100_000 + b"\n"] * (MAX_EVENT_BYTES // 100_000 + 1),
    ],
)
def test_a_sender_without_measure_is_not_listened_to(parts: list[bytes]) -> None:
    with pytest.raises(TooLong):
        events_of(*parts)
