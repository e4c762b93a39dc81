"""The short way from NATS to a room: out of the bytes that came in, into a call.

nats-py makes each message an object, and wakes a task to read it and another one to
take it. For the subscriptions of rooms, and for answers, all this is left out: their
messages are cut out of what comes from the network and handed on at once, in their
order. Everything else goes the library's own way, and what comes behind it goes that
way too.

This reaches into parts of nats-py that it promises to nobody, so it is all in this
module: `Shortcut.into` looks whether they are as they were, and whoever uses it listens
in the ordinary way if they are not. A test fails then.
"""

from asyncio import StreamReader
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from eventcore.adapters.nats import NatsBus

Hear = Callable[[bytes], None]
HearAnswer = Callable[[bytes, bytes, bytes], None]
"""Takes subject, headers as they are on the wire or nothing, and body."""

_CRLF = b"\r\n"
_MESSAGE = (b"MSG ", b"HMSG ")
_PLAIN_WORDS = 4
"""Of a line without headers, and without somebody who awaits an answer."""

_UNTAKEN = "a message could not be taken in"

_log = structlog.get_logger(__name__)


class Shortcut:
    """Stands before nats-py's reader, and hands on what is for rooms."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._hear: dict[bytes, Hear] = {}
        self._known: dict[bytes, Hear] = {}
        self._heads: dict[bytes, list[bytes]] = {}
        self._answers = b""
        self._hear_answer: HearAnswer = lambda _, __, ___: None
        self._send: Callable[[bytes], Awaitable[None]]
        self._flush: Callable[[], Awaitable[None]]
        self._rest = b""
        self._begins: Callable[[], None] = lambda: None
        self._ends: Callable[[], None] = lambda: None

    @classmethod
    def into(cls, client: Client) -> "Shortcut | None":
        """Return the short way into *client*, or None where it does not fit."""
        shortcut = cls(client)
        return shortcut if shortcut._stand() else None

    def stand_again(self) -> None:
        """Take the place in a new connection, which has a reader of its own."""
        if not self._stand():
            _log.warning("messages take the long way: nats-py has changed")

    def _stand(self) -> bool:
        parser = getattr(self._client, "_ps", None)
        transport = getattr(self._client, "_transport", None)
        reader = getattr(transport, "_io_reader", None)
        send = getattr(self._client, "_send_command", None)
        flush = getattr(self._client, "_flush_pending", None)
        if type(parser) is not Parser or type(reader) is not StreamReader:
            return False
        if send is None or flush is None or not hasattr(self._client, "_flush_queue"):
            return False
        self._send, self._flush = send, flush
        pass_on: Callable[[bytes], None] = reader.feed_data
        waiting: bytearray = vars(reader).get("_buffer", bytearray(b"unknown"))
        self._rest = b""

        def feed_data(data: bytes) -> None:
            is_idle = parser.state == AWAITING_CONTROL_LINE and not parser.buf
            if is_idle and not waiting:
                self._begins()
                try:
                    data = self._hand_on(self._rest + data)
                finally:
                    self._ends()
            if data:
                pass_on(data)

        vars(reader)["feed_data"] = feed_data
        return True

    def around(self, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        """Have these called before and after all that comes in one piece."""
        self._begins, self._ends = begins, ends

    def attach(self, subscription: Subscription, hear: Hear) -> None:
        """Have *hear* called with what comes.

        The subscription has neither a callback nor a limit of bytes. What comes the
        ordinary way, behind something else, is handed on at once as well.
        """
        private: dict[str, Any] = vars(subscription)
        private["_pending_queue"] = _AtOnce(hear)
        self._hear[b"%d" % private["_id"]] = hear

    def attach_answers(self, subscription: Subscription, hear: HearAnswer) -> None:
        """Have *hear* called with all that comes; there is one such subscription."""
        private: dict[str, Any] = vars(subscription)
        private["_pending_queue"] = _AnswersAtOnce(hear)
        self._answers = b"%d" % private["_id"]
        self._hear_answer = hear

    async def send(self, command: bytes) -> None:
        """Send *command* as it is, behind what the library was given before."""
        await self._send(command)
        if vars(self._client)["_flush_queue"].empty():
            await self._flush()

    def detach(self, subscription: Subscription) -> None:
        """Stop that."""
        number = b"%d" % vars(subscription)["_id"]
        self._hear.pop(number, None)
        for head in self._heads.pop(number, ()):
            del self._known[head]

    def _hand_on(self, data: bytes) -> bytes:
        """Hand on what is for rooms, up to something else; return that and the rest.

        The beginning of a message that is not whole yet waits in here.
        """
        self._rest, start, size = b"", 0, len(data)
        find, known = data.find, self._known
        while (end := find(_CRLF, start)) >= 0:
            head, _, length = data[start:end].rpartition(b" ")
            hear = known.get(head)
            if hear is None:
                after = self._hand_on_other(data, start, end)
                if after == start:
                    break
                start = after
                continue
            begin = end + 2
            stop = begin + int(length)
            if stop + 2 > size:
                break
            try:
                hear(data[begin:stop])
            except Exception:  # noqa: BLE001 - it must not end everybody's connection
                _log.exception(_UNTAKEN)
            start = stop + 2
        rest = data[start:]
        if rest and self._may_be_ours(rest):
            self._rest, rest = rest, b""
        return rest

    def _hand_on_other(self, data: bytes, start: int, end: int) -> int:
        """Hand on the message at *start*, if it is for us; return where it ends.

        *end* is the end of its first line. Where it is not for us, or not whole, that
        is *start*. How a line begins that will come again is noted.
        """
        if not data.startswith(_MESSAGE, start):
            return start
        words = data[start:end].split()
        hear = self._hear.get(words[2])
        if hear is None and words[2] != self._answers:
            return start
        begin = end + len(_CRLF)
        stop = begin + int(words[-1])
        if stop + len(_CRLF) > len(data):
            return start
        is_plain = data.startswith(b"M", start)
        body = begin if is_plain else begin + int(words[-2])
        try:
            if hear is None:
                self._hear_answer(words[1], data[begin:body], data[body:stop])
            else:
                if is_plain and len(words) == _PLAIN_WORDS:
                    self._know(words, hear)
                hear(data[body:stop])
        except Exception:  # noqa: BLE001 - it must not end everybody's connection
            _log.exception(_UNTAKEN)
        return stop + len(_CRLF)

    def _may_be_ours(self, rest: bytes) -> bool:
        """Tell whether *rest*, which is not handed on, may be the beginning for us."""
        if not rest.startswith(_MESSAGE):
            return any(verb.startswith(rest) for verb in _MESSAGE)
        end = rest.find(_CRLF)
        if end < 0:
            return True
        number = rest[:end].split()[2]
        return number in self._hear or number == self._answers

    def _know(self, words: list[bytes], hear: Hear) -> None:
        """Note how the first lines of such messages begin: all but their length."""
        head = b" ".join(words[:-1])
        self._known[head] = hear
        self._heads.setdefault(words[2], []).append(head)


class _AtOnce:
    """Stands where nats-py has a queue."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    def put_nowait(self, message: Msg) -> None:
        """Hand on what came the ordinary way."""
        try:
            self._hear(message.data)
        except Exception:  # noqa: BLE001 - it must not end everybody's connection
            _log.exception(_UNTAKEN)


class _AnswersAtOnce:
    """The same for answers."""

    def __init__(self, hear: HearAnswer) -> None:
        self._hear = hear

    def put_nowait(self, message: Msg) -> None:
        """Hand on what came the ordinary way, its headers as on the wire."""
        given = message.headers or {}
        lines = "".join(f"{name}: {text}\r\n" for name, text in given.items())
        headers = f"NATS/1.0\r\n{lines}\r\n".encode() if lines else b""
        self._hear(message.subject.encode(), headers, message.data)


def short_way(bus: NatsBus) -> Shortcut | None:
    """Return the short way from *bus*, also after it was away; None: there is none."""
    way = Shortcut.into(bus.client)
    if way is None:
        _log.warning("messages take the long way: nats-py has changed")
    else:
        bus.on_reconnect(way.stand_again)
    return way
