"""Channels over one stream: nothing is mixed up, lost, or more than was allowed."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sandbox.adapters.pods.mux import Broken, Channel, Mux

HEAD = struct.Struct("!BII")
OPEN, DATA, CREDIT, END, RESET = range(5)
MUCH = 2_000_000


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Mux, asyncio.Queue[Channel]]]:
    """Lend one side of a stream, and the channels that the other side gets."""
    opened: asyncio.Queue[Channel] = asyncio.Queue()
    near = Mux(first=1, on_open=lambda _: None)
    far = Mux(first=2, on_open=opened.put_nowait)

    async def to_far(data: bytes) -> None:
        far.feed(data)

    async def to_near(data: bytes) -> None:
        near.feed(data)

    works = [
        asyncio.ensure_future(near.write_to(to_far)),
        asyncio.ensure_future(far.write_to(to_near)),
    ]
    try:
        yield near, opened
    finally:
        for work in works:
            work.cancel()


async def everything(channel: Channel) -> bytes:
    data = b""
    while piece := await channel.read():
        data += piece
    return data


async def send(channel: Channel, data: bytes) -> None:
    await channel.write(data)
    channel.end()


async def test_channels_do_not_get_mixed_up() -> None:
    async with pair() as (near, opened):
        texts = [os.urandom(MUCH) for _ in range(3)]
        sending = [asyncio.ensure_future(send(near.open(), text)) for text in texts]
        channels = [await opened.get() for _ in texts]
        assert await asyncio.gather(*map(everything, channels)) == texts
        await asyncio.gather(*sending)


async def test_one_that_is_not_read_does_not_hold_up_the_others() -> None:
    async with pair() as (near, opened):
        stuck = asyncio.ensure_future(send(near.open(), b"x" * MUCH))
        await opened.get()
        await send(near.open(), b"here")
        assert await everything(await opened.get()) == b"here"
        assert not stuck.done()
        stuck.cancel()


async def test_a_reset_reaches_the_other_side() -> None:
    async with pair() as (near, opened):
        ours = near.open()
        theirs = await opened.get()
        ours.reset()
        with pytest.raises(Broken):
            await theirs.read()
        with pytest.raises(Broken):
            await theirs.write(b"x")


async def test_the_end_of_the_stream_ends_whoever_waits() -> None:
    near = Mux(first=1, on_open=lambda _: None)
    waiting = asyncio.ensure_future(near.open().read())
    await asyncio.sleep(0)
    near.close()
    with pytest.raises(Broken):
        await waiting
    with pytest.raises(Broken):
        near.open()


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    return HEAD.pack(kind, number, len(payload)) + payload


@pytest.mark.parametrize(
    "data",
    [
        frame(9, 1),
        frame(OPEN, 3),  # ours to open
        frame(OPEN, 2) * 2,
        frame(OPEN, 2, b"x"),
        frame(CREDIT, 1, b"x"),
        HEAD.pack(DATA, 1, 1 << 30),
        frame(OPEN, 2) + frame(CREDIT, 2, struct.pack("!I", 1)),
        frame(OPEN, 2) + frame(DATA, 2, b"x" * 30_000) * 10,
        frame(OPEN, 2) + frame(END, 2) + frame(DATA, 2, b"x"),
    ],
)
async def test_whoever_breaks_the_rules_is_cut_off(data: bytes) -> None:
    with pytest.raises(Broken):
        Mux(first=1, on_open=lambda _: None).feed(data)


async def test_more_channels_than_anybody_needs_are_refused() -> None:
    opened: list[Channel] = []
    mux = Mux(first=1, on_open=opened.append)
    for number in range(2, 3000, 2):
        mux.feed(frame(OPEN, number))
    assert len(opened) == 512


async def test_what_is_nobodys_any_more_is_let_go() -> None:
    mux = Mux(first=1, on_open=lambda _: None)
    mux.feed(frame(DATA, 7, b"x") + frame(END, 7) + frame(RESET, 7))
