"""Commands and questions over a real bus, answered by a real log."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from agent.entrypoints.bus import MALFORMED, MISPLACED
from contracts import codec, subjects
from contracts.project import (
    Actor,
    CreateProject,
    DeleteProject,
    GrantAccess,
    ProjectCommand,
    RunState,
    SaveFile,
    StartRun,
    StopRun,
    UpdateProject,
)
from contracts.requests import (
    Accepted,
    CommandAnswer,
    Files,
    GetFiles,
    GetHistory,
    GetManifest,
    GetProject,
    History,
    Manifest,
    ProjectQuery,
    QueryAnswer,
    QueryRequest,
    Refused,
)
from eventcore.adapters.nats import NatsBus, open_bus
from standalone.servers.nats_users import authorization
from tests.integration.agent.world import SANDBOX, WAIT_S, Client, World, world
from tests.support.model_server import FakeApp
from tests.support.polling import until
from tests.support.servers import NatsServer, server_folder

ANSWERS = codec.decoder(CommandAnswer | QueryAnswer)
QUERIES: list[ProjectQuery] = [
    GetProject(),
    GetHistory(),
    GetManifest(),
    GetFiles(["a.txt"]),
]
NONSENSE = [
    b"",
    b"\xff",
    b"null",
    b"{}",
    b"[" * 100_000,
    b'{"more": ' + b"[" * 100_000,
    b'{"id": "1"}',
    b'{"query": {"type": "project"}}',
]
FLOOD = 800
"""Fewer than the bus lets wait, so that none is dropped."""


@pytest.fixture
async def client(surroundings: World) -> AsyncIterator[Client]:
    """Somebody with a project, and an agent that answers."""
    async with surroundings.agent():
        somebody = surroundings.client()
        await somebody.create()
        yield somebody


def stranger(client: Client) -> Client:
    """Return somebody else who knows the project's id."""
    return Client(client.bus, client.project_id)


def service(client: Client) -> Client:
    """Return a service that asks about the project."""
    return Client(client.bus, client.project_id, SANDBOX)


def refused(answer: object) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


# --- commands -----------------------------------------------------------------------


async def test_a_command_is_answered_with_the_project_after_it(client: Client) -> None:
    answer = await client.send(UpdateProject(name="Planner"))
    assert isinstance(answer, Accepted)
    assert (answer.version, answer.project.version) == (2, 2)
    assert (answer.project.name, answer.project.state) == ("Planner", RunState.IDLE)


async def test_a_command_id_has_one_effect(client: Client) -> None:
    command_id = uuid4()
    first = await client.send(SaveFile(uuid4(), "a.txt", "1"), command_id)
    second = await client.send(SaveFile(uuid4(), "b.txt", "2"), command_id)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.version == second.version == 2
    assert (await client.view()).generated_files == ["a.txt"]


async def test_a_retry_is_told_of_the_project_as_it_is_now(client: Client) -> None:
    command_id, command = uuid4(), UpdateProject(name="Planner")
    await client.send(command, command_id)
    await client.do(UpdateProject(name="Calendar"))
    again = await client.send(command, command_id)
    assert isinstance(again, Accepted)
    assert (again.version, again.project.version) == (2, 3)
    assert again.project.name == "Calendar"


async def test_a_refusal_stays_one(client: Client) -> None:
    command_id = uuid4()
    first = await client.send(StopRun(), command_id)
    await client.do(StartRun(uuid4()))
    assert refused(first) == "generation_not_in_progress"
    assert await client.send(StopRun(), command_id) == first


async def test_one_command_id_from_two_sides_at_once(client: Client) -> None:
    command_id, command = uuid4(), SaveFile(uuid4(), "a.txt", "1")
    sent = [client.send(command, command_id) for _ in range(8)]
    versions = {
        answer.version
        for answer in await asyncio.gather(*sent)
        if isinstance(answer, Accepted)
    }
    assert versions == {2}


async def test_commands_at_once_are_all_recorded(client: Client) -> None:
    names = [f"{number}.txt" for number in range(10)]
    await asyncio.gather(*(client.do(SaveFile(uuid4(), it, it)) for it in names))
    assert (await client.view()).generated_files == names


@pytest.mark.parametrize(
    "command", [UpdateProject(name="Mine"), StartRun(uuid4()), DeleteProject()]
)
async def test_somebody_elses_project_is_refused(
    client: Client, command: ProjectCommand
) -> None:
    answer = await stranger(client).send(command)
    assert refused(answer) == "project_access_denied"
    assert (await client.view()).version == 1


async def test_a_project_that_is_not_there_is_not_found(client: Client) -> None:
    nowhere = Client(client.bus, actor=client.actor)
    assert refused(await nowhere.send(StopRun())) == "project_not_found"


@pytest.mark.parametrize("kind", ["cmd", "query"])
async def test_what_cannot_be_read_is_refused_and_the_service_lives_on(
    client: Client, kind: str
) -> None:
    subject = f"{kind}.{client.project_id}.stop_run"
    for body in NONSENSE:
        answer = await client.bus.request(subject, body, timeout_s=5, traceparent=None)
        assert ANSWERS.decode(answer) == MALFORMED
    assert (await client.view()).version == 1


@pytest.mark.parametrize(
    ("subject", "sender"), [("cmd", "inside"), ("svc.integration.query", "outside")]
)
async def test_what_is_refused_is_counted(
    client: Client, surroundings: World, subject: str, sender: str
) -> None:
    def counted() -> float:
        labels = {"sender": sender, "code": "invalid_message_data"}
        name = "agent_requests_refused_total"
        return REGISTRY.get_sample_value(name, labels) or 0.0

    before = counted()
    subject = f"{subject}.{client.project_id}.project"
    async with open_bus(surroundings.nats_url, user="integration") as bus:
        for body in NONSENSE:
            await bus.request(subject, body, timeout_s=5, traceparent=None)
    assert counted() == before + len(NONSENSE)


async def asked(bus: NatsBus, actor: Actor, project_id: UUID) -> str:
    """Return the code of a refusal, or that there was none."""
    request = QueryRequest(project_id, actor, GetHistory())
    subject = subjects.service_query(actor.id, project_id, "history")
    body = codec.encode(request)
    answer = await bus.request(subject, body, timeout_s=WAIT_S, traceparent=None)
    told = ANSWERS.decode(answer)
    return told.code if isinstance(told, Refused) else "told"


async def test_however_much_one_service_sends_nothing_of_another_is_lost(
    client: Client, surroundings: World
) -> None:
    polite = Actor("service", "polite")
    await client.do(GrantAccess(polite.id, "read"))
    async with open_bus(surroundings.nats_url, user=polite.id) as bus:
        asking = []
        for _ in range(10):  # all of it over one connection, so that it comes like that
            for _ in range(500):
                await bus.client.publish("svc.flooder.query.x.history", b"{}")
            asking.append(asyncio.ensure_future(asked(bus, polite, client.project_id)))
            await asyncio.sleep(0)
        assert set(await asyncio.gather(*asking)) == {"told"}


async def test_a_service_that_floods_delays_no_other_one(
    client: Client, surroundings: World
) -> None:
    flooder, polite = Actor("service", "flooder"), Actor("service", "polite")
    for one in (flooder, polite):
        await client.do(GrantAccess(one.id, "read"))
    labels = {"sender": "outside", "code": "rate_limited"}
    name = "agent_requests_refused_total"
    before = REGISTRY.get_sample_value(name, labels) or 0.0

    async def ask(bus: NatsBus, actor: Actor) -> str:
        return await asked(bus, actor, client.project_id)

    async with (
        open_bus(surroundings.nats_url, user=flooder.id) as theirs,
        open_bus(surroundings.nats_url, user=polite.id) as own,
    ):
        flood = asyncio.gather(*(ask(theirs, flooder) for _ in range(FLOOD)))
        assert {await ask(own, polite) for _ in range(20)} == {"told"}
        answers = Counter(await flood)
    assert answers["told"] + answers["rate_limited"] == FLOOD
    assert answers["rate_limited"]
    counted = REGISTRY.get_sample_value(name, labels) or 0.0
    assert counted == before + answers["rate_limited"]


@pytest.mark.parametrize("subject", ["cmd.{other}.stop_run", "cmd.{id}.delete_project"])
async def test_a_body_that_its_subject_does_not_fit_is_refused(
    client: Client, subject: str
) -> None:
    command = {"type": "stop_run"}
    actor = {"kind": client.actor.kind, "id": client.actor.id}
    request = {"id": uuid4(), "project_id": client.project_id, "actor": actor}
    body = codec.encode(request | {"command": command})
    subject = subject.format(other=uuid4(), id=client.project_id)
    answer = await client.bus.request(subject, body, timeout_s=5, traceparent=None)
    assert ANSWERS.decode(answer) == MISPLACED


async def test_deleting_a_project_ends_everything(client: Client) -> None:
    await client.do(StartRun(uuid4()))
    await client.do(DeleteProject())
    assert refused(await client.ask(GetProject())) == "project_not_found"
    assert refused(await client.send(StopRun())) == "project_not_found"
    manifest = await service(client).ask(GetManifest())
    assert isinstance(manifest, Manifest)
    assert manifest.deleted


# --- questions ----------------------------------------------------------------------


async def test_only_the_owner_may_ask(client: Client) -> None:
    for query in QUERIES:
        answer = await stranger(client).ask(query)
        assert refused(answer) == "project_access_denied"


async def test_services_may_ask(client: Client) -> None:
    for query in QUERIES:
        assert not isinstance(await service(client).ask(query), Refused)


@pytest.mark.parametrize("actor", [SANDBOX, Actor("user", "nobody")])
async def test_nobody_learns_of_a_project_that_is_not_there(
    client: Client, actor: Actor
) -> None:
    for query in QUERIES:
        nowhere = Client(client.bus, actor=actor)
        assert refused(await nowhere.ask(query)) == "project_not_found"


async def test_history_comes_in_pages(client: Client) -> None:
    for number in range(5):
        await client.do(SaveFile(uuid4(), f"{number}.txt", ""))
    page = await client.ask(GetHistory(after=2, limit=3))
    assert isinstance(page, History)
    assert [event.seq for event in page.events] == [3, 4, 5]
    assert page.version == 6


async def test_a_page_of_large_events_is_shorter(client: Client) -> None:
    for number in range(6):
        await client.do(SaveFile(uuid4(), f"{number}.txt", "x" * 1_000_000))
    page = await client.ask(GetHistory())
    assert isinstance(page, History)
    assert 1 < len(page.events) < page.version
    assert len(await client.history()) == page.version == 7


async def test_the_largest_file_passes_whole(client: Client) -> None:
    content = "\x01" * 1_048_576  # six bytes of JSON each
    await client.do(SaveFile(uuid4(), "odd.txt", content))
    answer = await service(client).ask(GetFiles(["odd.txt"]))
    assert isinstance(answer, Files)
    assert answer.files[0].content == content
    assert len(await client.history()) == 2


async def test_events_are_recorded_with_their_cause(client: Client) -> None:
    command_id = uuid4()
    await client.send(SaveFile(uuid4(), "a.txt", ""), command_id)
    _, saved = await client.history()
    assert saved.meta is not None
    assert (saved.meta.actor, saved.meta.causation_id) == (client.actor, command_id)


async def test_recorded_events_reach_followers_in_order(client: Client) -> None:
    heard: list[int] = []
    await client.bus.listen(
        subjects.events_of(client.project_id),
        lambda _, body, __: heard.extend(
            event.seq for event in codec.decode_batch(body)
        ),
    )
    for number in range(20):
        await client.do(SaveFile(uuid4(), f"{number}.txt", ""))
    await until(lambda: 21 in heard, "all are heard")
    assert heard == list(range(heard[0], 22))


# --- under the permissions of a real installation -----------------------------------


@pytest.fixture
def guarded_nats() -> Iterator[NatsServer]:
    """A nats-server on which every service may do only what it needs."""
    passwords = {user: user for user in subjects.PERMISSIONS}
    users = authorization(passwords, system_password="system")  # noqa: S106 - a test's
    with server_folder() as folder, NatsServer(folder, authorization=users) as server:
        yield server


async def test_a_run_needs_no_more_than_the_agents_permissions(
    guarded_nats: NatsServer, postgres: str, app: FakeApp
) -> None:
    def url(user: str) -> str:
        return guarded_nats.nats.url(user, user)

    async with (
        world(url("agent"), postgres, app, sandbox_nats_url=url("sandbox")) as servers,
        open_bus(url("gateway"), user="gateway") as gateway,
        servers.agent(),
    ):
        client = Client(gateway)
        await client.do(CreateProject("Board", "A kanban board"))
        async with client.watching() as seen:
            await client.do(StartRun(uuid4()))
            view = await client.until(lambda now: now.state is RunState.COMPLETE)
        assert view.preview_url
        assert seen
