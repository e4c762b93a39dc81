"""A service of somebody else's, on NATS alone: what it may do, and what it may not.

All of it runs as `make run` starts it, with the real permissions of the real server.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, get_args
from uuid import UUID, uuid4

import msgspec
import nats
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError

from contracts.project import Command, ProjectCommand
from contracts.requests import ProjectQuery, Query
from tests.support.servers import settle
from tests.support.stack import RUN_TIMEOUT_S, Person, Stack

NAME = "integration"
TIMEOUT_S = 60.0
OWN = {"delete_project", "grant_access", "revoke_access", "update_settings"}
"""What only the owner of a project does."""

Answer = dict[str, Any]


class Service:
    """A service with credentials of its own."""

    def __init__(self, client: Client, refusals: list[str]) -> None:
        self.client = client
        self.refusals = refusals
        """What the server has said that it may not."""
        self.events: dict[int, Answer] = {}
        self.text = ""

    async def ask(self, kind: str, project: str, message: Answer) -> Answer:
        """Return the answer to a command (``cmd``) or a question (``query``)."""
        actor = {"kind": "service", "id": NAME}
        what = "command" if kind == "cmd" else kind
        body = {"project_id": project, "actor": actor, what: message}
        if kind == "cmd":
            body["id"] = str(uuid4())
        subject = f"svc.{NAME}.{kind}.{project}.{message['type']}"
        content = json.dumps(body).encode()
        answer = await self.client.request(subject, content, timeout=TIMEOUT_S)
        told: Answer = json.loads(answer.data)
        return told

    async def follow(self, project: str) -> None:
        """Keep the events of a project and the text of its files."""

        async def hear(message: Msg) -> None:
            self.events |= {one["seq"]: one for one in json.loads(message.data)}

        async def see(message: Msg) -> None:
            self.text += json.loads(message.data).get("text", "")

        await self.client.subscribe(f"svc.{NAME}.evt.{project}", cb=hear)
        await self.client.subscribe(f"svc.{NAME}.progress.{project}.text", cb=see)
        await settle(self.client)

    async def heard(self, type_: str, *, timeout_s: float = TIMEOUT_S) -> Answer:
        """Return an event of this type, once it was heard."""
        async with asyncio.timeout(timeout_s):
            while True:
                for event in self.events.values():
                    if event["type"] == type_:
                        return event
                await asyncio.sleep(0.02)

    async def refused(self, word: str) -> bool:
        """Tell whether the server has refused something with *word* in it."""
        await settle(self.client)
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                if any(word in one for one in self.refusals):
                    return True
                await asyncio.sleep(0.02)


@pytest.fixture
async def service(stack: Stack) -> AsyncIterator[Service]:
    """The user that `make run` makes, by the address that it leaves."""
    url = (stack.data_dir / "integration.url").read_text().strip()
    refusals: list[str] = []

    async def on_error(error: Exception) -> None:
        refusals.append(str(error).lower())

    client = await nats.connect(
        url, inbox_prefix=f"_INBOX_{NAME}", error_cb=on_error, allow_reconnect=False
    )
    try:
        yield Service(client, refusals)
    finally:
        await client.close()


async def grant(ada: Person, project: str, access: str) -> None:
    answer = await ada.http.put(
        f"/api/projects/{project}/grants/{NAME}", json={"access": access}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["service"], answer.json()["access"]) == (NAME, access)


def example(type_: type[Command | Query]) -> Answer:
    """Return a message of a type, with something in each field that it must have."""
    values = {
        "name": "Mine now",
        "path": "a.txt",
        "content": "x",
        "paths": ["a.txt"],
        "service": NAME,
        "access": "write",
        "settings": {},
        "description": "",
    }
    fields = msgspec.structs.fields(type_)
    required = [field.name for field in fields if field.required]
    told = {
        name: str(uuid4()) if name.endswith("_id") else values[name]
        for name in required
    }
    return {"type": type_.__struct_config__.tag, **told}


FIELDS = st.sampled_from(
    ["id", "project_id", "actor", "command", "query", "type", "kind", "x"]
)
COMMANDS = get_args(ProjectCommand)
QUERIES = get_args(ProjectQuery)


async def test_a_whole_run_over_nats_alone(ada: Person, service: Service) -> None:
    project = await ada.create_project("a pomodoro timer")
    await grant(ada, project, "write")
    await service.follow(project)
    start = {"type": "start_run", "run_id": str(uuid4()), "prompt": "a pomodoro timer"}
    accepted = await service.ask("cmd", project, start)
    assert accepted["type"] == "accepted", accepted
    completed = await service.heard("run.completed", timeout_s=RUN_TIMEOUT_S)
    view = (await service.ask("query", project, {"type": "project"}))["project"]
    assert view["generated_files"] == completed["data"]["files"]
    history = await service.ask("query", project, {"type": "history"})
    assert [one["seq"] for one in history["events"]][:3] == [1, 2, 3]
    started = min(service.events)
    assert [*service.events] == [*range(started, started + len(service.events))]
    by_service = {"kind": "service", "id": NAME}
    assert service.events[started]["meta"]["actor"] == by_service
    assert "<" in service.text
    assert service.refusals == []


@pytest.mark.parametrize(
    "subject",
    [
        "cmd.{0}.start_run",
        "query.{0}.project",
        "svc.other.cmd.{0}.start_run",
        "evt.0.{0}",
        "svc.integration.evt.{0}",
        "progress.{0}.text",
        "sandbox.{0}.start",
        "auth.verify",
        "$JS.API.STREAM.INFO.EVT_0",
        "_INBOX_api.x",
    ],
)
async def test_it_cannot_send_elsewhere(service: Service, subject: str) -> None:
    forbidden = subject.format(UUID(int=1))
    await service.client.publish(forbidden, b"{}")
    assert await service.refused(forbidden.lower())


@pytest.mark.parametrize(
    "subject",
    [
        *(">", "evt.>", "evt.*.*", "progress.*.*", "svc.>", "svc.other.evt.*"),
        *("cmd.*.*", "_INBOX_api.>", "$SYS.>", "auth.ended.*"),
    ],
)
async def test_it_cannot_listen_elsewhere(service: Service, subject: str) -> None:
    await service.client.subscribe(subject)
    assert await service.refused("permissions violation")


async def test_without_a_grant_there_is_nothing(ada: Person, service: Service) -> None:
    project = await ada.create_project("nobody's business")
    for kind, types in (("cmd", COMMANDS), ("query", QUERIES)):
        for type_ in types:
            theirs = await service.ask(kind, project, example(type_))
            nobodys = await service.ask(kind, str(uuid4()), example(type_))
            assert theirs["code"] == "project_access_denied", type_
            assert theirs == nobodys


async def test_a_grant_to_read_gives_no_commands(ada: Person, service: Service) -> None:
    project = await ada.create_project("to be read")
    await grant(ada, project, "read")
    for type_ in COMMANDS:
        answer = await service.ask("cmd", project, example(type_))
        assert answer["code"] == "project_access_denied", type_
    for type_ in QUERIES:
        answer = await service.ask("query", project, example(type_))
        assert answer["type"] != "refused", type_


async def test_a_grant_to_write_does_not_own(ada: Person, service: Service) -> None:
    project = await ada.create_project("to be written")
    await grant(ada, project, "write")
    for type_ in COMMANDS:
        message = example(type_)
        if message["type"] in OWN:
            answer = await service.ask("cmd", project, message)
            assert answer["code"] == "project_access_denied", type_
    saved = {"type": "save_file", "file_id": str(uuid4()), "path": "a", "content": "b"}
    assert (await service.ask("cmd", project, saved))["type"] == "accepted"


async def test_it_cannot_speak_for_the_owner(ada: Person, service: Service) -> None:
    project = await ada.create_project("mine")
    await grant(ada, project, "write")
    owner = (await ada.get(f"/api/projects/{project}"))["userId"]
    body = {
        "id": str(uuid4()),
        "project_id": project,
        "actor": {"kind": "user", "id": owner},
        "command": {"type": "delete_project"},
    }
    subject = f"svc.{NAME}.cmd.{project}.delete_project"
    answer = await service.client.request(subject, json.dumps(body).encode(), timeout=9)
    assert json.loads(answer.data)["code"] == "invalid_message_data"
    assert (await ada.get(f"/api/projects/{project}"))["id"] == project


async def test_a_grant_that_ends_is_the_last_that_is_heard(
    ada: Person, service: Service
) -> None:
    project = await ada.create_project("for a while")
    await grant(ada, project, "write")
    await service.follow(project)
    await ada.http.patch(f"/api/projects/{project}", json={"name": "First"})
    await service.heard("project.updated")
    await ada.http.delete(f"/api/projects/{project}/grants/{NAME}")
    last = await service.heard("access.revoked")
    await ada.http.patch(f"/api/projects/{project}", json={"name": "Second"})
    denied = await service.ask("query", project, {"type": "project"})
    assert denied["code"] == "project_access_denied"
    assert max(service.events) == last["seq"]


NONSENSE = [
    *(
        b"",
        b"{}",
        b"\xff",
        b"null",
        b"[" * 10_000,
        b'{"id":1}',
        b'{"more":' + b"[" * 9999,
    ),
    b'{"command":{"type":"update_settings","settings":{"more":' + b'{"a":' * 9999,
]


@pytest.mark.parametrize("kind", ["cmd", "query"])
async def test_what_is_no_request_is_answered_and_counted(
    stack: Stack, service: Service, kind: str
) -> None:
    before = refused_outside(stack)
    for body in NONSENSE:
        answer = await asked(service, kind, body)
        assert answer["code"] == "invalid_message_data", body[:40]
    assert refused_outside(stack) == before + len(NONSENSE)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner),
    max_leaves=8,
)
_BODY = (
    st.binary(max_size=200)
    | st.dictionaries(FIELDS, _JSON, max_size=6).map(
        lambda one: json.dumps(one).encode()
    )
    | st.integers(1, 5000).map(lambda depth: b'{"more":' + b"[" * depth)
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies=st.lists(_BODY, min_size=40, max_size=40))
async def test_a_thousand_hostile_bodies_are_refused_and_break_nothing(
    stack: Stack, service: Service, bodies: list[bytes]
) -> None:
    before = refused_outside(stack)
    answers = await asyncio.gather(*(asked(service, "cmd", body) for body in bodies))
    assert {answer["code"] for answer in answers} == {"invalid_message_data"}
    assert refused_outside(stack) == before + len(bodies)


async def asked(service: Service, kind: str, body: bytes) -> Answer:
    """Return the answer to any bytes, on a subject that the service may use."""
    subject = f"svc.{NAME}.{kind}.{UUID(int=1)}.start_run"
    answer = await service.client.request(subject, body, timeout=TIMEOUT_S)
    told: Answer = json.loads(answer.data)
    return told


def refused_outside(stack: Stack) -> float:
    """Return how many requests of services outside the agent has refused as unfit."""
    labels = [("code", "invalid_message_data"), ("sender", "outside")]
    return stack.metrics("agent").get(f"agent_requests_refused_total{labels}", 0.0)


async def test_a_verb_that_nobody_knows_is_answered(service: Service) -> None:
    answer = await service.ask("cmd", str(UUID(int=1)), {"type": "rule_the_world"})
    assert answer["code"] == "invalid_message_data"


async def test_others_do_not_get_in_with_its_name(stack: Stack) -> None:
    url = (stack.data_dir / "integration.url").read_text().strip()
    host = url.rpartition("@")[2]
    client = Client()
    with pytest.raises((nats.errors.Error, NatsTimeoutError)):
        await client.connect(f"nats://{NAME}:guess@{host}", allow_reconnect=False)
    await client.close()
