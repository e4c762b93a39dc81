"""What is recorded of an effect: pure functions of the state that it came back to.

Other things happen to a project while an effect is under way: people save files and
write messages, or stop the run. So each function looks at the project as it is now,
and returns no event at all where the effect no longer matters or is recorded already.
That also makes recording the same thing twice harmless.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from agent.domain.changes import ended_call, is_locked, moved, refusal
from agent.domain.estimate import Counted, beyond
from agent.domain.forgetting import Suspect, refused
from agent.domain.manifest import must_install
from agent.domain.problems import fingerprint, sentence, tidy
from agent.domain.project import MAX_EVENTS
from agent.domain.prompting.plan import PhasePlan
from agent.domain.run import (
    MAX_REPAIRS,
    DesignPhase,
    InstallPackages,
    ModelEffect,
    wants_phase,
)
from agent.domain.run_state import Run
from agent.domain.state import Project, folded, late_prompt
from contracts.project import (
    AssistantReplied,
    DependenciesInstalled,
    FileConflict,
    FilesSynced,
    FileWritten,
    ModelCallCounted,
    ModelCallEnded,
    ModelCallStarted,
    PackagesRequested,
    PhaseDesigned,
    PhaseImplemented,
    Price,
    Problem,
    ProblemsReported,
    ProjectEvent,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunState,
    ServerStarted,
    Usage,
)

MAX_PACKAGE_REQUESTS = 200
"""Install commands that are kept for a project."""


class CallEnd(Struct, frozen=True):
    """How a call of the language model ended."""

    outcome: Literal["complete", "length", "cut", "failed"]
    model: str
    """The one that answered, which may be another than was asked."""
    usage: Usage = Usage()
    generation_id: str | None = None
    error: str | None = None
    """Why it did not end well, or what was odd about an answer that did."""
    hopeless: bool = False
    """Asking again cannot help; *error* says what a person can do."""
    suspect: Suspect | None = None
    """What of a hopeless request was refused; None: that has other reasons."""
    certain: bool = False
    """The provider says that it is what was asked."""
    unpaid: bool = False
    """The provider has done nothing that could cost."""
    retry_after_s: float | None = None
    """The provider wants no call for so long."""


# --- the language model -----------------------------------------------------------


def call_started(
    project: Project,
    effect: ModelEffect,
    model: str,
    *,
    prompt_tokens: int | None = None,
    price: Price | None = None,
) -> list[ProjectEvent]:
    """Return the start of the call that *effect* makes, and what its prompt costs."""
    run = _run_of(project, effect.run_id)
    if run is None or run.call is not None:
        return []
    return [
        ModelCallStarted(
            run_id=run.id,
            purpose=_purpose(effect),
            phase_index=effect.phase_index,
            attempt=effect.attempt,
            model=model,
            prompt_tokens=prompt_tokens,
            price=price,
        )
    ]


def call_ended(
    project: Project,
    effect: ModelEffect,
    end: CallEnd,
    retry_at: datetime | None = None,
) -> list[ProjectEvent]:
    """Return the end of the call; and of the run where nothing else can follow.

    No call is made before *retry_at*.
    """
    run = _calling(project, effect)
    if run is None:
        return []
    ended = _ended(effect, end, end.outcome, end.error, retry_at)
    if not end.hopeless:
        return [ended]
    message = end.error or "The language model refused to answer."
    failed = RunFailed(run.id, message)
    if end.suspect is not None:
        failed = refused(project, run, message, end.suspect, certain=end.certain)
    return moved(project, [ended, failed], RunState.ERROR)


def call_counted(
    project: Project, effect: ModelEffect, counted: Counted
) -> list[ProjectEvent]:
    """Return what the call had that others did not know who ended it, and the run."""
    call = project.ended
    if call is None or project.deleted:
        return []
    known = (call.run_id, call.purpose, call.phase_index, call.attempt)
    if known != (effect.run_id, _purpose(effect), effect.phase_index, effect.attempt):
        return []
    usage = beyond(counted, call.usage)
    return [] if usage is None else [ModelCallCounted(*known, call.model, usage)]


def plan_refused(
    project: Project, effect: DesignPhase, end: CallEnd, reason: str
) -> list[ProjectEvent]:
    """Return the end of a design call whose answer is not a plan."""
    if _calling(project, effect) is None:
        return []
    return [_ended(effect, end, "invalid", reason)]


def phase_designed(
    project: Project,
    effect: DesignPhase,
    end: CallEnd,
    plan: PhasePlan,
    reply_id: UUID | None = None,
) -> list[ProjectEvent]:
    """Return the phase that the call brought, or its answer to a question, or both.

    *reply_id* is the id of the answer, if there is one.
    """
    run = _calling(project, effect)
    if run is None:
        return []
    events: list[ProjectEvent] = [_ended(effect, end, end.outcome, None)]
    if plan.reply and reply_id is not None:
        events.append(AssistantReplied(reply_id, plan.reply, run.id))
        if not plan.files and not run.phases:
            return _answered(project, run, events)
    events.append(
        PhaseDesigned(
            run_id=run.id,
            phase_index=effect.phase_index,
            name=plan.name,
            description=plan.description,
            files=plan.files,
            is_last_phase=plan.is_last_phase,
        )
    )
    return moved(project, events, RunState.IMPLEMENTING)


def _answered(
    project: Project, run: Run, events: list[ProjectEvent]
) -> list[ProjectEvent]:
    """Return *events* and the end of a run that was only a question."""
    if len(run.messages) > run.offered:
        return events  # more was said meanwhile, and the model is asked again
    events = moved(project, events, RunState.IMPLEMENTING)
    return [*events, *_completed(folded(project, events), run)]


def file_written(
    project: Project, effect: ModelEffect, file_id: UUID, path: str, content: str
) -> list[ProjectEvent]:
    """Return a whole file; *file_id* is its id if the path is new.

    A file that the project has no room for ends the run. One that a person changed in
    the same phase, or locked, stays as it is; both versions are in the log then.
    """
    run = _calling(project, effect)
    if run is None:
        return []
    reason = refusal(project, path, content)
    if reason is not None:
        return failed(project, run.id, f"{reason} Delete what is not needed.")
    known = project.files.get(path)
    if known is not None and known.content == content and path in run.written:
        return []
    reason = _kept_for(project, run, path, content)
    if reason is not None:
        if path in run.written:
            return []
        return [
            FileConflict(
                path=path,
                content=content,
                reason=reason,
                run_id=run.id,
                phase_index=effect.phase_index,
            )
        ]
    return [
        FileWritten(
            file_id=known.id if known else file_id,
            path=path,
            content=content,
            author="agent",
            run_id=run.id,
            phase_index=effect.phase_index,
        )
    ]


def packages_requested(
    project: Project, effect: ModelEffect, argv: tuple[str, ...]
) -> list[ProjectEvent]:
    """Return an install command, unless it was asked for before."""
    run = _calling(project, effect)
    if run is None or argv in project.packages:
        return []
    if len(project.packages) >= MAX_PACKAGE_REQUESTS:
        return []
    return [PackagesRequested(run.id, list(argv))]


# --- the sandbox ------------------------------------------------------------------


def files_synced(
    project: Project, run_id: UUID, count: int, problems: Sequence[Problem] = ()
) -> list[ProjectEvent]:
    """Return that the sandbox holds all files, and where the run goes from there.

    *problems* are those of the app that runs already.
    """
    run = _run_of(project, run_id)
    if run is None or run.synced == run.implemented:
        return []
    synced = FilesSynced(run.id, count)
    if problems:
        return _repaired(project, run, [synced], problems)
    if wants_phase(run):
        return moved(project, [synced], RunState.DESIGNING)
    if must_install(project):
        return moved(project, [synced], RunState.INSTALL)
    return [synced, *_completed(folded(project, [synced]), run)]


def packages_installed(project: Project, effect: InstallPackages) -> list[ProjectEvent]:
    """Return that the app's packages are installed."""
    run = _run_of(project, effect.run_id)
    if run is None or project.state is not RunState.INSTALL:
        return []
    installed = DependenciesInstalled(run.id, effect.manifest)
    return moved(project, [installed], RunState.START)


def app_started(
    project: Project,
    run_id: UUID,
    url: str,
    sandbox_id: str,
    problems: Sequence[Problem] = (),
) -> list[ProjectEvent]:
    """Return that the app answers at *url*, and what is wrong with it all the same."""
    run = _run_of(project, run_id)
    if run is None or project.state is not RunState.START or run.started:
        return []
    started = ServerStarted(run.id, url, sandbox_id)
    if problems:
        return _repaired(project, run, [started], problems)
    return [started]


def step_failed(
    project: Project, run_id: UUID, state: RunState, problems: Sequence[Problem]
) -> list[ProjectEvent]:
    """Return what follows when the app could not be installed or started.

    *state* is that of the step.
    """
    run = _run_of(project, run_id)
    if run is None or project.state is not state:
        return []
    return _repaired(project, run, [], problems)


def _repaired(
    project: Project,
    run: Run,
    before: list[ProjectEvent],
    problems: Sequence[Problem],
) -> list[ProjectEvent]:
    """Return *before*, then a repair, or the run's end where that makes no sense."""
    reported = tidy(problems)
    events = [*before, ProblemsReported(run.id, reported)]
    why = sentence(reported[0])
    if fingerprint(reported) in run.fingerprints:
        message = f"A repair did not help against this: {why}. {_SAY_WHAT}"
    elif run.repairs >= MAX_REPAIRS:
        message = (
            f"After {run.repairs} repairs the app still has this: {why}. {_SAY_WHAT}"
        )
    else:
        return moved(project, events, RunState.DESIGNING)
    return moved(project, [*events, RunFailed(run.id, message)], RunState.ERROR)


_SAY_WHAT = "Send a message that says what to change, or change the file yourself."


# --- what needs nothing from the world --------------------------------------------


def call_interrupted(project: Project, run_id: UUID) -> list[ProjectEvent]:
    """Return the end of a call whose worker is gone."""
    run = _run_of(project, run_id)
    if run is None:
        return []
    return ended_call(run, "interrupted", "The worker ended before the call did.")


def phase_finished(project: Project, run_id: UUID) -> list[ProjectEvent]:
    """Return that all files of the phase are written."""
    run = _run_of(project, run_id)
    if run is None or run.implemented == len(run.phases):
        return []
    index = len(run.phases) - 1
    return [PhaseImplemented(run.id, index, run.phases[-1].name, list(run.written))]


def run_completed(
    project: Project, run_id: UUID, next_run_id: UUID
) -> list[ProjectEvent]:
    """Return the good end of the run.

    Messages that came too late for its phases start the run *next_run_id* at once.
    """
    run = _run_of(project, run_id)
    if run is None:
        return []
    events = _completed(project, run)
    if not run.unseen or project.version >= MAX_EVENTS:
        return events
    prompt = late_prompt(run.unseen)
    started: list[ProjectEvent] = [RunStarted(next_run_id, prompt, run.model)]
    after = folded(project, events)
    return [*events, *moved(after, started, RunState.DESIGNING)]


def failed(
    project: Project, run_id: UUID, message: str, suspect: Suspect | None = None
) -> list[ProjectEvent]:
    """Return the bad end of the run, and of its call.

    *suspect* is what of its requests was the reason, where they were.
    """
    run = _run_of(project, run_id)
    if run is None:
        return []
    ends = ended_call(run, "failed", message)
    failure = RunFailed(run.id, message)
    if suspect is not None:
        failure = refused(project, run, message, suspect)
    return moved(project, [*ends, failure], RunState.ERROR)


def broke(project: Project, run_id: UUID) -> list[ProjectEvent]:
    """Return what is recorded when the agent itself fails at an effect.

    A call of the model counts as failed and may be made again; anything else ends
    the run, which would break at the same point again.
    """
    run = _run_of(project, run_id)
    if run is None:
        return []
    message = "The agent itself failed: its log says why. Start the run again."
    if run.call is not None:
        return ended_call(run, "failed", message)
    return failed(project, run_id, message)


# --- parts ------------------------------------------------------------------------


def _run_of(project: Project, run_id: UUID) -> Run | None:
    """Return the run if it is still under way."""
    run = project.run
    return run if run is not None and run.id == run_id else None


def _calling(project: Project, effect: ModelEffect) -> Run | None:
    """Return the run if it is still waiting for the call that *effect* made."""
    run = _run_of(project, effect.run_id)
    if run is None or run.call is None:
        return None
    made = (run.call.purpose, run.call.phase_index, run.call.attempt)
    wanted = (_purpose(effect), effect.phase_index, effect.attempt)
    return run if made == wanted else None


def _kept_for(
    project: Project, run: Run, path: str, content: str
) -> Literal["edited", "deleted", "locked"] | None:
    """Return why the agent's *content* does not replace what is at *path*."""
    known = project.files.get(path)
    if known is not None and known.content == content:
        return None
    if is_locked(project.settings, path):
        return "locked"
    return run.touched.get(path)


def _purpose(effect: ModelEffect) -> Literal["design", "implement"]:
    return "design" if isinstance(effect, DesignPhase) else "implement"


def _ended(
    effect: ModelEffect,
    end: CallEnd,
    outcome: Literal["complete", "length", "cut", "failed", "invalid"],
    error: str | None,
    retry_at: datetime | None = None,
) -> ModelCallEnded:
    return ModelCallEnded(
        run_id=effect.run_id,
        purpose=_purpose(effect),
        phase_index=effect.phase_index,
        attempt=effect.attempt,
        outcome=outcome,
        model=end.model,
        usage=end.usage,
        generation_id=end.generation_id,
        error=error,
        retry_at=retry_at,
    )


def _completed(project: Project, run: Run) -> list[ProjectEvent]:
    completed = RunCompleted(run.id, sorted(project.files), len(run.phases))
    return moved(project, [completed], RunState.COMPLETE)
