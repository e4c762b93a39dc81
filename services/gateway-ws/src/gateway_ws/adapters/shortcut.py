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

_UNTAKEN = "a message could not be taken in"

_log = structlog.get_logger(__name__)


class Shortcut:
    """Stands before nats-py's reader, and hands on what is for rooms."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._hear: dict[bytes, Hear] = {}
        self._answers = b""
        self._hear_answer: HearAnswer = lambda _, __, ___: None
        self._send: Callable[[bytes], Awaitable[None]]
        self._flush: Callable[[], Awaitable[None]]
        self._rest = b""

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
                data = self._hand_on(self._rest + data)
            if data:
                pass_on(data)

        vars(reader)["feed_data"] = feed_data
        return True

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
        self._hear.pop(b"%d" % vars(subscription)["_id"], None)

    def _hand_on(self, data: bytes) -> bytes:
        """Hand on what is for rooms, up to something else; return that and the rest.

        The beginning of a message that is not whole yet waits in here.
        """
        self._rest, start = b"", 0
        while data.startswith(_MESSAGE, start):
            end = data.find(_CRLF, start)
            if end < 0:
                break
            words = data[start:end].split()
            hear = self._hear.get(words[2])
            if hear is None and words[2] != self._answers:
                return data[start:]
            stop = end + len(_CRLF) + int(words[-1])
            if stop + len(_CRLF) > len(data):
                break
            begin = end + len(_CRLF)
            body = begin + (int(words[-2]) if data.startswith(b"H", start) else 0)
            try:
                if hear is None:
                    self._hear_answer(words[1], data[begin:body], data[body:stop])
                else:
                    hear(data[body:stop])
            except Exception:  # noqa: BLE001 - it must not end everybody's connection
                _log.exception(_UNTAKEN)
            start = stop + len(_CRLF)
        rest = data[start:]
        if rest.startswith(_MESSAGE) or any(verb.startswith(rest) for verb in _MESSAGE):
            self._rest, rest = rest, b""
        return rest


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
