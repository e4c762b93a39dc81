"""Frames are those of RFC 6455, as another implementation reads them."""

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from gateway_ws.domain import wire


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])
def test_a_message_of_any_size_is_read_as_it_was(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://x"), state=State.OPEN, max_size=None)
    payload = b"x" * size
    client.receive_data(wire.text(payload) + wire.text(b"{}"))
    assert client.events_received() == [
        Frame(Opcode.TEXT, payload),
        Frame(Opcode.TEXT, b"{}"),
    ]


def test_every_goodbye_of_ours_has_its_words() -> None:
    assert set(wire.REASONS) <= wire.CODES
    assert wire.REASONS[wire.UNAUTHORIZED] == "Unauthorized"
    assert wire.REASONS[wire.FORBIDDEN] == "Forbidden"
