"""The stream equals the log, whatever happens to relays and to the server."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from nats.aio.client import Client

from contracts import codec, subjects
from contracts.envelope import Recorded
from contracts.project import FileWritten
from eventcore.adapters import relay as relay_module
from eventcore.adapters.connection import connect
from eventcore.adapters.database import connect as connect_database
from eventcore.adapters.jetstream import StreamEnd, StreamSettings, read_end
from eventcore.adapters.messages import MAX_EVENTS
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.adapters.postgres import PostgresStore, open_store
from eventcore.adapters.relay import Relay
from eventcore.errors import Unavailable
from standalone.servers import nats_users
from tests.contract.event_stores import CONTEXT, append, posted
from tests.integration.eventcore import sql
from tests.integration.eventcore.relay_process import relay_process
from tests.integration.eventcore.streams import (
    assert_equals_log,
    is_empty,
    last_position,
    read_stream,
    until_relayed,
)
from tests.support.polling import until
from tests.support.servers import NatsServer, as_role, server_folder


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore]:
    async with open_store(postgres) as it:
        yield it


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Relay]:
    task = asyncio.ensure_future(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def hear_events(bus: NatsBus) -> list[Recorded]:
    """Return a list that grows by what is published."""
    heard: list[Recorded] = []
    await bus.listen(
        "evt.>", lambda _, body, __: heard.extend(codec.decode_batch(body))
    )
    return heard


async def write(store: PostgresStore, streams: list[UUID], rounds: int) -> None:
    """Append one to three events at a time to all streams at once."""

    async def write_one(stream: UUID, size: int) -> None:
        version = (await store.replay(stream, limit=100_000)).version
        for _ in range(rounds):
            events = [posted(f"{stream}") for _ in range(size)]
            version = await store.append(
                stream, events, expected=version, context=CONTEXT
            )

    await asyncio.gather(
        *(write_one(stream, 1 + n % 3) for n, stream in enumerate(streams))
    )


async def test_every_event_is_published_once_in_the_order_of_the_log(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    async with running(Relay(postgres, nats_url)):
        await write(store, [uuid4() for _ in range(20)], rounds=20)
        stored = await assert_equals_log(postgres, nats_url)
    assert {message.subject for message in stored} == {
        subjects.event(0, event.project_id)
        for message in stored
        for event in message.events
    }
    assert stored[0].events[0].meta == CONTEXT


async def test_what_was_committed_before_the_relay_began_is_published(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    await write(store, [uuid4() for _ in range(5)], rounds=150)
    async with running(Relay(postgres, nats_url)):
        await assert_equals_log(postgres, nats_url)


async def test_the_streams_end_is_compared_also_while_there_is_always_more(
    postgres: str, nats_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: set[int] = set()

    async def noted(client: Client, shard: int) -> StreamEnd:
        end = await read_end(client, shard)
        ends.add(end.last_sequence)
        return end

    monkeypatch.setattr(relay_module, "COMPARE_S", 0)
    monkeypatch.setattr(relay_module, "read_end", noted)
    await write(store, [uuid4() for _ in range(5)], rounds=150)
    async with running(Relay(postgres, nats_url)):
        stored = await assert_equals_log(postgres, nats_url)
    assert ends - {0, len(stored)}


async def test_neighbours_of_one_project_share_a_message(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    one, other = uuid4(), uuid4()
    await append(store, one, *[posted("x")] * (MAX_EVENTS + 10), expected=0)
    await append(store, other, posted("x"), expected=0)
    await append(store, one, posted("x"), expected=MAX_EVENTS + 10)
    async with running(Relay(postgres, nats_url)):
        stored = await assert_equals_log(postgres, nats_url)
    assert [len(message.events) for message in stored] == [MAX_EVENTS, 10, 1, 1]


async def test_a_poke_makes_an_event_travel_at_once(
    postgres: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_S", 60)
    async with (
        open_bus(nats_url) as bus,
        open_store(
            postgres, committed=lambda shard: bus.publish(subjects.poke(shard), b"")
        ) as store,
        running(Relay(postgres, nats_url)) as relay,
    ):

        async def is_leading() -> bool:
            return relay.status.is_leader

        await until(is_leading, "the relay leads")
        heard = await hear_events(bus)
        stream = uuid4()
        for version in range(20):
            await append(store, stream, posted("x"), expected=version)

        async def is_heard() -> bool:
            return len(heard) == 20

        await until(is_heard, "all events")


async def test_a_lost_poke_only_delays(
    postgres: str, nats_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL_S", 0.05)
    async with running(Relay(postgres, nats_url)):
        await write(store, [uuid4()], rounds=3)
        await assert_equals_log(postgres, nats_url)


async def test_two_relays_without_a_lock_publish_everything_once(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    streams = [uuid4() for _ in range(10)]
    await write(store, streams, rounds=100)
    with (
        relay_process(postgres, nats_url, "--without-lock") as killed,
        relay_process(postgres, nats_url, "--without-lock"),
    ):
        await write(store, streams, rounds=50)
        killed.kill()
        await write(store, streams, rounds=20)
        await assert_equals_log(postgres, nats_url)


async def test_a_relay_that_stood_still_changes_nothing_when_it_wakes_up(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    streams = [uuid4() for _ in range(10)]
    with relay_process(postgres, nats_url) as frozen:
        await write(store, streams, rounds=20)
        await until_relayed(postgres, nats_url)
        frozen.send_signal(signal.SIGSTOP)
        with relay_process(postgres, nats_url) as other:
            # Longer than the lock of one that stands still and the duplicate window.
            await write(store, streams, rounds=50)
            await until_relayed(postgres, nats_url)
            frozen.send_signal(signal.SIGCONT)
            await write(store, streams, rounds=50)
            other.kill()
            await write(store, streams, rounds=20)
            await assert_equals_log(postgres, nats_url)


async def test_a_killed_server_comes_back_to_a_whole_stream(
    postgres: str, nats_server: NatsServer, store: PostgresStore
) -> None:
    streams = [uuid4() for _ in range(10)]
    async with running(Relay(postgres, nats_server.url)):
        for _ in range(3):
            writing = asyncio.ensure_future(write(store, streams, rounds=30))
            await asyncio.sleep(0)
            nats_server.kill()
            await writing
            nats_server.start()
        await assert_equals_log(postgres, nats_server.url)


async def test_a_wiped_server_gets_the_whole_log_again(
    postgres: str, nats_server: NatsServer, store: PostgresStore
) -> None:
    streams = [uuid4() for _ in range(10)]
    async with running(Relay(postgres, nats_server.url)):
        await write(store, streams, rounds=20)
        await until_relayed(postgres, nats_server.url)
        nats_server.kill()
        assert nats_server.program.cwd is not None
        shutil.rmtree(nats_server.program.cwd / "jetstream")
        nats_server.start()
        await write(store, streams, rounds=20)
        await assert_equals_log(postgres, nats_server.url)


async def test_nothing_is_published_after_a_reconnect_before_the_end_was_read(
    postgres: str,
    nats_server: NatsServer,
    store: PostgresStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_read = asyncio.Event()
    may_read.set()
    asked: list[bool] = []

    async def held_up(client: Client, shard: int) -> StreamEnd:
        asked.append(True)
        await may_read.wait()
        return await read_end(client, shard)

    monkeypatch.setattr(relay_module, "read_end", held_up)
    async with running(Relay(postgres, nats_server.url)):
        await write(store, [uuid4()], rounds=5)
        await until_relayed(postgres, nats_server.url)
        before = await last_position(nats_server.url)
        may_read.clear()
        asked.clear()
        writing = asyncio.ensure_future(write(store, [uuid4()], rounds=200))
        nats_server.kill()
        await writing
        nats_server.start()

        async def is_asking() -> bool:
            return bool(asked)

        await until(is_asking, "the relay asks for the stream's end")
        assert await last_position(nats_server.url) == before
        may_read.set()
        await assert_equals_log(postgres, nats_server.url)


async def test_a_stream_whose_messages_expired_goes_on_at_the_checkpoint(
    postgres: str, nats_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "COMPARE_S", 0)
    settings = StreamSettings(max_age_s=0.5, duplicate_window_s=0.5)
    async with running(Relay(postgres, nats_url, settings=settings)) as relay:
        await write(store, [uuid4()], rounds=5)

        async def is_kept() -> bool:
            rows = await sql.fetch(
                postgres, "SELECT position FROM log.relay_checkpoint"
            )
            return [row["position"] for row in rows] == [5]

        await until(is_kept, "the checkpoint is written")

    async def has_expired() -> bool:
        return await is_empty(nats_url)

    await until(has_expired, "all messages expire")
    monkeypatch.setattr(relay_module, "COMPARE_S", 10)
    async with open_bus(nats_url) as bus:
        heard = await hear_events(bus)
        async with running(Relay(postgres, nats_url, settings=settings)) as relay:
            await write(store, [uuid4()], rounds=1)

            async def is_relayed() -> bool:
                return relay.status.position == 6

            await until(is_relayed, "the new event is relayed")
            await bus.check()
    assert [event.seq for event in heard] == [1]


async def test_a_stream_of_another_database_is_left_alone(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    async with running(Relay(postgres, nats_url)):
        await write(store, [uuid4()], rounds=3)
        await until_relayed(postgres, nats_url)
    await sql.alter(postgres, "UPDATE log.identity SET id = gen_random_uuid()")
    await write(store, [uuid4()], rounds=3)
    connection = await connect_database(postgres)
    with pytest.raises(Unavailable, match="another database"):
        await Relay(postgres, nats_url).relay(connection)
    await connection.close()
    assert await last_position(nats_url) == 3


async def test_a_stream_is_brought_to_the_settings_that_are_asked_for(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    await write(store, [uuid4()], rounds=1)
    for max_bytes in (1 << 20, 2 << 20):
        settings = StreamSettings(max_bytes=max_bytes)
        async with running(Relay(postgres, nats_url, settings=settings)):
            await until_relayed(postgres, nats_url)

            async def is_so(wanted: int = max_bytes) -> bool:
                client = await connect(nats_url)
                info = await client.jetstream().stream_info(subjects.stream(0))
                await client.close()
                return info.config.max_bytes == wanted

            await until(is_so, "the stream has the settings")
    client = await connect(nats_url)
    config = (await client.jetstream().stream_info(subjects.stream(0))).config
    await client.close()
    assert (config.deny_delete, config.allow_rollup_hdrs) == (True, True)
    assert config.allow_direct
    assert config.max_msg_size == client.max_payload


def peak_memory_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (peak,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak.split()[1]) << 10


async def test_files_of_control_characters_pass_in_little_memory(
    postgres: str, nats_url: str, store: PostgresStore
) -> None:
    stream, count = uuid4(), 24
    content = "\x01" * (1 << 20)
    for version in range(count):
        event = FileWritten(uuid4(), f"{version}.txt", content, "user")
        await append(store, stream, event, expected=version)
    with relay_process(postgres, nats_url) as process:
        await until_relayed(postgres, nats_url)
        peak = peak_memory_bytes(process.pid)
    # All of them are 150 MB; a batch ends by the event that crosses 4 MB.
    assert peak < 140 << 20
    stored = await read_stream(nats_url)
    assert [message.events[0].seq for message in stored] == list(range(1, count + 1))


async def test_the_agents_permissions_are_enough(
    postgres: str, store: PostgresStore
) -> None:
    passwords = dict.fromkeys(subjects.PERMISSIONS, "secret")
    users = nats_users.authorization(passwords, system_password="other")  # noqa: S106
    with server_folder() as folder, NatsServer(folder, authorization=users) as server:
        url = server.nats.url("agent", "secret")
        async with running(Relay(as_role(postgres, "agent"), url, user="agent")) as it:
            await write(store, [uuid4()], rounds=5)

            async def is_relayed() -> bool:
                return it.status.position == 5

            await until(is_relayed, "the events are relayed")
