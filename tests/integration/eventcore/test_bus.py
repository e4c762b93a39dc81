"""Requests and fleeting messages: one suite for the bus in memory and on NATS."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from nats.aio.msg import Msg

from contracts import codec, subjects
from contracts.requests import SessionRefused, VerifySession
from eventcore.adapters import connection, nats
from eventcore.adapters.memory import MemoryBus
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.ask import ask
from eventcore.errors import Unavailable
from eventcore.ports import Bus, Headers
from standalone.servers import nats_users
from tests.support.polling import until
from tests.support.servers import NatsServer, server_folder

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(params=["memory", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        yield MemoryBus()
        return
    async with open_bus(request.getfixturevalue("nats_url"), user="agent") as it:
        yield it


@pytest.fixture
async def nats_bus(nats_url: str) -> AsyncIterator[NatsBus]:
    async with open_bus(nats_url) as it:
        yield it


async def request(bus: Bus, subject: str, body: bytes = b"", **more: float) -> bytes:
    timeout_s = more.get("timeout_s", 10.0)
    return await bus.request(subject, body, timeout_s=timeout_s, traceparent=TRACE)


async def test_a_request_is_answered_with_its_subject_body_and_trace(bus: Bus) -> None:
    async def handle(subject: str, body: bytes, headers: Headers) -> bytes:
        return f"{subject} {body.decode()} {headers['traceparent']}".encode()

    await bus.serve("cmd.*.*", "agent", handle)
    assert await request(bus, "cmd.a.b", b"hi") == f"cmd.a.b hi {TRACE}".encode()


async def test_an_answer_may_be_empty(bus: Bus) -> None:
    async def handle(_: str, __: bytes, ___: Headers) -> bytes:
        return b""

    await bus.serve("cmd.*", "agent", handle)
    assert await request(bus, "cmd.a") == b""


async def test_a_request_that_nobody_hears_is_unavailable(bus: Bus) -> None:
    with pytest.raises(Unavailable, match="nobody"):
        await request(bus, "cmd.a")


async def test_a_request_that_nobody_answers_in_time_is_unavailable(bus: Bus) -> None:
    is_over = asyncio.Event()

    async def handle(_: str, __: bytes, ___: Headers) -> bytes:
        await is_over.wait()
        return b""

    serving = await bus.serve("cmd.*", "agent", handle)
    with pytest.raises(Unavailable, match="in time"):
        await request(bus, "cmd.a", timeout_s=0.05)
    is_over.set()
    await serving.close()


async def test_a_handler_without_its_dependency_says_so(bus: Bus) -> None:
    async def handle(_: str, __: bytes, ___: Headers) -> bytes:
        raise Unavailable("the database is away")

    await bus.serve("cmd.*", "agent", handle)
    with pytest.raises(Unavailable, match="the database is away"):
        await request(bus, "cmd.a")


async def test_after_closing_nobody_answers(bus: Bus) -> None:
    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        return body

    serving = await bus.serve("cmd.*", "agent", handle)
    await request(bus, "cmd.a")
    await serving.close()
    with pytest.raises(Unavailable):
        await request(bus, "cmd.a")


async def test_messages_are_heard_in_their_order(bus: Bus) -> None:
    heard: list[tuple[str, bytes]] = []
    await bus.listen(
        "progress.>", lambda subject, body, _: heard.append((subject, body))
    )
    wanted = [(f"progress.p.{n % 3}", b"%d" % n) for n in range(200)]
    for subject, body in wanted:
        bus.publish(subject, body)

    async def is_complete() -> bool:
        return len(heard) >= len(wanted)

    await until(is_complete, "all is heard")
    assert heard == wanted


async def test_a_listener_that_left_hears_nothing(bus: Bus) -> None:
    heard: list[bytes] = []
    listening = await bus.listen("progress.*", lambda _, body, __: heard.append(body))
    await listening.close()
    bus.publish("progress.a", b"x")
    with pytest.raises(Unavailable):
        await request(bus, "a.round.trip")
    assert heard == []


async def test_a_typed_question_gets_a_typed_answer(bus: Bus) -> None:
    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        assert codec.decoder(VerifySession).decode(body) == VerifySession("t")
        return codec.encode(SessionRefused())

    await bus.serve(subjects.AUTH_VERIFY, subjects.API_QUEUE, handle)
    answer = await ask(
        *(bus, subjects.AUTH_VERIFY, VerifySession("t")),
        codec.decoder(SessionRefused),
        timeout_s=10,
        traceparent=None,
    )
    assert answer == SessionRefused()


async def test_an_answer_that_is_not_understood_is_none(bus: Bus) -> None:
    async def handle(_: str, __: bytes, ___: Headers) -> bytes:
        return b'{"type":"something else"}'

    await bus.serve("cmd.*", "agent", handle)
    with pytest.raises(Unavailable, match="not understood"):
        await ask(
            *(bus, "cmd.a", VerifySession("t"), codec.decoder(SessionRefused)),
            timeout_s=10,
            traceparent=None,
        )


# --- on NATS alone --------------------------------------------------------------------


async def test_a_bug_in_a_handler_is_told_at_once_and_harms_no_other_request(
    nats_bus: NatsBus,
) -> None:
    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        return b"%d" % (1 // int(body))

    await nats_bus.serve("cmd.*", "agent", handle)
    with pytest.raises(Unavailable, match="could not be handled"):
        await request(nats_bus, "cmd.a", b"0")
    assert await request(nats_bus, "cmd.a", b"1") == b"1"


async def test_a_bounded_number_of_requests_is_handled_at_a_time(
    nats_bus: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats, "MAX_CONCURRENT", 3)
    at_work: list[int] = [0]
    most: list[int] = [0]

    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        await asyncio.sleep(0.01)
        at_work[0] -= 1
        return body

    await nats_bus.serve("cmd.*", "agent", handle)
    await asyncio.gather(*(request(nats_bus, "cmd.a") for _ in range(20)))
    assert most == [3]


async def test_requests_are_shared_within_a_queue(nats_url: str) -> None:
    answered: dict[str, int] = {"one": 0, "other": 0}

    async def serve(bus: NatsBus, name: str) -> None:
        async def handle(_: str, __: bytes, ___: Headers) -> bytes:
            answered[name] += 1
            return b""

        await bus.serve("cmd.*", "agent", handle)

    async with open_bus(nats_url) as one, open_bus(nats_url) as other:
        await serve(one, "one")
        await serve(other, "other")
        await asyncio.gather(*(request(one, "cmd.a") for _ in range(50)))
    assert sum(answered.values()) == 50
    assert min(answered.values()) > 0


async def test_an_answer_that_no_message_can_carry_is_told(nats_bus: NatsBus) -> None:
    async def handle(_: str, __: bytes, ___: Headers) -> bytes:
        return b"x" * (nats_bus.client.max_payload + 1)

    await nats_bus.serve("cmd.*", "agent", handle)
    with pytest.raises(Unavailable, match="too large"):
        await request(nats_bus, "cmd.a")


async def test_a_request_that_no_message_can_carry_is_a_mistake(
    nats_bus: NatsBus,
) -> None:
    with pytest.raises(ValueError, match="too large"):
        await request(nats_bus, "cmd.a", b"x" * (nats_bus.client.max_payload + 1))
    await nats_bus.check()


async def test_closing_finishes_the_requests_under_way(nats_url: str) -> None:
    begun = asyncio.Event()

    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        begun.set()
        await asyncio.sleep(0.05)
        return body

    async with open_bus(nats_url) as asker:
        async with open_bus(nats_url) as server:
            await server.serve("cmd.*", "agent", handle)
            asking = asyncio.ensure_future(request(asker, "cmd.a", b"done"))
            await begun.wait()
        assert await asking == b"done"


async def test_a_bus_serves_and_listens_again_after_the_server_came_back(
    nats_server: NatsServer,
) -> None:
    async def handle(_: str, body: bytes, __: Headers) -> bytes:
        return body

    heard: list[bytes] = []
    reconnects: list[bool] = []
    async with open_bus(nats_server.url) as bus:
        bus.on_reconnect(lambda: reconnects.append(True))
        await bus.serve("cmd.*", "agent", handle)
        await bus.listen("progress.*", lambda _, body, __: heard.append(body))
        nats_server.kill()
        with pytest.raises(Unavailable):
            await request(bus, "cmd.a", timeout_s=0.2)
        bus.publish("progress.a", b"lost")
        nats_server.start()

        async def is_back() -> bool:
            return bool(reconnects)

        await until(is_back, "the bus reconnects")
        assert await request(bus, "cmd.a", b"again") == b"again"
        bus.publish("progress.a", b"heard")

        async def is_heard() -> bool:
            return heard == [b"heard"]

        await until(is_heard, "what was sent after the reconnect, and only that")


async def test_without_a_server_there_is_no_bus(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.3)
    nats_server.kill()
    with pytest.raises(Unavailable, match="no NATS server"):
        async with open_bus(nats_server.url):
            pass


async def test_each_user_has_what_the_permissions_say_and_no_more() -> None:
    passwords = dict.fromkeys(subjects.PERMISSIONS, "secret")
    users = nats_users.authorization(passwords, system_password="other")  # noqa: S106
    with server_folder() as folder, NatsServer(folder, authorization=users) as server:
        project_id = uuid4()
        async with (
            open_bus(server.nats.url("agent", "secret"), user="agent") as agent,
            open_bus(server.nats.url("gateway", "secret"), user="gateway") as gateway,
        ):

            async def handle(_: str, body: bytes, __: Headers) -> bytes:
                return body

            heard: list[bytes] = []
            await agent.serve(subjects.COMMANDS, subjects.AGENT_QUEUE, handle)
            await gateway.listen("evt.*.*", lambda _, body, __: heard.append(body))
            subject = subjects.command(project_id, "stop_run")
            assert await request(gateway, subject, b"hi") == b"hi"
            gateway.publish(subjects.event(0, project_id), b"forged")
            agent.publish(subjects.event(0, project_id), b"real")

            async def is_heard() -> bool:
                return bool(heard)

            await until(is_heard, "the agent's event")
            await gateway.check()
            assert heard == [b"real"]


async def test_a_request_cancelled_in_the_moment_of_its_answer_ends(
    nats_url: str,
) -> None:
    client = await connection.connect(nats_url)
    try:
        await client.subscribe("silent")
        asking = asyncio.ensure_future(client.request("silent", timeout=30))

        async def asked() -> bool:
            return bool(client._resp_map)  # noqa: SLF001 - that moment is seen only there

        await until(asked, "the request waits")
        (answer,) = client._resp_map.values()  # noqa: SLF001
        answer.add_done_callback(lambda _: asking.cancel())
        answer.set_result(Msg(client))
        with pytest.raises(asyncio.CancelledError):
            await asking
    finally:
        await client.close()


async def test_who_stops_waiting_for_a_pong_ends_no_connection(
    nats_bus: NatsBus,
) -> None:
    async def echo(_: str, body: bytes, __: Headers) -> bytes:
        return body

    await nats_bus.serve("echo", "all", echo)
    gone: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    gone.cancel()
    await nats_bus.client._send_ping(gone)  # noqa: SLF001 - as a cancelled flush leaves it
    await nats_bus.client.flush()
    assert await request(nats_bus, "echo", b"hi") == b"hi"


async def test_who_listens_misses_nothing_from_then_on(nats_url: str) -> None:
    heard: list[str] = []
    async with open_bus(nats_url) as hears, open_bus(nats_url) as speaks:
        for number in range(200):
            subject = f"room.{number}"
            await hears.listen(subject, lambda where, _, __: heard.append(where))
            speaks.publish(subject, b"")

        async def all_heard() -> bool:
            return len(heard) == 200

        await until(all_heard, "each message is heard")
