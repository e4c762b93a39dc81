"""Commands on the bus when answers get lost, and reading what was written."""

from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from api.adapters.bus.agent import BusAgent
from api.adapters.projects.store import PostgresProjectStore
from api.adapters.projects.views import PostgresProjectViews
from api.application.catch_up import CatchUp
from api.application.projects import commands as projects_module
from api.application.projects.commands import Projects
from contracts import codec, subjects
from contracts.project import Actor, CreateProject, RunState
from contracts.requests import (
    Accepted,
    CommandAnswer,
    CommandRequest,
    ProjectView,
    Refused,
)
from eventcore.adapters.nats import NatsBus
from eventcore.errors import Rejected, Unavailable
from eventcore.ports import Headers
from tests.integration.api.log import OWNER, Log

CREATE = CreateProject("Todo", "a list")

_requests = msgspec.json.Decoder(CommandRequest)


class Agent:
    """Answers commands on the real bus, and loses some of the answers."""

    def __init__(self, answer: CommandAnswer, losing: int) -> None:
        self.answer = answer
        self.losing = losing
        self.requests: list[CommandRequest] = []
        self.subjects: list[str] = []

    async def handle(self, subject: str, body: bytes, _: Headers) -> bytes:
        """Do what is asked for; say so, unless the answer is to be lost."""
        self.requests.append(_requests.decode(body))
        self.subjects.append(subject)
        if len(self.requests) <= self.losing:
            raise Unavailable("the answer is lost")
        return codec.encode(self.answer)


def accepted(project_id: UUID, version: int = 1) -> Accepted:
    view = ProjectView(
        id=project_id,
        owner_id=OWNER,
        name="Todo",
        description="a list",
        state=RunState.IDLE,
        current_phase=None,
        total_phases=0,
        generated_files=[],
        preview_url=None,
        sandbox_id=None,
        version=version,
    )
    return Accepted(version, view)


@pytest.fixture
def log() -> Log:
    return Log()


def waiting(pool: asyncpg.Pool, bus: NatsBus, wait_s: float) -> Projects:
    store, agent = PostgresProjectStore(pool), BusAgent(bus)
    views = PostgresProjectViews(pool)
    return Projects(agent, views, CatchUp(store, agent), wait_s=wait_s)


@pytest.fixture
async def projects(pool: asyncpg.Pool, bus: NatsBus, log: Log) -> Projects:
    await log.answer(bus)
    return waiting(pool, bus, 8)


async def serving(bus: NatsBus, answer: CommandAnswer, *, losing: int = 0) -> Agent:
    agent = Agent(answer, losing)
    await bus.serve(subjects.COMMANDS, subjects.AGENT_QUEUE, agent.handle)
    return agent


async def test_a_command_is_asked_for_again_under_its_id_alone(
    projects: Projects, bus: NatsBus, log: Log
) -> None:
    project_id, command_id = log.new_project(), uuid4()
    agent = await serving(bus, accepted(project_id), losing=2)
    answer = await projects.execute(OWNER, project_id, command_id, CREATE)
    assert answer == accepted(project_id)
    request = CommandRequest(command_id, project_id, Actor("user", str(OWNER)), CREATE)
    assert agent.requests == [request] * 3
    assert set(agent.subjects) == {f"cmd.{project_id}.create_project"}


async def test_an_agent_that_never_answers_is_given_up(
    projects: Projects, bus: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects_module, "_DECISION_S", 0.3)
    agent = await serving(bus, accepted(uuid4()), losing=1000)
    with pytest.raises(Unavailable):
        await projects.execute(OWNER, uuid4(), uuid4(), CREATE)
    assert len(agent.requests) > 1


async def test_a_refusal_is_not_asked_for_again(
    projects: Projects, bus: NatsBus
) -> None:
    refusal = Refused("project_access_denied", "This project is not yours.")
    agent = await serving(bus, refusal)
    with pytest.raises(Rejected) as refused:
        await projects.execute(OWNER, uuid4(), uuid4(), CREATE)
    assert refused.value.code == "project_access_denied"
    assert len(agent.requests) == 1


async def test_what_nobody_projects_is_folded_by_the_one_who_waits(
    projects: Projects, bus: NatsBus, pool: asyncpg.Pool, log: Log
) -> None:
    project_id = log.new_project()
    await serving(bus, accepted(project_id))
    await projects.execute(OWNER, project_id, uuid4(), CREATE)
    project = await PostgresProjectViews(pool).project(OWNER, project_id)
    assert project is not None
    assert len(log.asked) > 0


async def test_what_cannot_be_read_in_time_is_unavailable(
    pool: asyncpg.Pool, bus: NatsBus, log: Log, owner: asyncpg.Connection
) -> None:
    await log.answer(bus)
    projects, project_id = waiting(pool, bus, 1), log.new_project()
    await serving(bus, accepted(project_id))
    async with owner.transaction():
        await owner.execute("LOCK TABLE views.project")
        with pytest.raises(Unavailable):
            await projects.execute(OWNER, project_id, uuid4(), CREATE)


@pytest.mark.parametrize("answer", [b"", b"null", b'{"type": "strange"}', b"\xff"])
async def test_an_answer_that_is_none_is_unavailable(
    projects: Projects, bus: NatsBus, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    async def handle(_: str, __: bytes, ___: Headers) -> bytes:
        return answer

    monkeypatch.setattr(projects_module, "_DECISION_S", 0.3)
    await bus.serve(subjects.COMMANDS, subjects.AGENT_QUEUE, handle)
    with pytest.raises(Unavailable):
        await projects.execute(OWNER, uuid4(), uuid4(), CREATE)
