"""The project: its state, what it answers to commands, what events make of it.

The state holds what `decide`, `next_effect` and the prompts read, and no more.
"""

from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from agent.domain.run_state import Run, evolve_run
from contracts.codec import AnyEvent
from contracts.project import (
    MAX_FILE_BYTES,
    Access,
    AccessGranted,
    AccessRevoked,
    Actor,
    CreateProject,
    DeleteProject,
    DependenciesInstalled,
    FileWritten,
    GrantAccess,
    MessagePosted,
    ModelCallEnded,
    PackagesRequested,
    PhaseDesigned,
    PostMessage,
    ProjectCommand,
    ProjectCreated,
    ProjectDeleted,
    ProjectEvent,
    ProjectUpdated,
    RevokeAccess,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunState,
    RunStopped,
    SaveFile,
    ServerStarted,
    StartRun,
    StateChanged,
    StopRun,
    UpdateProject,
    Usage,
)
from contracts.subjects import INTERNAL_SERVICES
from eventcore.decider import Decider
from eventcore.errors import Rejected
from scof import UnsafePath, safe_path

MAX_FILES = 500
"""Files in a project; what a person can still find their way in."""
MAX_PROJECT_BYTES = 20 * 1024 * 1024
"""All files of a project together, in bytes of UTF-8."""
MAX_EVENTS = 50_000
"""Events in a project after which no run starts; histories stay readable."""
MAX_GRANTS = 20
"""Services outside that may use one project."""
DEFAULT_MAX_PHASES = 10
"""Phases of a run that does not say how many it may have."""


# --- state ------------------------------------------------------------------------


class File(Struct, frozen=True):
    """A file as it is now."""

    id: UUID
    content: str
    size: int
    """Bytes of UTF-8."""


class Project(Struct, frozen=True):
    """A project after *version* events."""

    version: int = 0
    owner_id: UUID | None = None
    name: str = ""
    description: str = ""
    deleted: bool = False
    state: RunState = RunState.IDLE
    total_phases: int = 0
    """Phases designed so far in the run under way, or else in the last one."""
    files: dict[str, File] = {}
    total_bytes: int = 0
    packages: tuple[tuple[str, ...], ...] = ()
    installed: str | None = None
    """Digest of the manifest that was installed last."""
    served: str | None = None
    """Digest of the manifest with which the app was started last."""
    preview_url: str | None = None
    sandbox_id: str | None = None
    run: Run | None = None
    waiting: tuple[str, ...] = ()
    """Messages to runs that ended before they took them in."""
    grants: dict[str, Access] = {}
    """What services outside may do, by their names."""


class Order(Struct, frozen=True):
    """A command and on whose behalf it is given."""

    actor: Actor
    command: ProjectCommand


# --- decide -----------------------------------------------------------------------


def decide(project: Project, order: Order) -> list[ProjectEvent]:
    """Return what happens on the command.

    Raises:
        Rejected: The answer is no, with a code of the public contract.

    """
    command = order.command
    if isinstance(command, CreateProject):
        return _create(project, order.actor, command)
    if isinstance(command, DeleteProject | GrantAccess | RevokeAccess):
        check_access(project, order.actor, "own")
        return _decide_as_owner(project, command)
    check_access(project, order.actor, "write")
    match command:
        case UpdateProject(name, description):
            return [_updated(project, name, description)]
        case SaveFile(file_id, path, content):
            return [_saved(project, file_id, path, content)]
        case StartRun() | StopRun() | PostMessage():
            return _decide_run(project, command)
        case _:
            assert_never(command)


def _decide_as_owner(
    project: Project, command: DeleteProject | GrantAccess | RevokeAccess
) -> list[ProjectEvent]:
    match command:
        case DeleteProject():
            ended = stopped(project, project.run) if project.run else []
            return [*ended, ProjectDeleted()]
        case GrantAccess(service, access):
            return _granted(project, service, access)
        case RevokeAccess(service):
            return [AccessRevoked(service)] if service in project.grants else []
        case _:
            assert_never(command)


def _decide_run(
    project: Project, command: StartRun | StopRun | PostMessage
) -> list[ProjectEvent]:
    match command:
        case StartRun(run_id, prompt, model, max_phases):
            if project.run is not None:
                raise Rejected("generation_in_progress", "A run is under way.")
            prompt = prompt or project.description or project.name
            started = RunStarted(run_id, prompt, model, max_phases)
            return _start(project, [], started)
        case StopRun():
            if project.run is None:
                raise Rejected("generation_not_in_progress", "No run is under way.")
            return stopped(project, project.run)
        case PostMessage(message_id, run_id, content):
            return _post(project, message_id, run_id, content)
        case _:
            assert_never(command)


def check_access(
    project: Project, actor: Actor, wanted: Access | Literal["own"]
) -> None:
    """Return if *actor* may do what is wanted: the owner, or a service with a grant.

    A service without a grant is told the same of a project that is not there.

    Raises:
        Rejected: There is no such project, or it is somebody else's.

    """
    if actor.kind == "service":
        granted = project.grants.get(actor.id)
        if granted is None or wanted not in ("read", granted):
            reason = f"No grant to {wanted} this project"
            raise Rejected("project_access_denied", reason)
    if project.owner_id is None or project.deleted:
        raise Rejected("project_not_found", "Project not found")
    if actor.kind == "user" and actor.id != str(project.owner_id):
        raise Rejected("project_access_denied", "This project is not yours.")


def refusal(project: Project, path: str, content: str) -> str | None:
    """Return why *content* cannot be stored at *path*, or None if it can."""
    size = _utf8_size(content)
    if size > MAX_FILE_BYTES:
        return f"{path} is larger than {MAX_FILE_BYTES // 1024} KiB."
    known = project.files.get(path)
    if known is None and len(project.files) >= MAX_FILES:
        return f"A project holds at most {MAX_FILES} files."
    total = project.total_bytes - (known.size if known else 0) + size
    if total > MAX_PROJECT_BYTES:
        return f"A project holds at most {MAX_PROJECT_BYTES >> 20} MiB."
    return None


def moved(
    project: Project, events: list[ProjectEvent], state: RunState
) -> list[ProjectEvent]:
    """Return *events* and the change to *state* that they cause.

    The change carries all that a client shows, as it is after *events*.
    """
    after = PROJECT.fold(events, project)
    change = StateChanged(
        state=state,
        current_phase=current_phase(state, after.total_phases),
        total_phases=after.total_phases,
        generated_files=sorted(after.files),
        preview_url=after.preview_url,
    )
    return [*events, change]


def current_phase(state: RunState, total_phases: int) -> int | None:
    """Return the index that a client shows in *state*; None outside a run."""
    if state is RunState.DESIGNING:
        return total_phases
    if state in (RunState.IMPLEMENTING, RunState.INSTALL, RunState.START):
        return total_phases - 1
    return None


def ended_call(
    run: Run, outcome: Literal["interrupted", "failed"], error: str
) -> list[ProjectEvent]:
    """Return the end of the call under way, if there is one."""
    call = run.call
    if call is None:
        return []
    return [
        ModelCallEnded(
            run_id=run.id,
            purpose=call.purpose,
            phase_index=call.phase_index,
            attempt=call.attempt,
            outcome=outcome,
            model=call.model,
            usage=Usage(),
            error=error,
        )
    ]


def stopped(project: Project, run: Run) -> list[ProjectEvent]:
    """Return the end of *run*, and of its call, before its time."""
    ends = ended_call(run, "interrupted", "The run was stopped.")
    return moved(project, [*ends, RunStopped(run.id)], RunState.IDLE)


def _create(
    project: Project, actor: Actor, command: CreateProject
) -> list[ProjectEvent]:
    if actor.kind != "user":
        raise Rejected("project_access_denied", "Only a person creates projects.")
    if project.version:
        check_access(project, actor, "own")
        raise Rejected("invalid_message_data", "This project exists already.")
    try:
        owner_id = UUID(actor.id)
    except ValueError as error:
        raise Rejected("project_access_denied", "Sign in again.") from error
    return [ProjectCreated(command.name, command.description, owner_id)]


def _updated(
    project: Project, name: str | None, description: str | None
) -> ProjectUpdated:
    return ProjectUpdated(
        project.name if name is None else name,
        project.description if description is None else description,
    )


def _start(
    project: Project, before: list[ProjectEvent], started: RunStarted
) -> list[ProjectEvent]:
    if project.version >= MAX_EVENTS:
        raise Rejected(
            "rate_limited",
            f"This project has reached {MAX_EVENTS:,} events: go on in a new one.",
        )
    return moved(project, [*before, started], RunState.DESIGNING)


def _post(
    project: Project, message_id: UUID, run_id: UUID, content: str
) -> list[ProjectEvent]:
    if not content.strip():
        raise Rejected(
            "invalid_message_data",
            '"user_message" requires data.content as a non-empty string',
        )
    posted = MessagePosted(message_id, content)
    if project.run is not None:
        return [posted]
    return _start(project, [posted], RunStarted(run_id, prompt=content))


def _saved(project: Project, file_id: UUID, path: str, content: str) -> FileWritten:
    try:
        path = safe_path(path)
    except UnsafePath as error:
        raise Rejected("invalid_message_data", str(error)) from error
    reason = refusal(project, path, content)
    if reason is not None:
        raise Rejected("invalid_message_data", reason)
    known = project.files.get(path)
    return FileWritten(known.id if known else file_id, path, content, author="user")


def _granted(project: Project, service: str, access: Access) -> list[ProjectEvent]:
    if service in INTERNAL_SERVICES:
        raise Rejected("invalid_message_data", f"{service} is a part of Atelier itself")
    if project.grants.get(service) == access:
        return []
    if len(project.grants) >= MAX_GRANTS and service not in project.grants:
        reason = f"A project has at most {MAX_GRANTS} grants"
        raise Rejected("invalid_message_data", reason)
    return [AccessGranted(service, access)]


def _utf8_size(content: str) -> int:
    return len(content) if content.isascii() else len(content.encode())


# --- evolve -----------------------------------------------------------------------


def evolve(project: Project, event: AnyEvent) -> Project:
    """Return the project after *event*; total, it never refuses history."""
    run = project.run and evolve_run(project.run, event)
    project = replace(project, version=project.version + 1, run=run)
    match event:
        case ProjectCreated() | ProjectUpdated() | ProjectDeleted():
            return _describe(project, event)
        case RunStarted():
            return _begin(project, event)
        case RunFailed() | RunStopped() | RunCompleted():
            return _end(project, event)
        case FileWritten():
            return _write(project, event)
        case AccessGranted() | AccessRevoked():
            return replace(project, grants=_grants(project, event))
        case _:  # of the run alone, of how it shows, or of a newer version
            return _show(project, event)


def _describe(
    project: Project, event: ProjectCreated | ProjectUpdated | ProjectDeleted
) -> Project:
    match event:
        case ProjectCreated(name, description, owner_id):
            return replace(
                project, owner_id=owner_id, name=name, description=description
            )
        case ProjectUpdated(name, description):
            return replace(project, name=name, description=description)
        case ProjectDeleted():
            return replace(project, deleted=True)
        case _:
            assert_never(event)


def _show(project: Project, event: AnyEvent) -> Project:
    match event:
        case StateChanged(state):
            return replace(project, state=state)
        case PhaseDesigned(_, phase_index):
            return replace(project, total_phases=phase_index + 1)
        case PackagesRequested(_, argv) if tuple(argv) not in project.packages:
            return replace(project, packages=(*project.packages, tuple(argv)))
        case DependenciesInstalled(_, manifest):
            return replace(project, installed=manifest)
        case ServerStarted(_, url, sandbox_id):
            return replace(
                project,
                preview_url=url,
                sandbox_id=sandbox_id,
                served=project.installed,
            )
        case _:
            return project


def _grants(
    project: Project, event: AccessGranted | AccessRevoked
) -> dict[str, Access]:
    grants = {**project.grants}
    grants.pop(event.service, None)
    if isinstance(event, AccessGranted):
        grants[event.service] = event.access
    return grants


def _begin(project: Project, event: RunStarted) -> Project:
    run = Run(
        id=event.run_id,
        prompt=event.prompt,
        model=event.model,
        max_phases=event.max_phases or DEFAULT_MAX_PHASES,
        messages=project.waiting,
    )
    return replace(project, run=run, waiting=(), total_phases=0)


def _end(project: Project, event: RunFailed | RunStopped | RunCompleted) -> Project:
    # A run that completes hands its unseen messages to the run that follows at once.
    if project.run is None or isinstance(event, RunCompleted):
        return replace(project, run=None)
    return replace(project, run=None, waiting=project.run.unseen)


def _write(project: Project, event: FileWritten) -> Project:
    size = _utf8_size(event.content)
    known = project.files.get(event.path)
    file = File(event.file_id, event.content, size)
    total_bytes = project.total_bytes - (known.size if known else 0) + size
    files = {**project.files, event.path: file}
    return replace(project, files=files, total_bytes=total_bytes)


PROJECT: Decider[Project, Order, ProjectEvent, AnyEvent] = Decider(
    initial=Project(), decide=decide, evolve=evolve
)
