"""What a run does next: a pure function of the project's state.

The driver performs the effect and appends what came of it. After a crash another
driver asks the same question of the same log, so there is no other recovery.
"""

from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from agent.domain.manifest import manifest_digest
from agent.domain.project import Project
from agent.domain.run_state import Run
from contracts.project import PlannedFile, RunState

MAX_BARREN = 3
"""Calls in a row that bring nothing before the run fails."""
MAX_INTERRUPTIONS = 10
"""Workers in a row that die over the same step before the run fails."""
MAX_CALLS = 60
"""Calls of the language model in one run, whatever they bring."""


# --- effects ----------------------------------------------------------------------


class CloseCall(Struct, frozen=True):
    """Record that a call of the model came to no end: its worker is gone."""

    run_id: UUID


class DesignPhase(Struct, frozen=True):
    """Ask the model what the next phase is."""

    run_id: UUID
    phase_index: int
    attempt: int


class ImplementPhase(Struct, frozen=True):
    """Ask the model for the planned files that are still missing."""

    run_id: UUID
    phase_index: int
    attempt: int
    missing: tuple[PlannedFile, ...]


class FinishPhase(Struct, frozen=True):
    """Record that all files of the phase are written."""

    run_id: UUID


class SyncSandbox(Struct, frozen=True):
    """Bring all files to the sandbox."""

    run_id: UUID
    attempt: int
    """1, 2, 3: the phase after which it happens."""
    version: int


class InstallPackages(Struct, frozen=True):
    """Install what the app needs; *manifest* is the digest of that."""

    run_id: UUID
    attempt: int
    manifest: str


class StartApp(Struct, frozen=True):
    """Start the app and wait until it answers."""

    run_id: UUID
    attempt: int


class CompleteRun(Struct, frozen=True):
    """Record that the run has ended well."""

    run_id: UUID


class FailRun(Struct, frozen=True):
    """Record that the run has ended badly."""

    run_id: UUID
    message: str


ModelEffect: TypeAlias = DesignPhase | ImplementPhase
SandboxEffect: TypeAlias = SyncSandbox | InstallPackages | StartApp
Note: TypeAlias = CloseCall | FinishPhase | CompleteRun | FailRun
"""Effects that need nothing from the world: they are only recorded."""
Effect: TypeAlias = ModelEffect | SandboxEffect | Note


# --- which one is next ------------------------------------------------------------


def next_effect(project: Project) -> Effect | None:
    """Return what the run under way does next; None when no run is under way."""
    run = project.run
    if run is None:
        return None
    if run.call is not None:
        return CloseCall(run.id)
    effect = _step(project, run)
    if isinstance(effect, DesignPhase | ImplementPhase):
        return _unless_hopeless(run, effect)
    return effect


def wants_phase(run: Run) -> bool:
    """Tell whether another phase follows the one that is written.

    A message that nobody has taken in gets one, even beyond the limit of phases.
    """
    if run.unseen:
        return True
    return not run.phases[-1].is_last and len(run.phases) < run.max_phases


def _step(project: Project, run: Run) -> Effect:
    match project.state:
        case RunState.DESIGNING:
            return DesignPhase(run.id, len(run.phases), run.attempts + 1)
        case RunState.IMPLEMENTING:
            return _implement(project, run)
        case RunState.INSTALL:
            return InstallPackages(run.id, 1, manifest_digest(project))
        case RunState.START if run.started:
            return CompleteRun(run.id)
        case RunState.START:
            return StartApp(run.id, 1)
        case RunState.IDLE | RunState.COMPLETE | RunState.ERROR:
            # Only a damaged log has a run in one of these.
            return FailRun(run.id, "The run's record is damaged: start it again.")


def _implement(project: Project, run: Run) -> Effect:
    if run.missing:
        index = len(run.phases) - 1
        return ImplementPhase(run.id, index, run.attempts + 1, run.missing)
    if run.implemented < len(run.phases):
        return FinishPhase(run.id)
    return SyncSandbox(run.id, len(run.phases), project.version)


def _unless_hopeless(run: Run, effect: ModelEffect) -> Effect:
    """Return *effect*, or the end of the run where asking again makes no sense."""
    if run.barren >= MAX_BARREN:
        return FailRun(run.id, _barren_message(run))
    if run.interruptions >= MAX_INTERRUPTIONS:
        message = (
            f"The work broke off {run.interruptions} times at the same step: look at "
            "the agent's log, then start the run again."
        )
        return FailRun(run.id, message)
    if run.calls >= MAX_CALLS:
        message = (
            f"The run has asked the language model {MAX_CALLS} times and is not "
            "done: send a message that says what is missing."
        )
        return FailRun(run.id, message)
    return effect


def _barren_message(run: Run) -> str:
    step = f"write {_names(run.missing)}" if run.missing else "plan the next phase"
    error = run.last_error or "failed"
    why = _REASONS.get(error, error).rstrip(".")
    return (
        f"The language model could not {step} in {run.barren} attempts ({why}): "
        "send a message to try again, or choose another model."
    )


_REASONS = {
    "complete": "it left them out",
    "length": "its answer grew too long",
    "cut": "its answer broke off",
    "failed": "the call failed",
    "invalid": "its answer was not usable",
}
_SHOWN_NAMES = 3


def _names(files: tuple[PlannedFile, ...]) -> str:
    shown = ", ".join(file.path for file in files[:_SHOWN_NAMES])
    more = len(files) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
