"""Many streams over one: what the service and the porter in a pod speak.

Each side opens channels, of odd and of even numbers. What one of them has not taken
yet is bounded by a window, so that no stream holds up the others and neither side
holds more than it has said. Whatever breaks the rules ends everything: at the other
end is an app's pod.

A pod gets this file as a text, so it imports the standard library alone.
"""

import asyncio
import struct
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress

_HEAD = struct.Struct("!BII")
_NUMBER = struct.Struct("!I")
_OPEN, _DATA, _CREDIT, _END, _RESET, _PING = range(6)
_WINDOW = 262_144
_PIECE = 32_768
_CHANNELS = 512
"""Most that the other side may have open: an install opens the most connections."""
_PING_S = 10.0
_SILENCE_S = 45.0
"""Of the other side, after which it is taken for gone."""
_GRACE_S = 10.0
"""For one direction of a connection when the other has ended."""


class Broken(ConnectionError):
    """The stream below has ended, or the other side does not keep to the rules."""


class Channel:
    """One stream, both ways."""

    def __init__(self, mux: "Mux", number: int) -> None:
        self.number = number
        self._mux = mux
        self._received = bytearray()
        self._changed = asyncio.Event()
        self._allowed = _WINDOW
        """What we may send before they have taken any of it."""
        self._granted = _WINDOW
        """What they may send."""
        self._they_ended = False
        self._we_ended = False
        self._broken = False

    async def read(self, size: int = _PIECE) -> bytes:
        """Return what has come, *size* bytes at most; nothing at the end.

        Raises:
            Broken: The end did not come by itself.

        """
        while not self._received and not self._they_ended:
            await self._change()
        data = bytes(self._received[:size])
        del self._received[:size]
        self._granted += len(data)
        if data and not self._they_ended:
            self._mux.send(_CREDIT, self.number, _NUMBER.pack(len(data)))
        return data

    async def read_exactly(self, size: int) -> bytes:
        """Return *size* bytes.

        Raises:
            Broken: There are fewer.

        """
        data = b""
        while len(data) < size:
            piece = await self.read(size - len(data))
            if not piece:
                raise Broken("the channel ended early")
            data += piece
        return data

    async def write(self, data: bytes) -> None:
        """Send *data*, as fast as it is taken.

        Raises:
            Broken: Nobody takes it any more.

        """
        view = memoryview(data)
        while view:
            while self._allowed == 0 and not self._broken:
                await self._change()
            if self._broken or self._we_ended:
                raise Broken("the channel is closed")
            piece = view[: min(_PIECE, self._allowed)]
            self._allowed -= len(piece)
            self._mux.send(_DATA, self.number, bytes(piece))
            view = view[len(piece) :]

    def say(self, word: bytes) -> None:
        """Send a few bytes without waiting; none where nobody takes them now."""
        if not self._broken and not self._we_ended and self._allowed >= len(word):
            self._allowed -= len(word)
            self._mux.send(_DATA, self.number, word)

    def end(self) -> None:
        """Say that no more comes from here."""
        if not self._we_ended and not self._broken:
            self._we_ended = True
            self._mux.send(_END, self.number)
            self._forget()

    def reset(self) -> None:
        """Let go of both directions at once."""
        if not self._broken and not (self._we_ended and self._they_ended):
            self._mux.send(_RESET, self.number)
        self.break_off()

    def break_off(self) -> None:
        """Take note that nothing more comes or goes."""
        self._broken = True
        self._changed.set()
        self._mux.forget(self.number)

    def heard(self, kind: int, payload: bytes) -> None:
        """Take one frame of the other side."""
        if kind == _DATA:
            self._granted -= len(payload)
            if self._granted < 0 or self._they_ended:
                raise Broken("more was sent than was allowed")
            self._received += payload
        elif kind == _CREDIT:
            self._allowed += _NUMBER.unpack(payload)[0]
            if self._allowed > _WINDOW:
                raise Broken("more was taken than was sent")
        elif kind == _END:
            self._they_ended = True
            self._forget()
        else:
            self.break_off()
        self._changed.set()

    async def _change(self) -> None:
        if self._broken:
            raise Broken("the channel is closed")
        self._changed.clear()
        await self._changed.wait()
        if self._broken and not self._received:
            raise Broken("the channel is closed")

    def _forget(self) -> None:
        if self._we_ended and self._they_ended:
            self._mux.forget(self.number)


class Mux:
    """All channels over one stream; *first* is 1 on one side and 2 on the other."""

    def __init__(self, *, first: int, on_open: Callable[[Channel], None]) -> None:
        self._channels: dict[int, Channel] = {}
        self._next = first
        self._theirs = 3 - first
        self._on_open = on_open
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._buffer = bytearray()
        self._heard = time.monotonic()
        self._closed = False

    def open(self) -> Channel:
        """Open a channel.

        Raises:
            Broken: There is nobody at the other end.

        """
        if self._closed:
            raise Broken("the stream has ended")
        channel = self._channels[self._next] = Channel(self, self._next)
        self._next += 2
        self.send(_OPEN, channel.number)
        return channel

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Put a frame behind those that wait."""
        self._frames.put_nowait(_HEAD.pack(kind, number, len(payload)) + payload)

    def forget(self, number: int) -> None:
        """Let go of a channel that has come to its end."""
        self._channels.pop(number, None)

    async def write_to(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand everything that is sent to *write*, until cancelled.

        Raises:
            Broken: The other side has been silent for too long.

        """
        while True:
            try:
                async with asyncio.timeout(_PING_S):
                    frame = await self._frames.get()
            except TimeoutError:
                if time.monotonic() - self._heard > _SILENCE_S:
                    raise Broken("the other side is silent") from None
                frame = _HEAD.pack(_PING, 0, 0)
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await write(frame)
            except TimeoutError:
                raise Broken("the other side takes nothing") from None

    def feed(self, data: bytes) -> None:
        """Take what has come from the other side.

        Raises:
            Broken: It does not keep to the rules.

        """
        self._heard = time.monotonic()
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            kind, number, length = _HEAD.unpack_from(self._buffer)
            expected = length == (_NUMBER.size if kind == _CREDIT else 0)
            if kind > _PING or length > _PIECE or not (expected or kind == _DATA):
                raise Broken("this is no frame")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            self._take(kind, number, payload)

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        channel = self._channels.get(number)
        if kind == _OPEN:
            self._admit(number, channel)
        elif channel is not None:
            # What is still on its way to one that was let go of is nobody's.
            channel.heard(kind, payload)

    def _admit(self, number: int, known: Channel | None) -> None:
        if known is not None or number % 2 != self._theirs % 2:
            raise Broken("a channel was opened twice")
        if sum(one % 2 == number % 2 for one in self._channels) >= _CHANNELS:
            self.send(_RESET, number)
            return
        channel = self._channels[number] = Channel(self, number)
        self._on_open(channel)

    def close(self) -> None:
        """Break off every channel: there is nobody at the other end any more."""
        self._closed = True
        for channel in list(self._channels.values()):
            channel.break_off()


async def join(channel: Channel, reader: StreamReader, writer: StreamWriter) -> None:
    """Pass bytes between a channel and a connection until both have ended."""
    pumps = {
        asyncio.ensure_future(_outwards(channel, reader)),
        asyncio.ensure_future(_inwards(channel, writer)),
    }
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(pumps, timeout=_GRACE_S)
    finally:
        for pump in pumps:
            pump.cancel()
        channel.reset()
        writer.transport.abort()


async def _outwards(channel: Channel, reader: StreamReader) -> None:
    with suppress(OSError):
        while data := await reader.read(_PIECE):
            await channel.write(data)
        channel.end()


async def _inwards(channel: Channel, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await channel.read():
            writer.write(data)
            await writer.drain()
        writer.write_eof()
