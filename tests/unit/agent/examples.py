"""Projects in every state, told as the events that lead there."""

from collections.abc import Callable
from uuid import UUID

from agent.domain import outcome
from agent.domain.outcome import CallEnd
from agent.domain.project import PROJECT, Order
from agent.domain.prompting.plan import PhasePlan
from agent.domain.run import (
    DesignPhase,
    ImplementPhase,
    InstallPackages,
    next_effect,
)
from agent.domain.state import Project
from contracts.codec import AnyEvent
from contracts.project import (
    Actor,
    FileWritten,
    PlannedFile,
    ProjectCommand,
    ProjectCreated,
    ProjectDeleted,
    ProjectErased,
    ProjectEvent,
    RunStarted,
    StartRun,
    Usage,
)

OWNER_ID = UUID("00000000-0000-4000-8000-00000000000a")
OTHER_ID = UUID("00000000-0000-4000-8000-00000000000b")
RUN_ID = UUID("00000000-0000-4000-8000-000000000001")
NEXT_RUN_ID = UUID("00000000-0000-4000-8000-000000000002")
MESSAGE_ID = UUID("00000000-0000-4000-8000-000000000003")
FILE_ID = UUID("00000000-0000-4000-8000-000000000004")
OTHER_FILE_ID = UUID("00000000-0000-4000-8000-000000000005")

OWNER = Actor("user", str(OWNER_ID))
OTHER = Actor("user", str(OTHER_ID))
SANDBOX = Actor("service", "sandbox")

CREATED = ProjectCreated("Board", "A kanban board", OWNER_ID)
DELETED = ProjectDeleted()
ERASED = ProjectErased(9, OWNER_ID, [])
URL = "http://name.preview.localhost:3000/"

PLAN = PhasePlan(
    "Board",
    "A board with three columns.",
    [PlannedFile("index.html", "the page"), PlannedFile("src/app.ts", "the board")],
    is_last_phase=True,
)
FIRST_OF_TWO = PhasePlan("Board", "A board.", PLAN.files, is_last_phase=False)
COMPLETE = CallEnd("complete", "fake/model", Usage(10, 5, 0.1), "gen-1")
CUT = CallEnd("cut", "fake/model", error="The answer broke off without an end.")
HOPELESS = CallEnd("failed", "fake/model", error="Add credit.", hopeless=True)

History = list[AnyEvent]
Outcome = Callable[[Project], list[ProjectEvent]]


def by_owner(command: ProjectCommand) -> Order:
    return Order(OWNER, command)


def project_after(history: History) -> Project:
    return PROJECT.fold(history)


def then(history: History, *outcomes: Outcome) -> History:
    """Return the history with what the outcomes, one after the other, record."""
    for record in outcomes:
        history = [*history, *record(project_after(history))]
    return history


def ordered(history: History, command: ProjectCommand) -> History:
    """Return the history with what happens on the owner's command."""
    return [*history, *PROJECT.decide(project_after(history), by_owner(command))]


def design_effect(project: Project) -> DesignPhase:
    effect = next_effect(project)
    assert isinstance(effect, DesignPhase)
    return effect


def implement_effect(project: Project) -> ImplementPhase:
    effect = next_effect(project)
    assert isinstance(effect, ImplementPhase)
    return effect


def designed(history: History, plan: PhasePlan) -> History:
    """Return the history with a design call that brought *plan*."""
    effect = design_effect(project_after(history))
    return then(
        history,
        lambda now: outcome.call_started(now, effect, "fake/model"),
        lambda now: outcome.phase_designed(now, effect, COMPLETE, plan),
    )


def call_begun(history: History) -> History:
    """Return the history with the call begun that comes next."""
    effect = next_effect(project_after(history))
    assert isinstance(effect, DesignPhase | ImplementPhase)
    return then(history, lambda now: outcome.call_started(now, effect, "fake/model"))


def implemented(history: History, *paths: str, end: CallEnd = COMPLETE) -> History:
    """Return the history with a call that wrote *paths*."""
    effect = implement_effect(project_after(history))
    history = call_begun(history)
    for path in paths:
        content = f"content of {path}\n"
        written = outcome.file_written(
            project_after(history), effect, FILE_ID, path, content
        )
        history = [*history, *written]
    return then(history, lambda now: outcome.call_ended(now, effect, end))


def installed(history: History) -> History:
    """Return the history with the app's packages installed."""
    effect = next_effect(project_after(history))
    assert isinstance(effect, InstallPackages)
    return then(history, lambda now: outcome.packages_installed(now, effect))


IDLE: History = [CREATED]
DESIGNING = ordered(IDLE, StartRun(RUN_ID))
DESIGN_CALLED = call_begun(DESIGNING)
IMPLEMENTING = designed(DESIGNING, PLAN)
IMPLEMENT_CALLED = call_begun(IMPLEMENTING)
WRITTEN = implemented(IMPLEMENTING, "index.html", "src/app.ts")
FINISHED = then(WRITTEN, lambda now: outcome.phase_finished(now, RUN_ID))
INSTALLING = then(FINISHED, lambda now: outcome.files_synced(now, RUN_ID, 2))
STARTING = installed(INSTALLING)
STARTED = then(STARTING, lambda now: outcome.app_started(now, RUN_ID, URL, "box"))
DONE = then(STARTED, lambda now: outcome.run_completed(now, RUN_ID, NEXT_RUN_ID))
FAILED = then(DESIGNING, lambda now: outcome.failed(now, RUN_ID, "It did not work."))

RUNNING = {
    "designing": DESIGNING,
    "design called": DESIGN_CALLED,
    "implementing": IMPLEMENTING,
    "implement called": IMPLEMENT_CALLED,
    "written": WRITTEN,
    "finished": FINISHED,
    "installing": INSTALLING,
    "starting": STARTING,
    "started": STARTED,
}
RESTING = {"idle": IDLE, "complete": DONE, "error": FAILED}


def run_started(history: History, run_id: UUID = RUN_ID) -> RunStarted:
    """Return the start of the run."""
    return next(
        one for one in history if isinstance(one, RunStarted) and one.run_id == run_id
    )


def saved(path: str, content: str) -> FileWritten:
    """Return a person's file."""
    return FileWritten(OTHER_FILE_ID, path, content, author="user")
