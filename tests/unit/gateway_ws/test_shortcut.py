"""However the network cuts what NATS sends, rooms get their messages whole."""

import itertools
from asyncio import StreamReader
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from gateway_ws.adapters.shortcut import Shortcut

STREAM = (
    b"MSG room 7 5\r\nhello\r\n"
    b"HMSG room 7 reply 12 15\r\nNATS/1.0\r\n\r\nyou\r\n"
    b"MSG room 7 2\r\n\r\n\r\n"
    b"MSG room 7 reply 0\r\n\r\n"
)
HEARD = [b"hello", b"you", b"\r\n", b""]
OTHERS = b"PING\r\nMSG else 8 2\r\nhi\r\nMSG room 7 4\r\nlate\r\n"


def standing() -> tuple[StreamReader, Shortcut]:
    """Return a reader of the library, and the short way before it."""
    reader, client = StreamReader(), Client()
    private: dict[str, Any] = vars(client)
    private["_transport"] = SimpleNamespace(_io_reader=reader)
    shortcut = Shortcut.into(client)
    assert shortcut is not None
    return reader, shortcut


async def feed(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    """Return what a room heard, and what was left to the library."""
    reader, shortcut = standing()
    heard: list[bytes] = []
    subscription = SimpleNamespace(_id=7, _pending_queue=None)
    shortcut.attach(cast("Any", subscription), heard.append)
    for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    return heard, await reader.read()


@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
async def test_it_does_not_matter_where_it_is_cut(cuts: list[int]) -> None:
    bounds = [0, *cuts, len(STREAM)]
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(bounds)]
    assert await feed(pieces) == (HEARD, b"")


async def test_what_stands_behind_something_else_is_left_to_the_library() -> None:
    assert await feed([STREAM + OTHERS, STREAM]) == (HEARD, OTHERS + STREAM)


async def test_it_stays_away_while_the_library_is_in_the_middle_of_something() -> None:
    reader, client = StreamReader(), Client()
    private: dict[str, Any] = vars(client)
    private["_transport"] = SimpleNamespace(_io_reader=reader)
    assert Shortcut.into(client) is not None
    parser: Parser = private["_ps"]
    parser.state = AWAITING_CONTROL_LINE + 1
    reader.feed_data(STREAM)
    reader.feed_eof()
    assert await reader.read() == STREAM


def test_it_does_not_stand_where_it_does_not_fit() -> None:
    assert Shortcut.into(Client()) is None  # without a connection


async def test_what_comes_in_one_piece_is_one_turn() -> None:
    reader, shortcut = standing()
    told: list[bytes] = []
    shortcut.around(lambda: told.append(b"begins"), lambda: told.append(b"ends"))
    subscription = SimpleNamespace(_id=7, _pending_queue=None)
    shortcut.attach(cast("Any", subscription), told.append)
    reader.feed_data(STREAM)
    reader.feed_data(STREAM[:9])
    assert told == [b"begins", *HEARD, b"ends", b"begins", b"ends"]


async def test_nothing_is_kept_of_a_room_that_is_gone() -> None:
    reader, shortcut = standing()
    empty = [dict(one) for one in vars(shortcut).values() if isinstance(one, dict)]
    subscription = cast("Any", SimpleNamespace(_id=7, _pending_queue=None))
    heard: list[bytes] = []
    shortcut.attach(subscription, heard.append)
    reader.feed_data(STREAM)
    shortcut.detach(subscription)
    assert empty == [one for one in vars(shortcut).values() if isinstance(one, dict)]
    reader.feed_data(b"MSG room 7 2\r\nhi\r\n")
    reader.feed_eof()
    assert await reader.read() == b"MSG room 7 2\r\nhi\r\n"
    assert heard == HEARD
