"""The details of JetStream's wire: streams, their ends, chained publishing.

A message that names the sequence before it is stored only there. So acknowledgements
are needed only now and then: a lost or refused message makes all after it fail, and the
next one that asks for an answer says so.
"""

import asyncio
import base64
import math
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts import subjects
from eventcore.adapters.connection import subscribe
from eventcore.adapters.messages import Outgoing
from eventcore.errors import EventCoreError, Unavailable

POSITION = "Position"
"""Header: position in the log of a message's last event."""
API_TIMEOUT_S = 5.0
SILENCE_S = 5.0
"""Without an acknowledgement for so long, the chain is taken as broken."""
MAX_IN_FLIGHT = 4
"""Batches that wait for their acknowledgement."""

_NANOSECOND = 1_000_000_000
_SHORTEST_NS = _NANOSECOND // 10
"""The least that the server takes as an age."""
_EXPIRING_S = 0.2
_STREAM_NOT_FOUND = 10059
_NAME_IN_USE = 10058
_LOG = "atelier-log"
_SHORT_REPLY = 9
_SEQUENCES_AT = 5

T = TypeVar("T")


class StreamSettings(Struct, frozen=True):
    """How much of the log a stream keeps; the log itself keeps everything."""

    max_age_s: float = 0.0
    """Age at which messages go; 0 keeps them as long as there is room."""
    max_bytes: int = 2 << 30
    """Room on disk, reserved from the server's; the oldest messages go first."""
    replicas: int = 1
    """3 in a cluster."""
    duplicate_window_s: float = 120.0
    """How long the server remembers message ids; never longer than messages."""


class StreamEnd(Struct, frozen=True):
    """A stream as its leader sees it."""

    created: str
    last_sequence: int
    messages: int
    log_id: str | None
    """Which log it is filled from; None in one that is not ours."""
    may_erase: bool
    """Whether a message may take the place of all before it; in streams that older
    versions have made none may, for ever."""


class ChainBroken(EventCoreError):
    """What was published last may not be stored: read the stream's end and go on."""


class _ApiError(Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Config(Struct, frozen=True):
    subjects: list[str] = []
    retention: str = ""
    discard: str = ""
    storage: str = ""
    num_replicas: int = 1
    max_age: int = 0
    max_bytes: int = -1
    max_msg_size: int = -1
    duplicate_window: int = 0
    allow_direct: bool = False
    deny_delete: bool = False
    deny_purge: bool = False
    allow_rollup_hdrs: bool = False
    metadata: dict[str, str] = {}


class _State(Struct, frozen=True):
    messages: int = 0
    last_seq: int = 0


class _Info(Struct, frozen=True):
    error: _ApiError | None = None
    created: str = ""
    config: _Config = _Config()
    state: _State = _State()


class _Stored(Struct, frozen=True):
    hdrs: str = ""


class _Message(Struct, frozen=True):
    error: _ApiError | None = None
    message: _Stored = _Stored()


class _Ack(Struct, frozen=True):
    error: _ApiError | None = None
    seq: int = 0
    duplicate: bool = False


_info = msgspec.json.Decoder(_Info)
_message = msgspec.json.Decoder(_Message)
_ack = msgspec.json.Decoder(_Ack)


async def api(
    client: Client, verb: str, body: object, decoder: msgspec.json.Decoder[T]
) -> T:
    """Return JetStream's answer to a request on ``$JS.API.<verb>``.

    Raises:
        Unavailable: Nobody answers, or not in JetStream's words.

    """
    request = b"" if body is None else msgspec.json.encode(body)
    try:
        answer = await client.request(f"$JS.API.{verb}", request, timeout=API_TIMEOUT_S)
        return decoder.decode(answer.data)
    except (errors.Error, OSError, TimeoutError) as error:
        raise Unavailable(f"JetStream does not answer {verb}: {error!r}") from error
    except msgspec.MsgspecError as error:
        raise Unavailable(f"JetStream's answer to {verb} is not one") from error


async def ensure_stream(
    client: Client, shard: int, settings: StreamSettings, log_id: str
) -> None:
    """Make the stream of *shard*, or bring its configuration up to date.

    Raises:
        Unavailable: JetStream does not answer, or it refuses.

    """
    name = subjects.stream(shard)
    info = await api(client, f"STREAM.INFO.{name}", None, _info)
    window_s = min(settings.duplicate_window_s, settings.max_age_s or math.inf)
    wanted = _Config(
        subjects=[subjects.stream_subjects(shard)],
        retention="limits",
        discard="old",
        storage="file",
        num_replicas=settings.replicas,
        max_age=int(settings.max_age_s * _NANOSECOND),
        max_bytes=settings.max_bytes,
        max_msg_size=client.max_payload,
        duplicate_window=int(window_s * _NANOSECOND),
        allow_direct=True,
        deny_delete=True,
        # What the server never takes back; it may not be purged by anybody anyway.
        deny_purge=info.config.deny_purge,
        allow_rollup_hdrs=not info.config.deny_purge,
        # The mark of another log stays, to be found.
        metadata={_LOG: info.config.metadata.get(_LOG, log_id)},
    )
    # The server adds metadata of its own.
    if msgspec.structs.replace(info.config, metadata=wanted.metadata) == wanted:
        return
    is_new = info.error is not None and info.error.err_code == _STREAM_NOT_FOUND
    verb = f"STREAM.{'CREATE' if is_new else 'UPDATE'}.{name}"
    body: dict[str, Any] = {"name": name, **msgspec.to_builtins(wanted)}
    made = await api(client, verb, body, _info)
    # Another relay may have made it at the same time, from the same settings.
    if made.error is not None and made.error.err_code != _NAME_IN_USE:
        raise Unavailable(f"stream {name}: {made.error.description}")


async def read_end(client: Client, shard: int) -> StreamEnd:
    """Return where the stream of *shard* ends, as its leader says.

    Raises:
        Unavailable: JetStream does not answer, or there is no such stream.

    """
    name = subjects.stream(shard)
    info = await api(client, f"STREAM.INFO.{name}", None, _info)
    if info.error is not None:
        raise Unavailable(f"stream {name}: {info.error.description}")
    return StreamEnd(
        info.created,
        info.state.last_seq,
        info.state.messages,
        info.config.metadata.get(_LOG),
        info.config.allow_rollup_hdrs,
    )


async def empty_stream(client: Client, shard: int) -> None:
    """Let all messages of a stream expire, whatever else may not remove them.

    `ensure_stream` lets those that come keep their time again.

    Raises:
        Unavailable: JetStream does not answer, or it refuses.

    """
    name = subjects.stream(shard)
    info = await api(client, f"STREAM.INFO.{name}", None, _info)
    at_once = msgspec.structs.replace(
        info.config, max_age=_SHORTEST_NS, duplicate_window=_SHORTEST_NS
    )
    while info.state.messages or info.error is not None:
        body: dict[str, Any] = {"name": name, **msgspec.to_builtins(at_once)}
        info = await api(client, f"STREAM.UPDATE.{name}", body, _info)
        if info.error is not None:
            raise Unavailable(f"stream {name}: {info.error.description}")
        await asyncio.sleep(_EXPIRING_S)


async def read_position(client: Client, shard: int, sequence: int) -> int | None:
    """Return the log's position at which a message ends; None where it says none.

    Raises:
        Unavailable: JetStream does not answer, or there is no such message.

    """
    verb = f"STREAM.MSG.GET.{subjects.stream(shard)}"
    found = await api(client, verb, {"seq": sequence}, _message)
    if found.error is not None:
        raise Unavailable(f"message {sequence}: {found.error.description}")
    for line in base64.b64decode(found.message.hdrs).decode().split("\r\n"):
        name, _, value = line.partition(":")
        if name == POSITION and value.strip().isdigit():
            return int(value)
    return None


async def create_ordered_consumer(
    client: Client, shard: int, inbox: str, start: int, heartbeat_s: float
) -> None:
    """Have the stream's messages from sequence *start* on delivered to *inbox*.

    Without acknowledgements, with flow control, and only as long as somebody listens.

    Raises:
        Unavailable: JetStream does not answer, or it refuses.

    """
    name = subjects.stream(shard)
    config = {
        "deliver_subject": inbox,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": start,
        "ack_policy": "none",
        "max_deliver": 1,
        "mem_storage": True,
        "num_replicas": 1,
        "flow_control": True,
        "idle_heartbeat": int(heartbeat_s * _NANOSECOND),
    }
    request = {"stream_name": name, "config": config}
    made = await api(client, f"CONSUMER.CREATE.{name}", request, _info)
    if made.error is not None:
        raise Unavailable(f"stream {name}: {made.error.description}")


def sequences_of(reply: str) -> tuple[int, int] | None:
    """Return the sequences in stream and consumer of a delivered message.

    They are in its reply subject, ``$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.
    <times>.<in stream>.<in consumer>.<time>.<pending>`` and perhaps more.
    """
    tokens = reply.split(".")
    first = _SEQUENCES_AT if len(tokens) == _SHORT_REPLY else _SEQUENCES_AT + 2
    if len(tokens) < _SHORT_REPLY or tokens[:2] != ["$JS", "ACK"]:
        return None
    try:
        return int(tokens[first]), int(tokens[first + 1])
    except ValueError:
        return None


class _InFlight(Struct, eq=False):
    sequence: int
    position: int
    answer: asyncio.Future[str]
    """Empty for an acknowledgement, otherwise what is wrong."""


class Chain:
    """Publishes batches of messages, each message naming the one before it."""

    def __init__(self, client: Client, head: int, position: int) -> None:
        self._client = client
        self._sent = head
        self._in_flight: deque[_InFlight] = deque()
        self._inbox = client.new_inbox()
        self.head = head
        """Sequence of the last message that is known to be stored."""
        self.position = position
        """Position in the log at which that message ends."""

    async def open(self) -> None:
        """Listen for acknowledgements; needed once, before all else.

        Raises:
            Unavailable: The connection is gone.

        """
        self._listening = await subscribe(
            self._client, f"{self._inbox}.*", self._on_answer
        )

    async def close(self) -> None:
        """Stop listening."""
        await self._listening.close()

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        """Send *batch*; wait while too many before it are not acknowledged.

        Raises:
            ChainBroken: Something before it, or of it, may not be stored.

        """
        while len(self._in_flight) >= MAX_IN_FLIGHT:
            await self._settle_oldest()
        last = self._sent + len(batch)
        # Before the answer can come.
        answer = asyncio.get_running_loop().create_future()
        self._in_flight.append(_InFlight(last, batch[-1].position, answer))
        if not self._client.is_connected:
            raise ChainBroken("the connection is gone")
        try:
            await _send(self._client, batch, self._sent, f"{self._inbox}.{last}")
        except (errors.Error, OSError) as error:
            raise ChainBroken(f"cannot publish: {error!r}") from error
        self._sent = last

    async def settle(self) -> None:
        """Wait until all that was sent is acknowledged.

        Raises:
            ChainBroken: It may not be stored.

        """
        while self._in_flight:
            await self._settle_oldest()

    def fail(self, reason: str) -> None:
        """Give up waiting for acknowledgements: the connection is gone."""
        for waiting in self._in_flight:
            if not waiting.answer.done():
                waiting.answer.set_result(reason)

    async def _settle_oldest(self) -> None:
        oldest = self._in_flight[0]
        try:
            async with asyncio.timeout(SILENCE_S):
                wrong = await oldest.answer
        except TimeoutError as error:
            raise ChainBroken("no acknowledgement came") from error
        if wrong:
            raise ChainBroken(wrong)
        self._in_flight.popleft()
        self.head, self.position = oldest.sequence, oldest.position

    async def _on_answer(self, message: Msg) -> None:
        sequence = int(message.subject.rpartition(".")[2])
        for waiting in self._in_flight:
            if waiting.sequence == sequence and not waiting.answer.done():
                waiting.answer.set_result(what_is_wrong(message.data, sequence))


def what_is_wrong(answer: bytes, sequence: int) -> str:
    """Return what is wrong with the answer to message *sequence*, or nothing."""
    if not answer:
        return "no stream takes it, or it has no leader"
    try:
        ack = _ack.decode(answer)
    except msgspec.MsgspecError:
        return "the answer is not an acknowledgement"
    if ack.error is not None:
        return f"refused: {ack.error.description}"
    if ack.duplicate:
        return f"a duplicate of message {ack.seq}"
    return "" if ack.seq == sequence else f"stored at {ack.seq}, not {sequence}"


async def _send(
    client: Client, batch: Sequence[Outgoing], before: int, reply: str
) -> None:
    """Send *batch* after sequence *before*; the last message asks for an answer.

    The client writes a message in 7 us and one of our own making in 1, and half of what
    a relay does is that. It has no public way to hand over many at once, so that this
    uses one that is not; where it is gone, it sends one after the other.
    """
    frames: list[bytes] = []
    for sequence, message in enumerate(batch[:-1], before):
        headers = _HEADERS % (sequence, message.position, message.id.encode())
        if message.erases:
            headers = headers[:-2] + _ROLLUP_LINE
        size, total = len(headers), len(headers) + len(message.body)
        if total > client.max_payload:
            raise errors.MaxPayloadError
        frames.append(b"HPUB %b %d %d\r\n" % (message.subject.encode(), size, total))
        frames += (headers, message.body, b"\r\n")
    write = getattr(client, "_send_command", None)
    if write is not None and frames:
        await write(b"".join(frames))
    begin = 0 if write is None else len(batch) - 1
    for sequence, message in enumerate(batch[begin:], before + begin):
        is_last = sequence == before + len(batch) - 1
        await client.publish(
            message.subject,
            message.body,
            reply if is_last else "",
            {
                "Nats-Expected-Last-Sequence": str(sequence),
                POSITION: str(message.position),
                "Nats-Msg-Id": message.id,
                **(_ROLLUP if message.erases else {}),
            },
        )


_HEADERS = b"NATS/1.0\r\n%b: %%d\r\n%b: %%d\r\n%b: %%b\r\n\r\n" % (
    b"Nats-Expected-Last-Sequence",
    POSITION.encode(),
    b"Nats-Msg-Id",
)
_ROLLUP = {"Nats-Rollup": "sub"}
_ROLLUP_LINE = b"Nats-Rollup: sub\r\n\r\n"
