"""Asking servers that answer however they like."""

import asyncio
import socket
from contextlib import suppress

import pytest

from sandbox.adapters.network import probe
from sandbox.ports import Fetched, Unreachable


async def answered(text: bytes, *, ends: bool = True) -> Fetched:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(0)
    with theirs:
        asked = asyncio.create_task(probe.fetch(ours, "a", "/", "*/*"))
        with suppress(OSError):  # whoever has read enough leaves
            await asyncio.get_running_loop().sock_sendall(theirs, text)
            if ends:
                theirs.shutdown(socket.SHUT_WR)
        return await asyncio.wait_for(asked, 60)


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
    ],
    ids=range(5),
)
async def test_what_is_no_whole_answer_is_none(text: bytes) -> None:
    with pytest.raises(Unreachable):
        await answered(text)


@pytest.mark.parametrize(("chars", "is_seen"), [(200_000, True), (300_000, False)])
async def test_a_head_may_be_as_long_as_one_that_a_visitor_gets(
    chars: int, *, is_seen: bool
) -> None:
    text = b"HTTP/1.1 200 OK\r\nx: " + b"y" * chars + b"\r\n\r\nhello"
    if is_seen:
        assert (await answered(text)).body == b"hello"
    else:
        with pytest.raises(Unreachable, match="head of its answer is over 256 KiB"):
            await answered(text)
