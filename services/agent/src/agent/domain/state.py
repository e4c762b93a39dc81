"""The project: its state, and what events make of it.

The state holds what `decide`, `next_effect` and the prompts read, and no more.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from agent.domain.content import File, file_of
from agent.domain.run_state import Run, Said, added, evolve_run
from contracts.codec import AnyEvent
from contracts.project import (
    Access,
    AccessGranted,
    AccessRevoked,
    AssistantReplied,
    DependenciesInstalled,
    FileDeleted,
    FileWritten,
    MessagePosted,
    ModelCallCounted,
    ModelCallEnded,
    ModelCallStarted,
    PackagesRequested,
    PhaseDesigned,
    ProjectCreated,
    ProjectDeleted,
    ProjectErased,
    ProjectSettings,
    ProjectUpdated,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunState,
    RunStopped,
    ServerStarted,
    SettingsChanged,
    StateChanged,
    Usage,
)
from contracts.requests import UsageTotals

DEFAULT_MAX_PHASES = 10
"""Phases of a run that does not say how many it may have."""
MAX_TURNS = 60
"""Messages and answers of a conversation that are remembered."""
MAX_TURN_CHARS = 4_000
"""Characters of one of them that are remembered."""
MAX_PROMPT_CHARS = 20_000
"""Of messages that came too late for a run and begin the next one."""
FOLD = 3
"""Number of the rules by which events make a state. Whoever changes what `evolve` makes
of any event raises it, so that no snapshot of the old rules is trusted."""


class Turn(Struct, frozen=True):
    """Something that was said in the conversation."""

    by: Literal["user", "agent"]
    text: str


class EndedCall(Struct, frozen=True):
    """The call that ended last, and what was recorded of its cost."""

    run_id: UUID
    purpose: Literal["design", "implement"]
    phase_index: int
    attempt: int
    model: str
    usage: Usage


class Project(Struct, frozen=True):
    """A project after *version* events."""

    version: int = 0
    owner_id: UUID | None = None
    name: str = ""
    description: str = ""
    deleted: bool = False
    settings: ProjectSettings = ProjectSettings()
    usage: UsageTotals = UsageTotals()
    """Of all calls of language models."""
    ended: EndedCall | None = None
    """The call before the one that is under way; None when it was counted again."""
    refusals: int = 0
    """Runs in a row in which the provider refused what it was asked."""
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
    waiting: tuple[Said, ...] = ()
    """Messages to runs that ended before they took them in."""
    conversation: tuple[Turn, ...] = ()
    """What was said last, in order; at most `MAX_TURNS`."""
    fresh: Said | None = None
    """The message posted last outside a run, which starts the next one."""
    grants: dict[str, Access] = {}
    """What services outside may do, by their names."""


def evolve(project: Project, event: AnyEvent) -> Project:
    """Return the project after *event*; total, it never refuses history."""
    run = project.run and evolve_run(project.run, event)
    project = replace(_counted(project, event), version=project.version + 1, run=run)
    match event:
        case (
            ProjectCreated()
            | ProjectUpdated()
            | ProjectDeleted()
            | ProjectErased()
            | SettingsChanged()
        ):
            return _describe(project, event)
        case RunStarted():
            return _begin(project, event)
        case RunFailed() | RunStopped() | RunCompleted():
            return _end(project, event)
        case FileWritten() | FileDeleted():
            return _write(project, event)
        case MessagePosted() | AssistantReplied():
            return _say(project, event)
        case _:  # of the run alone, of how it shows, or of a newer version
            return _show(project, event)


def _counted(project: Project, event: AnyEvent) -> Project:
    """Return *project* with what *event* says of calls of the model."""
    match event:
        case ModelCallStarted():
            return replace(project, ended=None)
        case ModelCallEnded(run_id, purpose, index, attempt, _, model, usage):
            ended = EndedCall(run_id, purpose, index, attempt, model, usage)
            total = added(project.usage, usage)
            return replace(project, usage=total, ended=ended)
        case ModelCallCounted(usage=usage):
            total = added(project.usage, usage, calls=0)
            return replace(project, usage=total, ended=None)
        case _:
            return project


def _describe(
    project: Project,
    event: ProjectCreated
    | ProjectUpdated
    | ProjectDeleted
    | ProjectErased
    | SettingsChanged,
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
        case ProjectErased(version, owner_id):
            return Project(version=version, owner_id=owner_id, deleted=True)
        case SettingsChanged(settings):
            return replace(project, settings=settings)
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
        case AccessGranted() | AccessRevoked():
            return replace(project, grants=_grants(project, event))
        case _:
            return _run_app(project, event)


def _run_app(project: Project, event: AnyEvent) -> Project:
    match event:
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
    fresh = project.fresh
    is_asked = fresh is not None and fresh.text == event.prompt
    opening: tuple[Said, ...] = (fresh,) if fresh is not None and is_asked else ()
    waiting = project.waiting
    if waiting and not is_asked and event.prompt == late_prompt(waiting):
        is_asked, opening, waiting = True, waiting, ()
    run = Run(
        id=event.run_id,
        prompt=event.prompt,
        model=event.model,
        max_phases=event.max_phases or DEFAULT_MAX_PHASES,
        is_asked=is_asked,
        images=tuple(image for said in opening for image in said.images),
        messages=waiting,
    )
    turns = project.conversation
    if not is_asked and not waiting:
        turns = _with_turn(turns, Turn("user", event.prompt))
    return replace(
        project, run=run, waiting=(), total_phases=0, fresh=None, conversation=turns
    )


def _end(project: Project, event: RunFailed | RunStopped | RunCompleted) -> Project:
    waiting = project.waiting if project.run is None else project.run.unseen
    project = replace(project, run=None, waiting=waiting)
    match event:
        case RunFailed():
            return _fail(project, event)
        case RunCompleted():
            return replace(project, refusals=0)
        case RunStopped():
            return project
        case _:
            assert_never(event)


def _fail(project: Project, event: RunFailed) -> Project:
    turns, waiting = project.conversation, project.waiting
    if event.forgets == "pictures":
        waiting = tuple(Said(said.text) for said in waiting)
    elif event.forgets == "conversation":
        turns, waiting = (), ()
    return replace(
        project,
        waiting=waiting,
        conversation=_with_turn(turns, Turn("agent", event.message)),
        refusals=project.refusals + 1 if event.refused else 0,
    )


def late_prompt(waiting: Sequence[Said]) -> str:
    """Return the prompt of a run that begins with messages nobody has taken in.

    The newest of them, as many as a prompt may hold.
    """
    texts: list[str] = []
    room = MAX_PROMPT_CHARS
    for said in reversed(waiting):
        room -= len(said.text)
        if texts and room < 0:
            break
        texts.append(said.text)
    return "\n\n".join(reversed(texts))


def _say(project: Project, event: MessagePosted | AssistantReplied) -> Project:
    if isinstance(event, AssistantReplied):
        turn, fresh = Turn("agent", event.content), project.fresh
    else:
        turn = Turn("user", event.content)
        said = Said(event.content, tuple(event.images))
        fresh = said if project.run is None else None
    turns = _with_turn(project.conversation, turn)
    return replace(project, conversation=turns, fresh=fresh)


def _with_turn(turns: tuple[Turn, ...], turn: Turn) -> tuple[Turn, ...]:
    shortened = replace(turn, text=turn.text[:MAX_TURN_CHARS])
    return (*turns, shortened)[-MAX_TURNS:]


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


def folded(project: Project, events: Iterable[AnyEvent]) -> Project:
    """Return the project after *events*."""
    return reduce(evolve, events, project)
