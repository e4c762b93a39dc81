"""What is known of the run that is under way, and what events make of it."""

from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.codec import AnyEvent
from contracts.project import (
    FilesSynced,
    FileWritten,
    MessagePosted,
    ModelCallEnded,
    ModelCallStarted,
    PhaseDesigned,
    PhaseImplemented,
    PlannedFile,
    ServerStarted,
)


class Phase(Struct, frozen=True):
    """A phase as it was designed."""

    name: str
    description: str
    files: tuple[PlannedFile, ...]
    is_last: bool


class Call(Struct, frozen=True):
    """A call of the language model that has begun and not ended."""

    purpose: Literal["design", "implement"]
    phase_index: int
    attempt: int
    model: str
    progress: bool = False
    """A planned file that was missing has been written since it began."""


class Run(Struct, frozen=True):
    """What is known of the run that is under way."""

    id: UUID
    prompt: str
    model: str | None
    max_phases: int
    messages: tuple[str, ...] = ()
    """What people wrote since it began, and what no earlier run took in."""
    offered: int = 0
    """How many of the messages the design call made last was given."""
    seen: int = 0
    """How many of the messages a phase that was designed has taken in."""
    phases: tuple[Phase, ...] = ()
    implemented: int = 0
    """Phases whose files are all written."""
    synced: int = 0
    """Phases after which the sandbox got all files."""
    written: tuple[str, ...] = ()
    """Paths that the agent wrote in the phase under way, in order."""
    started: bool = False
    """The app answers, as this run started it."""
    call: Call | None = None
    calls: int = 0
    """Calls of the model in this run."""
    attempts: int = 0
    """Calls for the step under way."""
    barren: int = 0
    """Calls for this step in a row that ended without bringing anything."""
    interruptions: int = 0
    """Calls for this step in a row that no worker lived to end."""
    last_error: str | None = None
    """What the last barren call ended with."""

    @property
    def unseen(self) -> tuple[str, ...]:
        """Messages that no phase has taken in."""
        return self.messages[self.seen :]

    @property
    def missing(self) -> tuple[PlannedFile, ...]:
        """Planned files of the phase under way that are not written yet."""
        if self.implemented >= len(self.phases):
            return ()
        planned = self.phases[-1].files
        return tuple(file for file in planned if file.path not in self.written)


def evolve_run(run: Run, event: AnyEvent) -> Run:
    """Return the run after *event*, which does not end it."""
    match event:
        case FileWritten(_, path, _, "agent", run_id) if run_id == run.id:
            return _wrote(run, path)
        case MessagePosted(_, content):
            return replace(run, messages=(*run.messages, content))
        case ModelCallStarted():
            return _call(run, event)
        case ModelCallEnded():
            return _hang_up(run, event)
        case _:
            return _advance(run, event)


def _advance(run: Run, event: AnyEvent) -> Run:
    match event:
        case PhaseDesigned(_, _, name, description, files, is_last_phase):
            phase = Phase(name, description, tuple(files), is_last_phase)
            run = replace(run, phases=(*run.phases, phase), seen=run.offered)
            return _next_step(run)
        case PhaseImplemented():
            return _next_step(replace(run, implemented=len(run.phases)))
        case FilesSynced():
            return replace(run, synced=run.implemented)
        case ServerStarted():
            return replace(run, started=True)
        case _:
            return run


def _wrote(run: Run, path: str) -> Run:
    call = run.call
    if call is not None and any(file.path == path for file in run.missing):
        call = replace(call, progress=True)
    # A path that is written again counts from where it was written last.
    written = tuple(other for other in run.written if other != path)
    return replace(run, call=call, written=(*written, path))


def _call(run: Run, event: ModelCallStarted) -> Run:
    call = Call(event.purpose, event.phase_index, event.attempt, event.model)
    design = event.purpose == "design"
    return replace(
        run,
        call=call,
        calls=run.calls + 1,
        attempts=run.attempts + 1,
        offered=len(run.messages) if design else run.offered,
    )


def _hang_up(run: Run, event: ModelCallEnded) -> Run:
    if run.call is not None and run.call.progress:
        return replace(run, call=None, barren=0, interruptions=0, last_error=None)
    if event.outcome == "interrupted":
        return replace(run, call=None, interruptions=run.interruptions + 1)
    error = event.error or event.outcome
    return replace(run, call=None, barren=run.barren + 1, last_error=error)


def _next_step(run: Run) -> Run:
    return replace(
        run, written=(), attempts=0, barren=0, interruptions=0, last_error=None
    )
