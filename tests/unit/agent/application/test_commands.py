"""Who gets the answer to a command, and what of it is kept."""

from uuid import UUID, uuid4

import pytest

from agent.application.commands import Commands
from agent.domain.project import PROJECT
from contracts import codec
from contracts.project import (
    Actor,
    CreateProject,
    DeleteProject,
    GrantAccess,
    ProjectCommand,
    RevokeAccess,
    SaveFile,
    StopRun,
    UpdateProject,
)
from contracts.requests import Accepted, CommandAnswer, CommandRequest, Refused
from eventcore.adapters.memory import MemoryBus, MemoryStore
from eventcore.execute import Executor
from eventcore.ports import CommandOutcome
from tests.unit.agent.examples import FILE_ID, OTHER, OWNER

OUTSIDE = Actor("service", "outside")
SAVE = SaveFile(FILE_ID, "a.txt", "a")


class Desk:
    """One project, and whoever comes with commands for it."""

    def __init__(self) -> None:
        self.store, self.project_id = MemoryStore(), uuid4()
        projects = Executor(self.store, PROJECT, codec.decode_stored)
        self._commands = Commands(projects, MemoryBus())

    async def send(
        self, actor: Actor, command: ProjectCommand, command_id: UUID | None = None
    ) -> CommandAnswer:
        request = CommandRequest(command_id or uuid4(), self.project_id, actor, command)
        return await self._commands.answer(request, None)

    async def is_recorded(self, command_id: UUID) -> bool:
        return await self.store.answer_of(self.project_id, command_id) is not None


@pytest.fixture
async def desk() -> Desk:
    """A project that a service outside may write to."""
    desk = Desk()
    await desk.send(OWNER, CreateProject("Board", ""))
    assert isinstance(await desk.send(OWNER, GrantAccess("outside", "write")), Accepted)
    return desk


def refused(answer: CommandAnswer) -> str:
    assert isinstance(answer, Refused), answer
    return answer.code


async def test_a_service_whose_grant_was_revoked_gets_no_earlier_answer(
    desk: Desk,
) -> None:
    done, not_done = uuid4(), uuid4()
    assert isinstance(await desk.send(OUTSIDE, SAVE, done), Accepted)
    no = await desk.send(OUTSIDE, StopRun(), not_done)
    assert refused(no) == "generation_not_in_progress"
    await desk.send(OWNER, RevokeAccess("outside"))
    for command_id in (done, not_done):
        again = await desk.send(OUTSIDE, SAVE, command_id)
        assert refused(again) == "project_access_denied"


@pytest.mark.parametrize("access", ["read", "write"])
async def test_a_service_gets_no_answer_to_a_command_of_the_owner(
    desk: Desk, access: str
) -> None:
    command_id = uuid4()
    await desk.send(OWNER, SAVE, command_id)
    await desk.send(OWNER, GrantAccess("outside", access))  # type: ignore[arg-type] # of a literal
    assert refused(await desk.send(OUTSIDE, SAVE, command_id)) == "invalid_message_data"
    assert isinstance(await desk.send(OWNER, SAVE, command_id), Accepted)


@pytest.mark.parametrize("actor", [OWNER, OUTSIDE])
async def test_what_was_stored_without_a_name_is_the_owners(
    desk: Desk, actor: Actor
) -> None:
    outcome = CommandOutcome(uuid4(), b'{"type":"done","version":2}')
    await desk.store.record_rejection(desk.project_id, outcome)
    answer = await desk.send(actor, SAVE, outcome.command_id)
    assert isinstance(answer, Accepted) == (actor == OWNER)


async def test_who_deleted_a_project_is_told_so_again(desk: Desk) -> None:
    command_id = uuid4()
    for _ in range(2):
        answer = await desk.send(OWNER, DeleteProject(), command_id)
        assert isinstance(answer, Accepted)


@pytest.mark.parametrize("actor", [OTHER, Actor("service", "unknown")])
async def test_who_may_not_command_makes_nothing_be_recorded(
    desk: Desk, actor: Actor
) -> None:
    command_id = uuid4()
    answer = await desk.send(actor, UpdateProject(name="Mine"), command_id)
    assert refused(answer) == "project_access_denied"
    assert not await desk.is_recorded(command_id)


@pytest.mark.parametrize(
    ("actor", "command"),
    [
        (OTHER, StopRun()),
        (OUTSIDE, StopRun()),
        (OUTSIDE, CreateProject("Board", "")),
        (Actor("user", "nobody"), CreateProject("Board", "")),
    ],
)
async def test_nothing_is_recorded_of_a_project_that_is_not_there(
    actor: Actor, command: ProjectCommand
) -> None:
    nowhere, command_id = Desk(), uuid4()
    assert isinstance(await nowhere.send(actor, command, command_id), Refused)
    assert not await nowhere.is_recorded(command_id)
