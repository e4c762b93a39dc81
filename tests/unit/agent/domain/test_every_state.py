"""Every state against every command: given a history, when a command, then these."""

import pytest

from agent.domain.project import PROJECT
from contracts.codec import event_type
from contracts.project import (
    CreateProject,
    DeleteFile,
    DeleteProject,
    GrantAccess,
    PostMessage,
    ProjectCommand,
    ProjectSettings,
    RevokeAccess,
    SaveFile,
    StartRun,
    StopRun,
    UpdateProject,
    UpdateSettings,
)
from eventcore.errors import Rejected
from tests.support.given import given
from tests.unit.agent.examples import (
    FILE_ID,
    MESSAGE_ID,
    NEXT_RUN_ID,
    RESTING,
    RUNNING,
    History,
    by_owner,
    saved,
)

CALLING = {"design called", "implement called"}
STATES: dict[str, History] = {
    **{name: [*told, saved("mine.txt", "1")] for name, told in RUNNING.items()},
    **{name: [*told, saved("mine.txt", "1")] for name, told in RESTING.items()},
}
OF_ONE: dict[str, tuple[ProjectCommand, list[str]]] = {
    "update": (UpdateProject(name="Other"), ["project.updated"]),
    "settings": (UpdateSettings(ProjectSettings()), ["settings.changed"]),
    "grant": (GrantAccess("ci", "read"), ["access.granted"]),
    "revoke": (RevokeAccess("ci"), []),
    "save": (SaveFile(FILE_ID, "a.txt", "a"), ["file.written"]),
    "save again": (SaveFile(FILE_ID, "mine.txt", "2"), ["file.written"]),
    "save any": (SaveFile(FILE_ID, "mine.txt", "2", if_match="*"), ["file.written"]),
    "delete": (DeleteFile("mine.txt"), ["file.deleted"]),
    "delete any": (DeleteFile("mine.txt", if_match="*"), ["file.deleted"]),
}
"""What happens alike in all states."""
REFUSED: dict[str, tuple[ProjectCommand, str]] = {
    "create": (CreateProject("B", ""), "invalid_message_data"),
    "bad path": (SaveFile(FILE_ID, "../a", ""), "invalid_message_data"),
    "no base64": (
        SaveFile(FILE_ID, "a.png", "?", encoding="base64"),
        "invalid_message_data",
    ),
    "not there": (DeleteFile("other.txt"), "invalid_message_data"),
    "bad lock": (
        UpdateSettings(ProjectSettings(locked_paths=["../a"])),
        "invalid_message_data",
    ),
    "other version": (
        SaveFile(FILE_ID, "mine.txt", "2", if_match="0" * 64),
        "conflict",
    ),
    "is there": (SaveFile(FILE_ID, "mine.txt", "2", if_match=""), "conflict"),
    "is not there": (SaveFile(FILE_ID, "other.txt", "2", if_match="*"), "conflict"),
    "values for the log": (
        UpdateSettings(ProjectSettings(variables={"API_KEY": "hush"})),
        "invalid_message_data",
    ),
    "delete what changed": (DeleteFile("mine.txt", if_match="0" * 64), "conflict"),
    "settle what changed": (
        UpdateSettings(ProjectSettings(), expected=ProjectSettings(max_run_tokens=1)),
        "conflict",
    ),
    "blank": (PostMessage(MESSAGE_ID, NEXT_RUN_ID, " "), "invalid_message_data"),
    "ours": (GrantAccess("agent", "read"), "invalid_message_data"),
}
"""What is refused alike in all states."""

every_state = pytest.mark.parametrize("state", STATES)


def types(state: str, command: ProjectCommand) -> list[str]:
    """Return what is recorded on the owner's command."""
    events = given(PROJECT, *STATES[state]).when(by_owner(command))
    return [event_type(event) for event in events]


def code(state: str, command: ProjectCommand) -> str:
    """Return the code with which the owner's command is refused."""
    with pytest.raises(Rejected) as error:
        given(PROJECT, *STATES[state]).when(by_owner(command))
    return error.value.code


@every_state
@pytest.mark.parametrize("name", OF_ONE)
def test_what_does_not_depend_on_the_run_happens_in_every_state(
    state: str, name: str
) -> None:
    command, expected = OF_ONE[name]
    assert types(state, command) == expected


@every_state
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_in_every_state(state: str, name: str) -> None:
    command, expected = REFUSED[name]
    assert code(state, command) == expected


@pytest.mark.parametrize("state", RUNNING)
def test_what_depends_on_the_run_while_one_is_under_way(state: str) -> None:
    ended = ["model_call.ended"] if state in CALLING else []
    stop = [*ended, "run.stopped", "state.changed"]
    say = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "more")
    assert code(state, StartRun(NEXT_RUN_ID)) == "generation_in_progress"
    assert types(state, StopRun()) == stop
    assert types(state, say) == ["message.posted"]
    assert types(state, DeleteProject()) == [*stop, "project.deleted"]


@pytest.mark.parametrize("state", RESTING)
def test_what_depends_on_the_run_while_none_is_under_way(state: str) -> None:
    say = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "more")
    begun = ["run.started", "state.changed"]
    assert types(state, StartRun(NEXT_RUN_ID)) == begun
    assert code(state, StopRun()) == "generation_not_in_progress"
    assert types(state, say) == ["message.posted", *begun]
    assert types(state, DeleteProject()) == ["project.deleted"]
