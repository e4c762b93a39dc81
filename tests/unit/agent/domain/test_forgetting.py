"""Whatever a provider refuses, a later run is not refused for the same."""

import pytest
from msgspec.structs import replace

from agent.domain import outcome
from agent.domain.outcome import CallEnd
from agent.domain.run import FILTERED, MAX_BARREN, FailRun, next_effect
from agent.domain.state import Project
from contracts.project import (
    Image,
    MessagePosted,
    PostMessage,
    RunFailed,
    StartRun,
    StopRun,
)
from tests.unit.agent.examples import (
    DESIGNING,
    HOPELESS,
    IMPLEMENTING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    RUN_ID,
    STARTED,
    History,
    call_begun,
    ordered,
    project_after,
    then,
)

PICTURE = Image("image/png", b"\x89PNG\r\n\x1a\n")
REFUSED = CallEnd(
    "failed", "fake/model", error="Not accepted.", hopeless=True, suspect="anything"
)
FLAGGED = replace(REFUSED, certain=True)
SHOWN = MessagePosted(MESSAGE_ID, "like this", [PICTURE])
SAID = MessagePosted(MESSAGE_ID, "make it blue")


def ended(history: History, end: CallEnd) -> History:
    """Return the history with a call that ended so."""
    effect = next_effect(project_after(history))
    assert effect is not None
    return then(
        call_begun(history),
        lambda now: outcome.call_ended(now, effect, end),  # type: ignore[arg-type] # a call
    )


def failure(history: History) -> RunFailed:
    return next(event for event in reversed(history) if isinstance(event, RunFailed))


def pictures(project: Project) -> int:
    run = project.run
    said = [*project.waiting, *(run.messages if run else ())]
    return sum(len(one.images) for one in said) + len(run.images if run else ())


def test_pictures_that_wait_go_when_a_call_with_them_is_refused() -> None:
    history = ended([*IMPLEMENTING, SHOWN], REFUSED)
    project = project_after(history)
    assert failure(history).message.endswith(
        "Pictures that were sent are left out from now on."
    )
    assert [said.text for said in project.waiting] == ["like this"]
    again = project_after(ordered(history, StartRun(NEXT_RUN_ID)))
    assert pictures(project) == pictures(again) == 0


@pytest.mark.parametrize("end", [HOPELESS, replace(REFUSED, suspect=None)])
def test_pictures_stay_where_the_account_is_refused(end: CallEnd) -> None:
    history = ended([*IMPLEMENTING, SHOWN], end)
    assert pictures(project_after(history)) == 1


def test_what_was_said_is_told_once_more_and_then_forgotten() -> None:
    first = ended([*DESIGNING, SAID], REFUSED)
    assert project_after(first).waiting
    second = ended(ordered(first, StartRun(NEXT_RUN_ID)), REFUSED)
    project = project_after(second)
    assert project.waiting == ()
    assert [turn.by for turn in project.conversation] == ["agent"]
    assert "say again what you want" in failure(second).message


def test_what_was_certainly_refused_is_forgotten_at_once() -> None:
    history = ended([*DESIGNING, SAID], FLAGGED)
    assert failure(history).forgets == "conversation"
    assert project_after(history).waiting == ()


def test_a_run_that_fails_otherwise_ends_the_suspicion() -> None:
    history = ended([*DESIGNING, SAID], REFUSED)
    history = ordered(history, StartRun(NEXT_RUN_ID))
    history = then(history, lambda now: outcome.failed(now, NEXT_RUN_ID, "No."))
    assert project_after(history).refusals == 0
    assert project_after(history).waiting


def test_answers_that_a_filter_stops_are_a_refusal() -> None:
    history: History = [*DESIGNING, SAID]
    for _ in range(MAX_BARREN):
        history = ended(history, CallEnd("failed", "fake/model", error=FILTERED))
    effect = next_effect(project_after(history))
    assert isinstance(effect, FailRun)
    events = outcome.failed(
        project_after(history), RUN_ID, effect.message, effect.suspect
    )
    assert any(isinstance(event, RunFailed) and event.refused for event in events)


def test_a_stop_keeps_pictures_for_the_next_run() -> None:
    history = ordered([*IMPLEMENTING, SHOWN], StopRun())
    assert pictures(project_after(ordered(history, StartRun(NEXT_RUN_ID)))) == 1


def test_what_was_said_too_late_begins_the_next_run_as_if_said_then() -> None:
    late = ordered(STARTED, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "What is it?"))
    late = ordered(late, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "See.", [PICTURE]))
    history = then(late, lambda now: outcome.run_completed(now, RUN_ID, NEXT_RUN_ID))
    run = project_after(history).run
    assert run is not None
    assert (run.prompt, run.is_asked) == ("What is it?\n\nSee.", True)
    assert (run.images, run.messages) == ((PICTURE,), ())
    assert project_after(history).waiting == ()


def test_a_flood_of_late_messages_begins_a_run_with_the_newest() -> None:
    history = STARTED
    for number in range(4):
        said = f"{number}" * 9_000
        history = ordered(history, PostMessage(MESSAGE_ID, NEXT_RUN_ID, said))
    history = then(history, lambda now: outcome.run_completed(now, RUN_ID, NEXT_RUN_ID))
    run = project_after(history).run
    assert run is not None
    assert run.prompt == f"{'2' * 9_000}\n\n{'3' * 9_000}"
    assert run.is_asked
