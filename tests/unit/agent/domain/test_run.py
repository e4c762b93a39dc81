"""What a run does next in every state."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from agent.domain import outcome
from agent.domain.manifest import manifest_digest
from agent.domain.outcome import CallEnd
from agent.domain.run import (
    MAX_BUSY,
    MAX_CALLS,
    MAX_INTERRUPTIONS,
    CloseCall,
    CompleteRun,
    DesignPhase,
    Effect,
    FailRun,
    FinishPhase,
    ImplementPhase,
    InstallPackages,
    StartApp,
    SyncSandbox,
    next_effect,
)
from agent.domain.run_state import Run, Said
from contracts.project import (
    PlannedFile,
    PostMessage,
    RunState,
    SaveFile,
    StartRun,
    StopRun,
)
from tests.unit.agent.examples import (
    COMPLETE,
    CUT,
    DESIGN_CALLED,
    DESIGNING,
    FILE_ID,
    FINISHED,
    FIRST_OF_TWO,
    IMPLEMENT_CALLED,
    IMPLEMENTING,
    INSTALLING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    PLAN,
    RESTING,
    RUN_ID,
    STARTED,
    STARTING,
    WRITTEN,
    History,
    call_begun,
    design_effect,
    designed,
    implement_effect,
    implemented,
    ordered,
    project_after,
    then,
)

PAGE, APP = PLAN.files
INVALID = "The phase names no file to write."
VERSION = len(FINISHED)
DIGEST = manifest_digest(project_after(INSTALLING))


def following(history: History) -> Effect | None:
    return next_effect(project_after(history))


def barren(history: History, end: CallEnd, times: int) -> History:
    """Return the history with calls that brought nothing."""
    for _ in range(times):
        history = implemented(history, end=end)
    return history


def refused_plans(times: int) -> History:
    history = DESIGNING
    for _ in range(times):
        effect = design_effect(project_after(history))
        history = call_begun(history)
        refused = outcome.plan_refused(
            project_after(history), effect, COMPLETE, INVALID
        )
        history = [*history, *refused]
    return history


@pytest.mark.parametrize(
    ("history", "effect"),
    [
        (DESIGNING, DesignPhase(RUN_ID, 0, 1)),
        (IMPLEMENTING, ImplementPhase(RUN_ID, 0, 1, (PAGE, APP))),
        (WRITTEN, FinishPhase(RUN_ID)),
        (FINISHED, SyncSandbox(RUN_ID, 1, VERSION)),
        (INSTALLING, InstallPackages(RUN_ID, 1, DIGEST)),
        (STARTING, StartApp(RUN_ID, 1)),
        (STARTED, CompleteRun(RUN_ID)),
    ],
)
def test_each_step_follows_from_the_state(history: History, effect: Effect) -> None:
    assert following(history) == effect


@pytest.mark.parametrize("history", RESTING.values(), ids=RESTING.keys())
def test_without_a_run_there_is_nothing_to_do(history: History) -> None:
    assert following(history) is None


@pytest.mark.parametrize("history", [DESIGN_CALLED, IMPLEMENT_CALLED])
def test_a_call_without_an_end_is_closed_first(history: History) -> None:
    assert following(history) == CloseCall(RUN_ID)


@pytest.mark.parametrize("history", [DESIGN_CALLED, IMPLEMENT_CALLED])
def test_a_stopped_run_has_nothing_left_to_do(history: History) -> None:
    assert following(ordered(history, StopRun())) is None


# --- files that are missing ---------------------------------------------------------


def test_only_the_missing_files_are_asked_for_again() -> None:
    history = implemented(IMPLEMENTING, "index.html", end=CUT)
    assert following(history) == ImplementPhase(RUN_ID, 0, 2, (APP,))


def test_a_file_that_a_person_saves_is_still_to_be_written() -> None:
    history = ordered(IMPLEMENTING, SaveFile(FILE_ID, "index.html", "mine"))
    assert implement_effect(project_after(history)).missing == (PAGE, APP)


def test_files_beyond_the_plan_do_not_finish_a_phase() -> None:
    history = implemented(IMPLEMENTING, "README.md", "index.html")
    assert implement_effect(project_after(history)).missing == (APP,)


def test_a_cut_after_the_last_file_finishes_the_phase() -> None:
    history = implemented(IMPLEMENTING, "index.html", "src/app.ts", end=CUT)
    assert following(history) == FinishPhase(RUN_ID)


# --- when to give up ----------------------------------------------------------------


def test_three_calls_that_bring_nothing_end_the_run() -> None:
    history = barren(IMPLEMENTING, CUT, times=3)
    effect = following(history)
    assert isinstance(effect, FailRun)
    assert "index.html, src/app.ts in 3 attempts" in effect.message
    assert "broke off" in effect.message


def test_a_file_that_was_missing_starts_the_count_anew() -> None:
    history = implemented(barren(IMPLEMENTING, CUT, times=2), "index.html", end=CUT)
    history = barren(history, CUT, times=2)
    assert following(history) == ImplementPhase(RUN_ID, 0, 6, (APP,))


def test_a_file_beyond_the_plan_does_not() -> None:
    history = barren(IMPLEMENTING, CUT, times=2)
    history = implemented(history, "README.md", end=CUT)
    assert isinstance(following(history), FailRun)


def test_a_plan_is_asked_for_again_twice() -> None:
    assert following(refused_plans(2)) == DesignPhase(RUN_ID, 0, 3)
    effect = following(refused_plans(3))
    assert isinstance(effect, FailRun)
    assert (
        "plan the next phase in 3 attempts (The phase names no file" in effect.message
    )


def test_workers_that_die_do_not_count_as_the_models_failures() -> None:
    history = IMPLEMENTING
    for _ in range(MAX_INTERRUPTIONS - 1):
        history = call_begun(history)
        history = then(history, lambda now: outcome.call_interrupted(now, RUN_ID))
    assert isinstance(following(history), ImplementPhase)


def test_a_step_that_kills_every_worker_ends_the_run() -> None:
    history = IMPLEMENTING
    for _ in range(MAX_INTERRUPTIONS):
        history = call_begun(history)
        history = then(history, lambda now: outcome.call_interrupted(now, RUN_ID))
    effect = following(history)
    assert isinstance(effect, FailRun)
    assert "10 times at the same step" in effect.message


@pytest.mark.parametrize("history", [DESIGNING, IMPLEMENTING])
def test_a_run_has_a_last_call(history: History) -> None:
    project = project_after(history)
    assert project.run is not None
    tired = replace(project, run=replace(project.run, calls=MAX_CALLS))
    effect = next_effect(tired)
    assert isinstance(effect, FailRun)
    assert "60 times" in effect.message


def test_a_run_with_no_calls_left_still_ends_what_it_wrote() -> None:
    project = project_after(WRITTEN)
    assert project.run is not None
    tired = replace(project, run=replace(project.run, calls=MAX_CALLS))
    assert next_effect(tired) == FinishPhase(RUN_ID)


def test_a_damaged_record_fails_instead_of_hanging() -> None:
    started = DESIGNING[1]  # without the change of state that belongs to it
    assert isinstance(following([DESIGNING[0], started]), FailRun)


# --- another phase ------------------------------------------------------------------


def first_phase_synced(max_phases: int | None = None) -> History:
    begun = ordered(DESIGNING[:1], StartRun(RUN_ID, max_phases=max_phases))
    history = implemented(designed(begun, FIRST_OF_TWO), "index.html", "src/app.ts")
    return then(
        history,
        lambda now: outcome.phase_finished(now, RUN_ID),
        lambda now: outcome.files_synced(now, RUN_ID, 2),
    )


def test_a_phase_that_is_not_the_last_is_followed_by_another() -> None:
    assert following(first_phase_synced()) == DesignPhase(RUN_ID, 1, 1)


def test_the_limit_of_phases_ends_designing() -> None:
    assert isinstance(following(first_phase_synced(max_phases=1)), InstallPackages)


def test_a_message_during_the_last_phase_gets_a_phase_of_its_own() -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it blue")
    history = then(
        ordered(FINISHED, message), lambda now: outcome.files_synced(now, RUN_ID, 2)
    )
    assert following(history) == DesignPhase(RUN_ID, 1, 1)


def test_a_message_before_the_design_call_is_taken_in_by_it() -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it blue")
    history = designed(ordered(DESIGNING, message), PLAN)
    run = project_after(history).run
    assert run is not None
    assert run.unseen == ()


def test_a_message_while_the_plan_is_made_is_not_lost() -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it blue")
    effect = design_effect(project_after(DESIGNING))
    history = then(
        ordered(DESIGN_CALLED, message),
        lambda now: outcome.phase_designed(now, effect, COMPLETE, PLAN),
    )
    run = project_after(history).run
    assert run is not None
    assert run.unseen == (Said("make it blue"),)


def test_planned_files_keep_their_order() -> None:
    assert implement_effect(project_after(IMPLEMENTING)).missing == (
        PlannedFile("index.html", "the page"),
        PlannedFile("src/app.ts", "the board"),
    )


def test_the_state_is_what_a_client_sees() -> None:
    assert project_after(WRITTEN).state is RunState.IMPLEMENTING


# --- a provider that wants to be left alone -------------------------------------------


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def busy(history: History, times: int) -> History:
    """Return the history with calls after each of which the provider wanted a wait."""
    for _ in range(times):
        effect = implement_effect(project_after(history))
        history = then(
            call_begun(history),
            lambda now, effect=effect: outcome.call_ended(now, effect, CUT, NOON),  # type: ignore[misc] # bound now
        )
    return history


def run_after(history: History) -> Run:
    run = project_after(history).run
    assert run is not None
    return run


def test_a_provider_that_wants_a_wait_is_no_failure_of_the_model() -> None:
    run = run_after(busy(IMPLEMENTING, MAX_BUSY - 1))
    assert (run.barren, run.busy, run.not_before) == (0, MAX_BUSY - 1, NOON)
    assert isinstance(following(busy(IMPLEMENTING, MAX_BUSY - 1)), ImplementPhase)


def test_a_provider_that_always_wants_a_wait_ends_the_run() -> None:
    effect = following(busy(IMPLEMENTING, MAX_BUSY))
    assert isinstance(effect, FailRun)
    assert "asked 10 times in a row to wait" in effect.message


def test_a_wait_is_over_when_the_next_call_begins() -> None:
    assert run_after(call_begun(busy(IMPLEMENTING, 1))).not_before is None


def test_a_file_ends_the_row_of_waits() -> None:
    assert run_after(implemented(busy(IMPLEMENTING, 3), "index.html")).busy == 0
