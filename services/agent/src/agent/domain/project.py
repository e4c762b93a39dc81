"""What a project answers to commands."""

from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from agent.domain.changes import moved, refusal, stopped
from agent.domain.content import File, digest
from agent.domain.images import refusal_of_images
from agent.domain.state import Project, evolve
from contracts.codec import AnyEvent
from contracts.project import (
    Access,
    AccessGranted,
    AccessRevoked,
    Actor,
    CreateProject,
    DeleteFile,
    DeleteProject,
    FileDeleted,
    FileWritten,
    GrantAccess,
    MessagePosted,
    PostMessage,
    ProjectCommand,
    ProjectCreated,
    ProjectDeleted,
    ProjectEvent,
    ProjectUpdated,
    RevokeAccess,
    RunStarted,
    RunState,
    SaveFile,
    SettingsChanged,
    StartRun,
    StopRun,
    UpdateProject,
    UpdateSettings,
)
from contracts.subjects import INTERNAL_SERVICES
from eventcore.decider import Decider
from eventcore.errors import Denied, Rejected
from scof import UnsafePath, safe_path

MAX_EVENTS = 50_000
"""Events in a project after which no run starts; histories stay readable."""
MAX_GRANTS = 20
"""Services outside that may use one project."""


class Order(Struct, frozen=True):
    """A command and on whose behalf it is given."""

    actor: Actor
    command: ProjectCommand


def decide(project: Project, order: Order) -> list[ProjectEvent]:
    """Return what happens on the command.

    Raises:
        Rejected: The answer is no, with a code of the public contract.

    """
    command = order.command
    if isinstance(command, CreateProject):
        return _create(project, order.actor, command)
    if isinstance(command, DeleteProject | GrantAccess | RevokeAccess | UpdateSettings):
        check_access(project, order.actor, "own")
        return _decide_as_owner(project, command)
    check_access(project, order.actor, "write")
    match command:
        case UpdateProject(name, description):
            return [_updated(project, name, description)]
        case SaveFile():
            return [_saved(project, command)]
        case DeleteFile():
            return [_removed(project, command)]
        case StartRun() | StopRun() | PostMessage():
            return _decide_run(project, command)
        case _:
            assert_never(command)


def _decide_as_owner(
    project: Project,
    command: DeleteProject | GrantAccess | RevokeAccess | UpdateSettings,
) -> list[ProjectEvent]:
    match command:
        case DeleteProject():
            ended = stopped(project, project.run) if project.run else []
            return [*ended, ProjectDeleted()]
        case UpdateSettings():
            return [_settled(project, command)]
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
        Denied: There is no such project, or it is somebody else's.

    """
    if actor.kind == "service":
        granted = project.grants.get(actor.id)
        if granted is None or wanted not in ("read", granted):
            reason = f"No grant to {wanted} this project"
            raise Denied("project_access_denied", reason)
    if project.owner_id is None or project.deleted:
        raise Denied("project_not_found", "Project not found")
    if actor.kind == "user" and actor.id != str(project.owner_id):
        raise Denied("project_access_denied", "This project is not yours.")


def _create(
    project: Project, actor: Actor, command: CreateProject
) -> list[ProjectEvent]:
    if actor.kind != "user":
        raise Denied("project_access_denied", "Only a person creates projects.")
    if project.version:
        check_access(project, actor, "own")
        raise Rejected("invalid_message_data", "This project exists already.")
    try:
        owner_id = UUID(actor.id)
    except ValueError as error:
        raise Denied("project_access_denied", "Sign in again.") from error
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
    _check_match(path, known, command.if_match)
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


def _removed(project: Project, command: DeleteFile) -> FileDeleted:
    path = _safe(command.path)
    known = project.files.get(path)
    _check_match(path, known, command.if_match)
    if known is None:
        raise Rejected("invalid_message_data", f"There is no file {path}.")
    return FileDeleted(known.id, path, author="user")


def _check_match(path: str, known: File | None, if_match: str | None) -> None:
    if if_match is None:
        return
    there = digest(known) if known else ""
    if if_match not in (there, there and "*"):
        raise Rejected("conflict", f"{path} was changed meanwhile: look again.")


def _settled(project: Project, command: UpdateSettings) -> SettingsChanged:
    settings = command.settings
    if command.expected not in (None, project.settings):
        raise Rejected("conflict", "The settings were changed meanwhile: look again.")
    if any(settings.variables.values()):
        reason = "The values of variables are not for a project's log."
        raise Rejected("invalid_message_data", reason)
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


PROJECT: Decider[Project, Order, ProjectEvent, AnyEvent] = Decider(
    initial=Project(), decide=decide, evolve=evolve
)
