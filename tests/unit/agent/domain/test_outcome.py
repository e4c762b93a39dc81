"""What is recorded of effects, also when the project has moved on meanwhile."""

import pytest

from agent.domain import outcome
from agent.domain.changes import MAX_FILES
from agent.domain.run import InstallPackages, next_effect
from contracts.project import (
    DependenciesInstalled,
    FilesSynced,
    FileWritten,
    MessagePosted,
    ModelCallEnded,
    ModelCallStarted,
    PackagesRequested,
    PhaseDesigned,
    PhaseImplemented,
    PostMessage,
    ProjectEvent,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunState,
    SaveFile,
    ServerStarted,
    StartRun,
    StateChanged,
    StopRun,
)
from tests.unit.agent.examples import (
    COMPLETE,
    CUT,
    DESIGN_CALLED,
    DESIGNING,
    DONE,
    FILE_ID,
    FINISHED,
    HOPELESS,
    IDLE,
    IMPLEMENT_CALLED,
    IMPLEMENTING,
    INSTALLING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    OTHER_FILE_ID,
    PLAN,
    RUN_ID,
    STARTED,
    STARTING,
    URL,
    WRITTEN,
    History,
    Outcome,
    call_begun,
    design_effect,
    designed,
    implement_effect,
    implemented,
    ordered,
    project_after,
    saved,
    then,
)

DESIGN = design_effect(project_after(DESIGNING))
IMPLEMENT = implement_effect(project_after(IMPLEMENTING))
INSTALL = next_effect(project_after(INSTALLING))
assert isinstance(INSTALL, InstallPackages)
INSTALL_EFFECT: InstallPackages = INSTALL
ARGV = ("npm", "install", "zod")

OUTCOMES: dict[str, tuple[History, Outcome]] = {
    "call started": (
        IMPLEMENTING,
        lambda now: outcome.call_started(now, IMPLEMENT, "fake/model"),
    ),
    "call ended": (
        IMPLEMENT_CALLED,
        lambda now: outcome.call_ended(now, IMPLEMENT, COMPLETE),
    ),
    "plan refused": (
        DESIGN_CALLED,
        lambda now: outcome.plan_refused(now, DESIGN, COMPLETE, "no"),
    ),
    "phase designed": (
        DESIGN_CALLED,
        lambda now: outcome.phase_designed(now, DESIGN, COMPLETE, PLAN),
    ),
    "file written": (
        IMPLEMENT_CALLED,
        lambda now: outcome.file_written(now, IMPLEMENT, FILE_ID, "index.html", "x"),
    ),
    "packages requested": (
        IMPLEMENT_CALLED,
        lambda now: outcome.packages_requested(now, IMPLEMENT, ARGV),
    ),
    "files synced": (FINISHED, lambda now: outcome.files_synced(now, RUN_ID, 2)),
    "packages installed": (
        INSTALLING,
        lambda now: outcome.packages_installed(now, INSTALL_EFFECT),
    ),
    "app started": (STARTING, lambda now: outcome.app_started(now, RUN_ID, URL, "b")),
    "call interrupted": (
        IMPLEMENT_CALLED,
        lambda now: outcome.call_interrupted(now, RUN_ID),
    ),
    "phase finished": (WRITTEN, lambda now: outcome.phase_finished(now, RUN_ID)),
    "run completed": (
        STARTED,
        lambda now: outcome.run_completed(now, RUN_ID, NEXT_RUN_ID),
    ),
    "failed": (IMPLEMENT_CALLED, lambda now: outcome.failed(now, RUN_ID, "no")),
    "broke": (STARTING, lambda now: outcome.broke(now, RUN_ID)),
}
every_outcome = pytest.mark.parametrize(
    ("history", "record"), OUTCOMES.values(), ids=OUTCOMES.keys()
)


def recorded(history: History, record: Outcome) -> list[ProjectEvent]:
    return record(project_after(history))


def states(events: list[ProjectEvent]) -> list[RunState]:
    return [event.state for event in events if isinstance(event, StateChanged)]


# --- what happened meanwhile --------------------------------------------------------


@every_outcome
def test_an_outcome_is_recorded_once(history: History, record: Outcome) -> None:
    once = then(history, record)
    assert len(once) > len(history)
    assert then(once, record) == once


@every_outcome
def test_nothing_is_recorded_of_a_run_that_was_stopped(
    history: History, record: Outcome
) -> None:
    assert recorded(ordered(history, StopRun()), record) == []


@every_outcome
def test_nothing_is_recorded_in_the_run_after_it(
    history: History, record: Outcome
) -> None:
    later = ordered(ordered(history, StopRun()), StartRun(NEXT_RUN_ID))
    assert recorded(later, record) == []


@every_outcome
def test_a_message_or_a_file_of_a_person_does_not_disturb_it(
    history: History, record: Outcome
) -> None:
    busy = [*history, MessagePosted(MESSAGE_ID, "hello"), saved("notes.txt", "mine")]
    kinds = [type(event) for event in recorded(history, record)]
    assert [type(event) for event in recorded(busy, record)][: len(kinds)] == kinds


# --- calls of the model -------------------------------------------------------------


def test_a_call_says_what_it_is_for() -> None:
    assert recorded(*OUTCOMES["call started"]) == [
        ModelCallStarted(RUN_ID, "implement", 0, 1, "fake/model")
    ]


def test_a_call_that_ended_says_what_it_cost() -> None:
    (ended,) = recorded(*OUTCOMES["call ended"])
    assert isinstance(ended, ModelCallEnded)
    assert (ended.outcome, ended.usage.cost_usd) == ("complete", 0.1)
    assert ended.generation_id == "gen-1"


def test_a_hopeless_call_ends_the_run_with_its_sentence() -> None:
    events = outcome.call_ended(project_after(IMPLEMENT_CALLED), IMPLEMENT, HOPELESS)
    assert RunFailed(RUN_ID, "Add credit.") in events
    assert states(events) == [RunState.ERROR]


def test_a_plan_opens_the_phase() -> None:
    ended, phase, change = recorded(*OUTCOMES["phase designed"])
    assert isinstance(ended, ModelCallEnded)
    assert isinstance(phase, PhaseDesigned)
    assert phase.files == PLAN.files
    assert isinstance(change, StateChanged)
    assert (change.state, change.current_phase) == (RunState.IMPLEMENTING, 0)
    assert change.total_phases == 1


def test_a_file_keeps_the_id_that_a_person_gave_it() -> None:
    history = [*IDLE, saved("index.html", "mine")]
    history = call_begun(designed(ordered(history, StartRun(RUN_ID)), PLAN))
    (written,) = recorded(history, OUTCOMES["file written"][1])
    assert written == FileWritten(
        OTHER_FILE_ID, "index.html", "x", "agent", run_id=RUN_ID, phase_index=0
    )


def test_a_file_beyond_the_projects_limits_ends_the_run() -> None:
    many = [saved(f"{number}.txt", "") for number in range(MAX_FILES)]
    events = recorded([*IMPLEMENT_CALLED, *many], OUTCOMES["file written"][1])
    assert isinstance(events[0], ModelCallEnded)
    assert isinstance(events[1], RunFailed)
    assert "at most 500 files" in events[1].message


def test_packages_are_requested_as_they_were_written() -> None:
    assert recorded(*OUTCOMES["packages requested"]) == [
        PackagesRequested(RUN_ID, ["npm", "install", "zod"])
    ]


def test_a_worker_that_died_leaves_an_interrupted_call() -> None:
    (ended,) = recorded(*OUTCOMES["call interrupted"])
    assert isinstance(ended, ModelCallEnded)
    assert ended.outcome == "interrupted"


def test_a_bug_in_a_call_counts_as_a_failed_call() -> None:
    (ended,) = outcome.broke(project_after(IMPLEMENT_CALLED), RUN_ID)
    assert isinstance(ended, ModelCallEnded)
    assert ended.outcome == "failed"


def test_a_bug_elsewhere_ends_the_run() -> None:
    assert states(recorded(*OUTCOMES["broke"])) == [RunState.ERROR]


# --- phases and the sandbox ---------------------------------------------------------


def test_a_finished_phase_names_all_files_that_were_written() -> None:
    history = implemented(IMPLEMENTING, "README.md", "src/app.ts", "index.html")
    (finished,) = outcome.phase_finished(project_after(history), RUN_ID)
    assert finished == PhaseImplemented(
        RUN_ID, 0, "Board", ["README.md", "src/app.ts", "index.html"]
    )


def test_the_first_run_installs_and_starts() -> None:
    synced = recorded(*OUTCOMES["files synced"])
    assert synced[0] == FilesSynced(RUN_ID, 2)
    assert states(synced) == [RunState.INSTALL]
    installed = recorded(*OUTCOMES["packages installed"])
    assert installed[0] == DependenciesInstalled(RUN_ID, INSTALL_EFFECT.manifest)
    assert states(installed) == [RunState.START]
    assert recorded(*OUTCOMES["app started"]) == [ServerStarted(RUN_ID, URL, "b")]


def test_a_run_completes_with_all_files_of_the_app() -> None:
    completed, change = recorded(*OUTCOMES["run completed"])
    assert completed == RunCompleted(RUN_ID, ["index.html", "src/app.ts"], phases=1)
    assert isinstance(change, StateChanged)
    assert (change.state, change.preview_url) == (RunState.COMPLETE, URL)


def follow_up(*paths: str, before: History = DONE) -> list[ProjectEvent]:
    """Return what is recorded when a follow-up run has synced what it wrote."""
    begun = ordered(before, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it blue"))
    history = implemented(designed(begun, PLAN), "index.html", "src/app.ts", *paths)
    history = then(history, lambda now: outcome.phase_finished(now, NEXT_RUN_ID))
    return outcome.files_synced(project_after(history), NEXT_RUN_ID, 2)


def test_a_follow_up_run_skips_install_and_start() -> None:
    synced, completed, _ = events = follow_up()
    assert isinstance(synced, FilesSynced)
    assert isinstance(completed, RunCompleted)
    assert states(events) == [RunState.COMPLETE]


@pytest.mark.parametrize(
    "path", ["package.json", "requirements.txt", "web/package-lock.json"]
)
def test_a_follow_up_run_that_changes_the_manifest_installs(path: str) -> None:
    assert states(follow_up(path)) == [RunState.INSTALL]


def test_a_follow_up_run_after_new_packages_installs() -> None:
    before = [*DONE, PackagesRequested(RUN_ID, ["npm", "install", "zod"])]
    assert states(follow_up(before=before)) == [RunState.INSTALL]


def test_a_run_after_a_start_that_failed_installs_and_starts_again() -> None:
    begun = ordered(DONE, StartRun(RUN_ID))
    changed = ordered(begun, SaveFile(FILE_ID, "package.json", "{}"))
    history = implemented(designed(changed, PLAN), "index.html", "src/app.ts")
    history = then(
        history,
        lambda now: outcome.phase_finished(now, RUN_ID),
        lambda now: outcome.files_synced(now, RUN_ID, 3),
    )
    effect = next_effect(project_after(history))
    assert isinstance(effect, InstallPackages)
    history = then(
        history,
        lambda now: outcome.packages_installed(now, effect),
        lambda now: outcome.failed(now, RUN_ID, "The app does not start."),
    )
    assert states(follow_up(before=history)) == [RunState.INSTALL]


def test_a_message_that_came_too_late_starts_the_next_run() -> None:
    message = PostMessage(MESSAGE_ID, OTHER_FILE_ID, "make it blue")
    history = ordered(STARTED, message)
    events = outcome.run_completed(project_after(history), RUN_ID, NEXT_RUN_ID)
    assert states(events) == [RunState.COMPLETE, RunState.DESIGNING]
    assert RunStarted(NEXT_RUN_ID, "make it blue") in events


def test_a_cut_call_leaves_the_run_where_it_is() -> None:
    events = outcome.call_ended(project_after(IMPLEMENT_CALLED), IMPLEMENT, CUT)
    assert states(events) == []
