"""The project: its state, what it answers to commands, what events make of it.

The state holds what `decide`, `next_effect` and the prompts read, and no more.
"""

from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from agent.domain.content import (
    File,
    NoContent,
    digest,
    file_of,
    raw,
    too_large,
)
from agent.domain.images import refusal_of_images
from agent.domain.run_state import Run, evolve_run
from contracts.codec import AnyEvent
from contracts.project import (
    Access,
    AccessGranted,
    AccessRevoked,
    Actor,
    CreateProject,
    DeleteFile,
    DeleteProject,
    DependenciesInstalled,
    Encoding,
    FileDeleted,
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
    ProjectSettings,
    ProjectUpdated,
    RevokeAccess,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunState,
    RunStopped,
    SaveFile,
    ServerStarted,
    SettingsChanged,
    StartRun,
    StateChanged,
    StopRun,
    UpdateProject,
    UpdateSettings,
    Usage,
)
from contracts.requests import UsageTotals
from contracts.subjects import INTERNAL_SERVICES
from eventcore.decider import Decider
from eventcore.errors import Rejected
from scof import UnsafePath, safe_path

MAX_FILES = 500
"""Files in a project; what a person can still find their way in."""
MAX_PROJECT_BYTES = 20 * 1024 * 1024
"""All files of a project together, in bytes."""
MAX_EVENTS = 50_000
"""Events in a project after which no run starts; histories stay readable."""
MAX_GRANTS = 20
"""Services outside that may use one project."""
DEFAULT_MAX_PHASES = 10
"""Phases of a run that does not say how many it may have."""


# --- state ------------------------------------------------------------------------


class Project(Struct, frozen=True):
    """A project after *version* events."""

    version: int = 0
    owner_id: UUID | None = None
    name: str = ""
    description: str = ""
    deleted: bool = False
    settings: ProjectSettings = ProjectSettings()
    usage: UsageTotals = UsageTotals()
    """Of all calls of language models, as far as they said."""
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
        case UpdateSettings(settings):
            return [_settled(settings)]
        case SaveFile():
            return [_saved(project, command)]
        case DeleteFile(path):
            return [_removed(project, path)]
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
        case PostMessage():
            return _post(project, command)
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


def refusal(
    project: Project, path: str, content: str, encoding: Encoding = "utf-8"
) -> str | None:
    """Return why *content* cannot be stored at *path*, or None if it can."""
    try:
        size = len(raw(content, encoding))
    except NoContent as error:
        return str(error)
    large = too_large(path, size, encoding)
    if large is not None:
        return large
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


def _post(project: Project, command: PostMessage) -> list[ProjectEvent]:
    content = command.content
    if not content.strip():
        raise Rejected(
            "invalid_message_data",
            '"user_message" requires data.content as a non-empty string',
        )
    reason = refusal_of_images(command.images)
    if reason is not None:
        raise Rejected("invalid_message_data", reason)
    posted = MessagePosted(command.message_id, content, command.images)
    if project.run is not None:
        return [posted]
    return _start(project, [posted], RunStarted(command.run_id, prompt=content))


def _saved(project: Project, command: SaveFile) -> FileWritten:
    path = _safe(command.path)
    known = project.files.get(path)
    if command.if_match is not None:
        there = digest(known) if known else ""
        if there != command.if_match:
            raise Rejected("conflict", f"{path} was changed meanwhile: look again.")
    reason = refusal(project, path, command.content, command.encoding)
    if reason is not None:
        raise Rejected("invalid_message_data", reason)
    return FileWritten(
        file_id=known.id if known else command.file_id,
        path=path,
        content=command.content,
        author="user",
        encoding=command.encoding,
    )


def _removed(project: Project, path: str) -> FileDeleted:
    path = _safe(path)
    known = project.files.get(path)
    if known is None:
        raise Rejected("invalid_message_data", f"There is no file {path}.")
    return FileDeleted(known.id, path, author="user")


def _settled(settings: ProjectSettings) -> SettingsChanged:
    paths = [
        _safe(path.removesuffix("/")) + "/" * path.endswith("/")
        for path in settings.locked_paths
    ]
    return SettingsChanged(replace(settings, locked_paths=list(dict.fromkeys(paths))))


def _safe(path: str) -> str:
    try:
        return safe_path(path)
    except UnsafePath as error:
        raise Rejected("invalid_message_data", str(error)) from error


def _granted(project: Project, service: str, access: Access) -> list[ProjectEvent]:
    if service in INTERNAL_SERVICES:
        raise Rejected("invalid_message_data", f"{service} is a part of Atelier itself")
    if project.grants.get(service) == access:
        return []
    if len(project.grants) >= MAX_GRANTS and service not in project.grants:
        reason = f"A project has at most {MAX_GRANTS} grants"
        raise Rejected("invalid_message_data", reason)
    return [AccessGranted(service, access)]


# --- evolve -----------------------------------------------------------------------


def evolve(project: Project, event: AnyEvent) -> Project:
    """Return the project after *event*; total, it never refuses history."""
    run = project.run and evolve_run(project.run, event)
    project = replace(project, version=project.version + 1, run=run)
    match event:
        case ProjectCreated() | ProjectUpdated() | ProjectDeleted() | SettingsChanged():
            return _describe(project, event)
        case RunStarted():
            return _begin(project, event)
        case RunFailed() | RunStopped() | RunCompleted():
            return _end(project, event)
        case FileWritten() | FileDeleted():
            return _write(project, event)
        case AccessGranted() | AccessRevoked():
            return replace(project, grants=_grants(project, event))
        case _:  # of the run alone, of how it shows, or of a newer version
            return _show(project, event)


def _describe(
    project: Project,
    event: ProjectCreated | ProjectUpdated | ProjectDeleted | SettingsChanged,
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
        case SettingsChanged(settings):
            return replace(project, settings=settings)
        case _:
            assert_never(event)


def _show(project: Project, event: AnyEvent) -> Project:
    match event:
        case StateChanged(state):
            return replace(project, state=state)
        case ModelCallEnded():
            return replace(project, usage=added(project.usage, event.usage))
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


def _write(project: Project, event: FileWritten | FileDeleted) -> Project:
    known = project.files.get(event.path)
    total_bytes = project.total_bytes - (known.size if known else 0)
    if isinstance(event, FileDeleted):
        files = {path: project.files[path] for path in project.files}
        files.pop(event.path, None)
        return replace(project, files=files, total_bytes=total_bytes)
    file = file_of(event.file_id, event.content, event.encoding)
    files = {**project.files, event.path: file}
    return replace(project, files=files, total_bytes=total_bytes + file.size)


def added(totals: UsageTotals, usage: Usage) -> UsageTotals:
    """Return *totals* and one more call."""
    return UsageTotals(
        calls=totals.calls + 1,
        prompt_tokens=totals.prompt_tokens + (usage.prompt_tokens or 0),
        completion_tokens=totals.completion_tokens + (usage.completion_tokens or 0),
        cost_usd=totals.cost_usd + (usage.cost_usd or 0.0),
    )


PROJECT: Decider[Project, Order, ProjectEvent, AnyEvent] = Decider(
    initial=Project(), decide=decide, evolve=evolve
)
