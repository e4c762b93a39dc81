"""Looking into the stream of a shard as an outsider would, and waiting for it."""

import base64
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from msgspec import Struct, field
from nats.aio.client import Client

from contracts import codec, subjects
from contracts.envelope import Recorded
from eventcore.adapters.connection import connect
from tests.integration.eventcore import sql
from tests.support.polling import until


@dataclass(frozen=True)
class Stored:
    """A message of the stream."""

    subject: str
    position: int
    events: list[Recorded]


async def read_stream(servers: str, shard: int = 0) -> list[Stored]:
    """Return all messages of the shard's stream, or none where there is no stream."""
    client = await connect(servers)
    try:
        state = await state_of(client, shard)
        stored = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            with suppress(msgspec.ValidationError):  # what was erased leaves a hole
                stored.append(await read_message(client, shard, sequence))
        return stored
    finally:
        await client.close()


class State(Struct):
    """How JetStream says where a stream begins and ends."""

    messages: int = 0
    first_seq: int = 1
    last_seq: int = 0


class _Info(Struct):
    state: State = field(default_factory=State)


class _Message(Struct):
    subject: str
    hdrs: str
    data: str


class _Found(Struct):
    message: _Message


async def state_of(client: Client, shard: int) -> State:
    answer = await client.request(
        f"$JS.API.STREAM.INFO.{subjects.stream(shard)}", timeout=10
    )
    return msgspec.json.decode(answer.data, type=_Info).state


async def read_message(client: Client, shard: int, sequence: int) -> Stored:
    subject = f"$JS.API.STREAM.MSG.GET.{subjects.stream(shard)}"
    answer = await client.request(subject, b'{"seq":%d}' % sequence, timeout=10)
    message = msgspec.json.decode(answer.data, type=_Found).message
    headers = base64.b64decode(message.hdrs).decode().split("\r\n")
    (position,) = [line for line in headers if line.startswith("Position: ")]
    events = codec.decode_batch(base64.b64decode(message.data))
    return Stored(message.subject, int(position.split()[1]), events)


async def is_empty(servers: str, shard: int = 0) -> bool:
    """Tell whether the stream has no message, any more or yet."""
    client = await connect(servers)
    try:
        return not (await state_of(client, shard)).messages
    finally:
        await client.close()


async def last_position(servers: str, shard: int = 0) -> int:
    """Return the position of the stream's last message, 0 where there is none."""
    client = await connect(servers)
    try:
        state = await state_of(client, shard)
        if not state.messages:
            return 0
        return (await read_message(client, shard, state.last_seq)).position
    finally:
        await client.close()


async def until_relayed(dsn: str, servers: str, shard: int = 0) -> None:
    """Wait until the stream ends where the log does."""
    query = "SELECT coalesce(max(position), 0) FROM log.event WHERE shard = $1"

    async def is_relayed() -> bool:
        ((end,),) = await sql.fetch(dsn, query, shard)
        return bool(await last_position(servers, shard) == end)

    await until(is_relayed, "the stream ends where the log does")


async def assert_equals_log(dsn: str, servers: str, shard: int = 0) -> list[Stored]:
    """Check that the stream is the log: all of it, once, in its order."""
    await until_relayed(dsn, servers, shard)
    stored = await read_stream(servers, shard)
    positions = [message.position for message in stored]
    assert positions == sorted(set(positions)), "each position is greater than the last"
    rows = await sql.fetch(
        dsn,
        "SELECT project_id, seq, id, type, data, at FROM log.event WHERE shard = $1"
        " ORDER BY position",
        shard,
    )
    relayed = [event for message in stored for event in message.events]
    assert [
        (one.project_id, one.seq, one.id, one.type, bytes(one.data), one.at)
        for one in relayed
    ] == [tuple(row) for row in rows]
    return stored
