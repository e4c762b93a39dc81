"""The socket, message by message, as the public contract says it."""

import asyncio
import contextlib
import json
from typing import get_args
from uuid import uuid4

import pytest
from msgspec import Struct
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from contracts.browser import AnyClientMessage
from tests.support.stack import Message, Person, Stack, is_state, person

IDLE: Message = {
    "currentState": "idle",
    "currentPhase": None,
    "totalPhases": 0,
    "generatedFiles": [],
    "previewUrl": None,
    "version": 1,
}


AS_OWNER: dict[str, tuple[Message, str]] = {
    "get_state": ({}, "state_update"),
    "get_preview_url": ({}, "preview_url"),
    "start_generation": ({"prompt": "a clock"}, "state_update"),
    "stop_generation": ({}, "error"),  # there is nothing to stop
    "user_message": ({"content": "do it"}, "state_update"),
}
"""What the owner says in a message of each type, and the type of the answer. The
messages of the contract are asked for by their types, so a new one is missing here."""


def tag(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag)


@pytest.fixture
async def project(ada: Person) -> str:
    return await ada.create_project("a pomodoro timer")


async def test_without_a_session_the_socket_closes_unauthorized(stack: Stack) -> None:
    async with connect(f"ws://localhost:{stack.port}/ws/{uuid4()}") as connection:
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    assert (connection.close_code, connection.close_reason) == (4001, "Unauthorized")


async def test_a_forged_session_closes_unauthorized(stack: Stack) -> None:
    cookie = {"Cookie": "better-auth.session_token=forged"}
    url = f"ws://localhost:{stack.port}/ws/{uuid4()}"
    async with connect(url, additional_headers=cookie) as connection:
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    assert connection.close_code == 4001


@pytest.mark.parametrize(
    "name", ["9071fce1-1fb1-4e9d-9cd5-52487e0a3c9e", "none", "..%2f..", "a" * 300]
)
async def test_no_such_project_is_denied(ada: Person, name: str) -> None:
    async with ada.socket(name) as socket:
        denied = await socket.hear("error")
        with pytest.raises(ConnectionClosed):
            await socket.hear("anything")
    assert denied["data"]["code"] == "project_access_denied"
    assert socket.connection.close_code == 4003
    assert socket.connection.close_reason == "Forbidden"


def test_each_message_is_in_the_table() -> None:
    assert set(AS_OWNER) == {tag(kind) for kind in get_args(AnyClientMessage)}


@pytest.mark.parametrize("kind", get_args(AnyClientMessage), ids=tag)
async def test_each_message_of_the_owner_is_answered(
    project: str, ada: Person, kind: type[Struct]
) -> None:
    data, expected = AS_OWNER[tag(kind)]
    async with ada.socket(project) as socket:
        await socket.say(tag(kind), **data)
        answer = await socket.hear(
            lambda said: said["type"] == expected and "seq" not in said
        )
    assert answer["data"].get("code") in (None, "generation_not_in_progress")


@pytest.mark.parametrize("kind", get_args(AnyClientMessage), ids=tag)
@pytest.mark.parametrize("stranger", ["another", "nobody"])
async def test_no_message_of_a_stranger_does_anything(
    stack: Stack, project: str, ada: Person, kind: type[Struct], stranger: str
) -> None:
    said = json.dumps({"type": tag(kind), "data": AS_OWNER[tag(kind)][0]})
    async with person(stack) as eve:
        url = f"ws://localhost:{stack.port}/ws/{project}"
        cookies = "; ".join(f"{one}={value}" for one, value in eve.http.cookies.items())
        headers = {"Cookie": cookies} if stranger == "another" else {}
        async with connect(url, additional_headers=headers) as connection:
            with contextlib.suppress(ConnectionClosed):
                await connection.send(said)
            await connection.wait_closed()
    assert connection.close_code == {"another": 4003, "nobody": 4001}[stranger]
    events = await ada.get(f"/api/projects/{project}/events")
    assert [one["type"] for one in events] == ["project_created"]


async def test_somebody_elses_project_is_denied(stack: Stack, project: str) -> None:
    async with person(stack) as eve, eve.socket(project, after=0) as socket:
        denied = await socket.hear("error")
        with pytest.raises(ConnectionClosed):
            await socket.hear("anything")
    assert denied["data"]["code"] == "project_access_denied"
    assert socket.types() == ["error"]
    assert socket.connection.close_code == 4003


async def test_pictures_may_come_with_a_message(ada: Person, project: str) -> None:
    picture = {"mediaType": "image/png", "data": "aGk="}
    async with ada.socket(project) as socket:
        await socket.say("user_message", content="a timer", images=[picture] * 11)
        refused = await socket.hear("error")
    assert refused["data"]["code"] == "invalid_message_data"
    assert "data.images" in refused["data"]["message"]


async def test_a_page_of_another_origin_is_denied(ada: Person, project: str) -> None:
    cookie = "; ".join(f"{k}={v}" for k, v in ada.http.cookies.items())
    async with connect(
        f"ws://localhost:{ada.stack.port}/ws/{project}",
        additional_headers={"Cookie": cookie},
        origin="http://evil.example",  # type: ignore[arg-type]
    ) as connection:
        await connection.recv()
        with pytest.raises(ConnectionClosed):
            await connection.recv()
    assert connection.close_code == 4003


async def test_the_first_message_says_that_it_is_connected(
    ada: Person, project: str
) -> None:
    async with ada.socket(project) as socket:
        first = await socket.hear("agent_connected")
    assert socket.heard == [{"type": "agent_connected", "data": {"projectId": project}}]
    assert first["data"] == {"projectId": project}


async def test_get_state_is_answered_with_the_state(ada: Person, project: str) -> None:
    async with ada.socket(project) as socket:
        await socket.say("get_state")
        answer = await socket.hear("state_update")
    assert answer == {"type": "state_update", "data": IDLE}


async def test_get_preview_url_is_answered(ada: Person, project: str) -> None:
    async with ada.socket(project) as socket:
        await socket.say("get_preview_url")
        answer = await socket.hear("preview_url")
    assert answer == {"type": "preview_url", "data": {"previewUrl": None}}


async def test_start_is_answered_and_refused_while_a_run_is_going(
    ada: Person, project: str
) -> None:
    async with ada.socket(project) as socket:
        await socket.say("start_generation")
        started = await socket.hear("state_update")
        await socket.say("start_generation")
        refused = await socket.hear("error")
        await socket.say("stop_generation")
        await socket.hear(is_state("idle"))
    assert started["data"]["currentState"] == "designing"
    assert refused["data"]["code"] == "generation_in_progress"


async def test_stop_is_answered_with_idle(ada: Person, project: str) -> None:
    async with ada.socket(project) as socket:
        await socket.say("start_generation")
        await socket.hear("phase_start")
        await socket.say("stop_generation")
        answer = await socket.hear(
            lambda m: (
                m["type"] == "state_update"
                and "seq" not in m
                and m["data"]["currentState"] == "idle"
            )
        )
    assert answer["data"]["previewUrl"] is None


async def test_stop_without_a_run_is_refused(ada: Person, project: str) -> None:
    async with ada.socket(project) as socket:
        await socket.say("stop_generation")
        refused = await socket.hear("error")
    assert refused["data"]["code"] == "generation_not_in_progress"


async def test_a_message_joins_the_conversation_and_starts_a_run(
    ada: Person, project: str
) -> None:
    async with ada.socket(project) as socket:
        await socket.say("user_message", content="  a red timer  ")
        posted = await socket.hear("message_posted")
        await socket.hear(is_state("designing"))
        await socket.say("stop_generation")
        await socket.hear(is_state("idle"))
    assert posted["data"]["content"] == "a red timer"


@pytest.mark.parametrize(
    ("frame", "code", "message"),
    [
        (
            "{",
            "invalid_message",
            "WebSocket message must be valid JSON and follow the { type, data } shape",
        ),
        (
            "[]",
            "invalid_message",
            "WebSocket message must be an object with a string type field",
        ),
        ('{"type":1}', "invalid_message", 'WebSocket message "type" must be a string'),
        ('{"type":"dance"}', "unknown_message_type", 'Unknown message type "dance"'),
        (
            '{"type":"get_state","data":[]}',
            "invalid_message_data",
            'WebSocket message "data" must be an object',
        ),
        (
            '{"type":"user_message","data":{"content":"  "}}',
            "invalid_message_data",
            '"user_message" requires data.content as a non-empty string',
        ),
    ],
)
async def test_a_mistake_is_named_and_the_socket_stays_open(
    ada: Person, project: str, frame: str, code: str, message: str
) -> None:
    async with ada.socket(project) as socket:
        await socket.connection.send(frame)
        told = await socket.hear("error")
        await socket.say("get_state")
        await socket.hear("state_update")
    assert told == {"type": "error", "data": {"code": code, "message": message}}


async def test_binary_frames_are_messages_too(ada: Person, project: str) -> None:
    async with ada.socket(project) as socket:
        await socket.connection.send(b'{"type":"get_state"}')
        await socket.hear("state_update")


async def test_too_many_messages_are_refused_and_the_socket_stays_open(
    ada: Person, project: str
) -> None:
    async with ada.socket(project) as socket:
        for _ in range(200):
            await socket.say("get_preview_url")
        refused = await socket.hear("error")
        await asyncio.sleep(1)  # what the answer asks for
        await socket.say("get_state")
        await socket.hear("state_update")
    assert refused["data"]["code"] == "rate_limited"


async def test_a_frame_that_is_far_too_large_closes_only_its_socket(
    ada: Person, project: str
) -> None:
    connection = await ada.connect(project)
    with contextlib.suppress(ConnectionClosed):
        await connection.send("x" * 8_000_000)
    await connection.wait_closed()
    assert connection.close_code == 1009
    async with ada.socket(project) as socket:
        await socket.hear("agent_connected")


async def test_a_client_that_comes_back_ends_with_the_same(
    ada: Person, project: str
) -> None:
    async with ada.socket(project, after=0) as stayed:
        await stayed.say("start_generation")
        await stayed.hear("file_chunk")
        halves: list[Message] = []
        async with ada.socket(project, after=0) as first:
            await first.hear("file_chunk")
            halves += first.recorded()
        async with ada.socket(project, after=halves[-1]["seq"]) as second:
            await second.hear_end()
            halves += second.recorded()
        await stayed.hear_end()
    assert halves == stayed.recorded()


async def test_every_recorded_event_comes_again_from_the_beginning(
    ada: Person, project: str
) -> None:
    async with ada.socket(project) as socket:
        await socket.build()
    last = socket.recorded()[-1]["seq"]
    async with ada.socket(project, after=0) as again:
        await again.hear(lambda m: m.get("seq") == last)
    assert [m["seq"] for m in again.recorded()] == [*range(1, last + 1)]
    assert again.recorded()[1:] == socket.recorded()


async def test_what_cannot_be_done_now_is_an_internal_error(stack: Stack) -> None:
    async with person(stack) as somebody:
        project = await somebody.create_project("a timer")
        async with somebody.socket(project) as socket:
            await socket.hear("agent_connected")
            with stack.frozen("agent"):
                await socket.say("get_state")
                told = await socket.hear("error")
            await socket.say("get_state")
            await socket.hear("state_update")
    assert told["data"]["code"] == "internal_error"
