"""What a run does next: a pure function of the project's state.

The driver performs the effect and appends what came of it. After a crash another
driver asks the same question of the same log, so there is no other recovery.
"""

from typing import TypeAlias, TypeVar
from uuid import UUID

from msgspec import Struct

from agent.domain.forgetting import Suspect
from agent.domain.manifest import manifest_digest
from agent.domain.run_state import Run
from agent.domain.state import Project
from contracts.project import PlannedFile, RunState
from contracts.requests import SpendLimits

_N = TypeVar("_N", int, float)

MAX_BARREN = 3
"""Calls in a row that bring nothing before the run fails."""
MAX_BUSY = 10
"""Times in a row that a run waits because its provider wants that."""
MAX_REPAIRS = 3
"""Times in a row that an app is repaired before the run fails."""
MAX_INTERRUPTIONS = 10
"""Workers in a row that die over the same step before the run fails."""
MAX_CALLS = 60
"""Calls of the language model in one run, whatever they bring."""


UNLIMITED = SpendLimits()
FILTERED = "The provider's filter stopped the answer: change the request."
"""The error of a call whose answer was stopped for what it says."""


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
    """1, 2, 3: the phase after which it happens."""
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
    suspect: Suspect | None = None
    """What of the requests is the reason, where they are."""


ModelEffect: TypeAlias = DesignPhase | ImplementPhase
SandboxEffect: TypeAlias = SyncSandbox | InstallPackages | StartApp
Note: TypeAlias = CloseCall | FinishPhase | CompleteRun | FailRun
"""Effects that need nothing from the world: they are only recorded."""
Effect: TypeAlias = ModelEffect | SandboxEffect | Note


# --- which one is next ------------------------------------------------------------


def next_effect(project: Project, limits: SpendLimits = UNLIMITED) -> Effect | None:
    """Return what the run under way does next; None when no run is under way."""
    run = project.run
    if run is None:
        return None
    if run.call is not None:
        return CloseCall(run.id)
    effect = _step(project, run)
    if isinstance(effect, DesignPhase | ImplementPhase):
        reason = overspent(project, run, limits)
        if reason is not None:
            return FailRun(run.id, reason)
        return _unless_hopeless(run, effect)
    return effect


def limits_of(project: Project, limits: SpendLimits) -> SpendLimits:
    """Return what the project's settings say, or else *limits*, which bound both."""
    own = project.settings
    return SpendLimits(
        run_usd=_within(limits.max_run_usd, own.max_run_cost_usd, limits.run_usd),
        project_usd=_within(
            limits.max_project_usd, own.max_project_cost_usd, limits.project_usd
        ),
        run_tokens=_within(
            limits.max_run_tokens, own.max_run_tokens, limits.run_tokens
        ),
    )


def overspent(project: Project, run: Run, limits: SpendLimits) -> str | None:
    """Return why no call may be made, a sentence, or None if one may."""
    found = limits_of(project, limits)
    tokens = run.usage.prompt_tokens + run.usage.completion_tokens
    if found.run_usd is not None and run.usage.cost_usd >= found.run_usd:
        return _SPENT.format(
            what="run",
            spent=f"${run.usage.cost_usd:.2f}",
            limit=f"${found.run_usd:.2f}",
        )
    if found.project_usd is not None and project.usage.cost_usd >= found.project_usd:
        return _SPENT.format(
            what="project",
            spent=f"${project.usage.cost_usd:.2f}",
            limit=f"${found.project_usd:.2f}",
        )
    if found.run_tokens is not None and tokens >= found.run_tokens:
        return _SPENT.format(
            what="run", spent=f"{tokens:,} tokens", limit=f"{found.run_tokens:,}"
        )
    return None


def _within(most: _N | None, own: _N | None, otherwise: _N | None) -> _N | None:
    chosen = otherwise if own is None else own
    if most is None or chosen is None:
        return most if chosen is None else chosen
    return min(most, chosen)


_SPENT = (
    "This {what} has used {spent} and its limit is {limit}: raise the limit in the "
    "project's settings, as far as the installation allows, then send a message to go "
    "on."
)


def wants_phase(run: Run) -> bool:
    """Tell whether another phase follows the one that is written.

    A message that nobody has taken in gets one, even beyond the limit of phases.
    """
    if run.unseen:
        return True
    if run.problems:
        return True
    planned = sum(not phase.problems for phase in run.phases)
    return not run.phases[-1].is_last and planned < run.max_phases


def _step(project: Project, run: Run) -> Effect:
    match project.state:
        case RunState.DESIGNING:
            return DesignPhase(run.id, len(run.phases), run.attempts + 1)
        case RunState.IMPLEMENTING:
            return _implement(project, run)
        case RunState.INSTALL:
            return InstallPackages(run.id, len(run.phases), manifest_digest(project))
        case RunState.START if run.started:
            return CompleteRun(run.id)
        case RunState.START:
            return StartApp(run.id, len(run.phases))
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
        suspect: Suspect | None = "anything" if run.last_error == FILTERED else None
        return FailRun(run.id, _barren_message(run), suspect)
    if run.interruptions >= MAX_INTERRUPTIONS:
        message = (
            f"The work broke off {run.interruptions} times at the same step: look at "
            "the agent's log, then start the run again."
        )
        return FailRun(run.id, message)
    if run.busy >= MAX_BUSY:
        message = (
            f"The language model's provider asked {run.busy} times in a row to wait: "
            "send a message later to go on, or choose another model."
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
