"""What a project answers to every command in every state."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from agent.domain.changes import MAX_FILES, MAX_PROJECT_BYTES
from agent.domain.project import MAX_EVENTS, PROJECT, Order
from agent.domain.run_state import Said
from agent.domain.state import DEFAULT_MAX_PHASES, Project
from contracts.codec import AnyEvent, UnknownEvent
from contracts.project import (
    MAX_FILE_BYTES,
    Actor,
    CreateProject,
    DeleteProject,
    FileWritten,
    MessagePosted,
    ModelCallEnded,
    PackagesRequested,
    PostMessage,
    ProjectCommand,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RunStarted,
    RunState,
    RunStopped,
    SaveFile,
    StartRun,
    StateChanged,
    StopRun,
    UpdateProject,
)
from eventcore.errors import Rejected
from tests.support.given import given
from tests.unit.agent.examples import (
    CREATED,
    DELETED,
    DESIGN_CALLED,
    DESIGNING,
    DONE,
    ERASED,
    FAILED,
    FILE_ID,
    IDLE,
    IMPLEMENTING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    OTHER,
    OTHER_FILE_ID,
    OWNER,
    OWNER_ID,
    RESTING,
    RUN_ID,
    RUNNING,
    SANDBOX,
    URL,
    History,
    by_owner,
    ordered,
    project_after,
    saved,
)

COMMANDS: list[ProjectCommand] = [
    UpdateProject(name="Other"),
    DeleteProject(),
    StartRun(RUN_ID),
    StopRun(),
    PostMessage(MESSAGE_ID, RUN_ID, "make it blue"),
    SaveFile(FILE_ID, "a.txt", "a"),
]
every_command = pytest.mark.parametrize("command", COMMANDS)
every_running = pytest.mark.parametrize("history", RUNNING.values(), ids=RUNNING.keys())
every_resting = pytest.mark.parametrize("history", RESTING.values(), ids=RESTING.keys())


def refused(history: list[AnyEvent], order: Order) -> str:
    """Return the code with which the order is refused."""
    with pytest.raises(Rejected) as error:
        given(PROJECT, *history).when(order)
    return error.value.code


# --- whose project it is ------------------------------------------------------------


def test_whoever_creates_a_project_owns_it() -> None:
    created = given(PROJECT).when(by_owner(CreateProject("Board", "A kanban board")))
    assert created == [ProjectCreated("Board", "A kanban board", OWNER_ID)]


@pytest.mark.parametrize("actor", [SANDBOX, Actor("user", "nobody")])
def test_only_a_person_creates_projects(actor: Actor) -> None:
    order = Order(actor, CreateProject("Board", ""))
    assert refused([], order) == "project_access_denied"


def test_a_project_is_created_once() -> None:
    assert refused(IDLE, by_owner(CreateProject("B", ""))) == "invalid_message_data"


def test_the_id_of_somebody_elses_project_is_not_to_be_had() -> None:
    order = Order(OTHER, CreateProject("B", ""))
    assert refused(IDLE, order) == "project_access_denied"


@every_command
def test_another_person_is_refused(command: ProjectCommand) -> None:
    assert refused(DESIGNING, Order(OTHER, command)) == "project_access_denied"


@every_command
def test_a_service_may_not_command(command: ProjectCommand) -> None:
    assert refused(DESIGNING, Order(SANDBOX, command)) == "project_access_denied"


@every_command
@pytest.mark.parametrize("history", [[], [CREATED, DELETED], [ERASED]])
def test_a_project_that_is_not_there_is_not_found(
    history: History, command: ProjectCommand
) -> None:
    assert refused(history, by_owner(command)) == "project_not_found"
    assert refused(history, Order(OTHER, command)) == "project_not_found"


# --- name and description -----------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "updated"),
    [
        (UpdateProject(name="New"), ProjectUpdated("New", "A kanban board")),
        (UpdateProject(description="New"), ProjectUpdated("Board", "New")),
    ],
)
def test_an_update_keeps_what_it_does_not_name(
    command: UpdateProject, updated: ProjectUpdated
) -> None:
    assert given(PROJECT, *IDLE).when(by_owner(command)) == [updated]


# --- runs ---------------------------------------------------------------------------


@every_resting
def test_a_run_starts_where_none_is_under_way(history: History) -> None:
    events = given(PROJECT, *history).when(by_owner(StartRun(NEXT_RUN_ID, "a clock")))
    project = project_after(history)
    assert events == [
        RunStarted(NEXT_RUN_ID, "a clock"),
        StateChanged(
            state=RunState.DESIGNING,
            current_phase=0,
            total_phases=0,
            generated_files=sorted(project.files),
            preview_url=project.preview_url,
        ),
    ]


def test_a_run_without_a_prompt_builds_the_description() -> None:
    started, _ = given(PROJECT, *IDLE).when(by_owner(StartRun(RUN_ID)))
    assert started == RunStarted(RUN_ID, "A kanban board")


def test_a_run_has_ten_phases_at_most_unless_it_says_otherwise() -> None:
    plain = project_after(ordered(IDLE, StartRun(RUN_ID))).run
    short = project_after(ordered(IDLE, StartRun(RUN_ID, max_phases=2))).run
    assert plain is not None
    assert plain.max_phases == DEFAULT_MAX_PHASES == 10
    assert short is not None
    assert short.max_phases == 2


@every_running
def test_only_one_run_at_a_time(history: History) -> None:
    assert refused(history, by_owner(StartRun(NEXT_RUN_ID))) == "generation_in_progress"


@every_running
def test_a_run_can_be_stopped_in_every_state(history: History) -> None:
    *_, stopped, change = given(PROJECT, *history).when(by_owner(StopRun()))
    assert stopped == RunStopped(RUN_ID)
    assert isinstance(change, StateChanged)
    assert (change.state, change.current_phase) == (RunState.IDLE, None)


def test_a_stop_ends_the_call_that_is_under_way() -> None:
    ended, *_ = given(PROJECT, *DESIGN_CALLED).when(by_owner(StopRun()))
    assert isinstance(ended, ModelCallEnded)
    assert (ended.outcome, ended.attempt) == ("interrupted", 1)


def test_a_stop_keeps_files_and_preview() -> None:
    running = ordered(DONE, StartRun(NEXT_RUN_ID))
    *_, change = given(PROJECT, *running).when(by_owner(StopRun()))
    assert isinstance(change, StateChanged)
    assert change.generated_files == ["index.html", "src/app.ts"]
    assert change.preview_url == URL


@every_resting
def test_there_is_nothing_to_stop_without_a_run(history: History) -> None:
    assert refused(history, by_owner(StopRun())) == "generation_not_in_progress"


def test_a_project_with_too_many_events_starts_no_more_runs() -> None:
    full = replace(project_after(IDLE), version=MAX_EVENTS)
    for command in (StartRun(RUN_ID), PostMessage(MESSAGE_ID, RUN_ID, "more")):
        with pytest.raises(Rejected, match="50,000 events"):
            PROJECT.decide(full, by_owner(command))


@every_running
def test_deleting_a_project_ends_its_run_first(history: History) -> None:
    events = given(PROJECT, *history).when(by_owner(DeleteProject()))
    assert RunStopped(RUN_ID) in events
    assert events[-1] == ProjectDeleted()
    assert project_after([*history, *events]).run is None


@every_resting
def test_deleting_a_project_without_a_run_is_one_event(history: History) -> None:
    assert given(PROJECT, *history).when(by_owner(DeleteProject())) == [DELETED]


# --- messages -----------------------------------------------------------------------


@every_resting
def test_a_message_without_a_run_starts_one(history: History) -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it blue")
    posted, started, change = given(PROJECT, *history).when(by_owner(message))
    assert posted == MessagePosted(MESSAGE_ID, "make it blue")
    assert started == RunStarted(NEXT_RUN_ID, "make it blue")
    assert isinstance(change, StateChanged)
    assert change.state is RunState.DESIGNING


@every_running
def test_a_message_during_a_run_only_joins_the_conversation(history: History) -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it blue")
    events = given(PROJECT, *history).when(by_owner(message))
    assert events == [MessagePosted(MESSAGE_ID, "make it blue")]


def test_a_blank_message_is_refused_as_the_contract_says() -> None:
    with pytest.raises(Rejected, match="as a non-empty string"):
        given(PROJECT, *IDLE).when(by_owner(PostMessage(MESSAGE_ID, RUN_ID, " \n")))


def test_a_message_that_nobody_took_in_is_kept_for_the_next_run() -> None:
    history = ordered(DESIGNING, PostMessage(MESSAGE_ID, RUN_ID, "make it blue"))
    history = ordered(ordered(history, StopRun()), StartRun(NEXT_RUN_ID))
    run = project_after(history).run
    assert run is not None
    assert run.unseen == (Said("make it blue"),)


# --- files --------------------------------------------------------------------------


@pytest.mark.parametrize("history", [*RUNNING.values(), *RESTING.values()])
def test_a_person_saves_a_file_in_every_state(history: History) -> None:
    save = SaveFile(OTHER_FILE_ID, "./notes//a.txt", "hello\n")
    events = given(PROJECT, *history).when(by_owner(save))
    assert events == [saved("notes/a.txt", "hello\n")]


def test_a_file_keeps_its_id_when_it_is_saved_again() -> None:
    history = ordered(IDLE, SaveFile(FILE_ID, "a.txt", "1"))
    events = given(PROJECT, *history).when(
        by_owner(SaveFile(OTHER_FILE_ID, "a.txt", "2"))
    )
    assert events == [FileWritten(FILE_ID, "a.txt", "2", author="user")]


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a\\b", ".git/config", "a/"])
def test_an_unsafe_path_is_refused(path: str) -> None:
    order = by_owner(SaveFile(FILE_ID, path, ""))
    assert refused(IDLE, order) == "invalid_message_data"


@pytest.mark.parametrize(("first", "second"), [("src", "src/a.ts"), ("a/b/c", "a/b")])
def test_a_file_and_a_folder_of_one_name_are_not_both_there(
    first: str, second: str
) -> None:
    history = ordered(IDLE, SaveFile(FILE_ID, first, ""))
    order = by_owner(SaveFile(OTHER_FILE_ID, second, ""))
    assert refused(history, order) == "invalid_message_data"


def test_a_file_is_measured_in_bytes_of_utf8() -> None:
    fits = by_owner(SaveFile(FILE_ID, "a.txt", "ü" * (MAX_FILE_BYTES // 2)))
    too_large = by_owner(SaveFile(FILE_ID, "a.txt", "ü" * (MAX_FILE_BYTES // 2) + "x"))
    assert given(PROJECT, *IDLE).when(fits)
    assert refused(IDLE, too_large) == "invalid_message_data"


def test_a_project_holds_no_more_than_its_number_of_files() -> None:
    full = [*IDLE, *(saved(f"{number}.txt", "") for number in range(MAX_FILES))]
    assert refused(full, by_owner(SaveFile(FILE_ID, "new.txt", ""))) == (
        "invalid_message_data"
    )
    assert given(PROJECT, *full).when(by_owner(SaveFile(FILE_ID, "1.txt", "again")))


def test_a_project_holds_no_more_than_its_bytes() -> None:
    content = "x" * MAX_FILE_BYTES
    count = MAX_PROJECT_BYTES // MAX_FILE_BYTES
    full = [*IDLE, *(saved(f"{number}.txt", content) for number in range(count))]
    assert refused(full, by_owner(SaveFile(FILE_ID, "new.txt", "x"))) == (
        "invalid_message_data"
    )
    assert given(PROJECT, *full).when(by_owner(SaveFile(FILE_ID, "1.txt", "less")))


# --- history ------------------------------------------------------------------------


def test_every_event_counts_towards_the_version() -> None:
    assert project_after(DONE).version == len(DONE)


def test_of_an_erased_project_its_version_and_its_owner_are_left() -> None:
    left = Project(version=9, owner_id=OWNER_ID, deleted=True)
    assert PROJECT.fold([ERASED]) == PROJECT.fold([CREATED, ERASED]) == left


def test_an_event_of_a_newer_version_is_passed_over() -> None:
    unknown = UnknownEvent("moon.landed", Raw(b"{}"))
    before, after = project_after(DONE), project_after([*DONE, unknown])
    assert after == replace(before, version=before.version + 1)


def test_packages_are_kept_in_order_without_repeats() -> None:
    zod, dayjs = (
        PackagesRequested(RUN_ID, ["npm", "i", it]) for it in ("zod", "dayjs")
    )
    project = project_after([*IMPLEMENTING, zod, dayjs, zod])
    assert project.packages == (("npm", "i", "zod"), ("npm", "i", "dayjs"))


def test_a_failed_run_leaves_the_project_in_error() -> None:
    project = project_after(FAILED)
    assert (project.state, project.run) == (RunState.ERROR, None)


def test_folding_refuses_no_order_of_events() -> None:
    assert project_after(list(reversed(DONE))) != Project()


def test_the_owner_is_known_by_id() -> None:
    assert project_after(IDLE).owner_id == OWNER_ID
    assert OWNER.id == str(OWNER_ID)
