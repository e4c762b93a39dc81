"""Asking servers that answer however they like."""

import asyncio
import socket

import pytest

from sandbox.adapters.network import probe
from sandbox.ports import Fetched, Unreachable


async def answered(text: bytes, *, ends: bool = True) -> Fetched:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with theirs:
        theirs.sendall(text)
        if ends:
            theirs.shutdown(socket.SHUT_WR)
        return await asyncio.wait_for(probe.fetch(ours, "a", "/", "*/*"), 60)


async def test_a_stream_that_never_ends_is_returned_as_far_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "BODY_S", 0.05)
    text = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nhello"
    found = await answered(text, ends=False)
    assert found == Fetched(200, "a/b", b"hello", is_whole=False)


async def test_only_the_beginning_of_a_long_body_is_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "BODY_BYTES", 3)
    text = b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello"
    assert (await answered(text)).body == b"hel"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=range(6),
)
async def test_what_is_no_whole_answer_is_none(text: bytes) -> None:
    with pytest.raises(Unreachable):
        await answered(text)
