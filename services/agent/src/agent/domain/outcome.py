"""What is recorded of an effect: pure functions of the state that it came back to.

Other things happen to a project while an effect is under way: people save files and
write messages, or stop the run. So each function looks at the project as it is now,
and returns no event at all where the effect no longer matters or is recorded already.
That also makes recording the same thing twice harmless.
"""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from agent.domain.manifest import must_install
from agent.domain.plan import PhasePlan
from agent.domain.project import (
    MAX_EVENTS,
    PROJECT,
    Project,
    ended_call,
    moved,
    refusal,
)
from agent.domain.run import (
    DesignPhase,
    InstallPackages,
    ModelEffect,
    wants_phase,
)
from agent.domain.run_state import Run
from contracts.project import (
    DependenciesInstalled,
    FilesSynced,
    FileWritten,
    ModelCallEnded,
    ModelCallStarted,
    PackagesRequested,
    PhaseDesigned,
    PhaseImplemented,
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
    """One sentence, where the outcome is not *complete*."""
    hopeless: bool = False
    """Asking again cannot help; *error* says what a person can do."""


# --- the language model -----------------------------------------------------------


def call_started(
    project: Project, effect: ModelEffect, model: str
) -> list[ProjectEvent]:
    """Return the start of the call that *effect* makes."""
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
        )
    ]


def call_ended(
    project: Project, effect: ModelEffect, end: CallEnd
) -> list[ProjectEvent]:
    """Return the end of the call; and of the run where nothing else can follow."""
    run = _calling(project, effect)
    if run is None:
        return []
    ended = _ended(effect, end, end.outcome, end.error)
    if not end.hopeless:
        return [ended]
    message = end.error or "The language model refused to answer."
    return moved(project, [ended, RunFailed(run.id, message)], RunState.ERROR)


def plan_refused(
    project: Project, effect: DesignPhase, end: CallEnd, reason: str
) -> list[ProjectEvent]:
    """Return the end of a design call whose answer is not a plan."""
    if _calling(project, effect) is None:
        return []
    return [_ended(effect, end, "invalid", reason)]


def phase_designed(
    project: Project, effect: DesignPhase, end: CallEnd, plan: PhasePlan
) -> list[ProjectEvent]:
    """Return the phase that the call brought."""
    run = _calling(project, effect)
    if run is None:
        return []
    designed = PhaseDesigned(
        run_id=run.id,
        phase_index=effect.phase_index,
        name=plan.name,
        description=plan.description,
        files=plan.files,
        is_last_phase=plan.is_last_phase,
    )
    ended = _ended(effect, end, end.outcome, None)
    return moved(project, [ended, designed], RunState.IMPLEMENTING)


def file_written(
    project: Project, effect: ModelEffect, file_id: UUID, path: str, content: str
) -> list[ProjectEvent]:
    """Return a whole file; *file_id* is its id if the path is new.

    A file that the project has no room for ends the run.
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


def files_synced(project: Project, run_id: UUID, count: int) -> list[ProjectEvent]:
    """Return that the sandbox holds all files, and where the run goes from there."""
    run = _run_of(project, run_id)
    if run is None or run.synced == run.implemented:
        return []
    synced = FilesSynced(run.id, count)
    if wants_phase(run):
        return moved(project, [synced], RunState.DESIGNING)
    if must_install(project):
        return moved(project, [synced], RunState.INSTALL)
    return [synced, *_completed(PROJECT.fold([synced], project), run)]


def packages_installed(project: Project, effect: InstallPackages) -> list[ProjectEvent]:
    """Return that the app's packages are installed."""
    run = _run_of(project, effect.run_id)
    if run is None or project.state is not RunState.INSTALL:
        return []
    installed = DependenciesInstalled(run.id, effect.manifest)
    return moved(project, [installed], RunState.START)


def app_started(
    project: Project, run_id: UUID, url: str, sandbox_id: str
) -> list[ProjectEvent]:
    """Return that the app answers at *url*."""
    run = _run_of(project, run_id)
    if run is None or run.started:
        return []
    return [ServerStarted(run.id, url, sandbox_id)]


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
    prompt = "\n\n".join(run.unseen)
    started: list[ProjectEvent] = [RunStarted(next_run_id, prompt, run.model)]
    after = PROJECT.fold(events, project)
    return [*events, *moved(after, started, RunState.DESIGNING)]


def failed(project: Project, run_id: UUID, message: str) -> list[ProjectEvent]:
    """Return the bad end of the run, and of its call."""
    run = _run_of(project, run_id)
    if run is None:
        return []
    ends = ended_call(run, "failed", message)
    return moved(project, [*ends, RunFailed(run.id, message)], RunState.ERROR)


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


def _purpose(effect: ModelEffect) -> Literal["design", "implement"]:
    return "design" if isinstance(effect, DesignPhase) else "implement"


def _ended(
    effect: ModelEffect,
    end: CallEnd,
    outcome: Literal["complete", "length", "cut", "failed", "invalid"],
    error: str | None,
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
    )


def _completed(project: Project, run: Run) -> list[ProjectEvent]:
    completed = RunCompleted(run.id, sorted(project.files), len(run.phases))
    return moved(project, [completed], RunState.COMPLETE)
