"""What is known of the run that is under way, and what events make of it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from agent.domain.problems import fingerprint
from contracts.codec import AnyEvent
from contracts.project import (
    MAX_IMAGES_BYTES,
    AssistantReplied,
    FileConflict,
    FileDeleted,
    FilesSynced,
    FileWritten,
    Image,
    MessagePosted,
    ModelCallCounted,
    ModelCallEnded,
    ModelCallStarted,
    PhaseDesigned,
    PhaseImplemented,
    PlannedFile,
    Price,
    Problem,
    ProblemsReported,
    ServerStarted,
    Usage,
)
from contracts.requests import UsageTotals


class Said(Struct, frozen=True):
    """What a person wrote and showed."""

    text: str
    images: tuple[Image, ...] = ()


class Phase(Struct, frozen=True):
    """A phase as it was designed."""

    name: str
    description: str
    files: tuple[PlannedFile, ...]
    is_last: bool
    problems: tuple[Problem, ...] = ()
    """What it repairs."""


class Call(Struct, frozen=True):
    """A call of the language model that has begun and not ended."""

    purpose: Literal["design", "implement"]
    phase_index: int
    attempt: int
    model: str
    progress: bool = False
    """A planned file that was missing has been written since it began."""
    prompt_tokens: int | None = None
    """About; None in logs from before that was counted."""
    price: Price | None = None
    answer_chars: int = 0
    """Of the files that it has brought so far."""


class Run(Struct, frozen=True):
    """What is known of the run that is under way."""

    id: UUID
    prompt: str
    model: str | None
    max_phases: int
    is_asked: bool = False
    """A message started it, which may be a question."""
    images: tuple[Image, ...] = ()
    """What was shown with the prompt."""
    messages: tuple[Said, ...] = ()
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
    touched: dict[str, Literal["edited", "deleted"]] = {}
    """Paths that people changed since the phase under way was designed."""
    kept: tuple[str, ...] = ()
    """Paths whose version by a person was kept against the agent's, in this run."""
    started: bool = False
    """The app answers, as this run started it."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the app and no phase repairs yet."""
    repairs: int = 0
    """Times in a row that problems were reported."""
    fingerprints: tuple[str, ...] = ()
    """Of the problems that were reported in a row."""
    call: Call | None = None
    calls: int = 0
    """Calls of the model in this run."""
    usage: UsageTotals = UsageTotals()
    """Of all calls of this run that have ended, as far as they said."""
    attempts: int = 0
    """Calls for the step under way."""
    barren: int = 0
    """Calls for this step in a row that ended without bringing anything."""
    interruptions: int = 0
    """Calls for this step in a row that no worker lived to end."""
    busy: int = 0
    """Calls for this step in a row after which the provider wanted to be left alone."""
    last_error: str | None = None
    """What the last barren call ended with."""
    not_before: datetime | None = None
    """The provider wants no call before."""

    @property
    def unseen(self) -> tuple[Said, ...]:
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
        case FileWritten() | FileDeleted() | FileConflict():
            return _change(run, event)
        case MessagePosted(_, content, images):
            said = Said(content, tuple(images))
            return replace(run, messages=with_said(run.messages, said))
        case ModelCallStarted():
            return _call(run, event)
        case ModelCallEnded():
            run = replace(run, usage=added(run.usage, event.usage))
            return _hang_up(run, event)
        case ModelCallCounted(usage=usage):
            return replace(run, usage=added(run.usage, usage, calls=0))
        case _:
            return _advance(run, event)


def with_said(messages: tuple[Said, ...], said: Said) -> tuple[Said, ...]:
    """Return *messages* and one more; of their images only the newest are kept."""
    kept: list[Said] = []
    room = MAX_IMAGES_BYTES
    for one in (said, *reversed(messages)):
        room -= sum(len(image.data) for image in one.images)
        kept.append(one if room >= 0 or not one.images else Said(one.text))
    return tuple(reversed(kept))


def added(totals: UsageTotals, usage: Usage, *, calls: int = 1) -> UsageTotals:
    """Return *totals* and one more call, or 0 *calls*: more of the one before."""
    return UsageTotals(
        calls=totals.calls + calls,
        prompt_tokens=totals.prompt_tokens + (usage.prompt_tokens or 0),
        completion_tokens=totals.completion_tokens + (usage.completion_tokens or 0),
        cost_usd=totals.cost_usd + (usage.cost_usd or 0.0),
    )


def _advance(run: Run, event: AnyEvent) -> Run:
    match event:
        case PhaseDesigned():
            return _design(run, event)
        case PhaseImplemented():
            return _next_step(replace(run, implemented=len(run.phases)))
        case ProblemsReported(_, problems):
            return replace(
                run,
                started=False,
                problems=tuple(problems),
                repairs=run.repairs + 1,
                fingerprints=(*run.fingerprints, fingerprint(problems)),
            )
        case _:
            return _note(run, event)


def _note(run: Run, event: AnyEvent) -> Run:
    match event:
        case FilesSynced():
            return replace(run, synced=run.implemented)
        case ServerStarted():
            return replace(run, started=True)
        case AssistantReplied():
            # Whatever else was said meanwhile, the call has brought something.
            return replace(_fruitful(run), seen=run.offered)
        case _:
            return run


def _design(run: Run, event: PhaseDesigned) -> Run:
    phase = Phase(
        name=event.name,
        description=event.description,
        files=tuple(event.files),
        is_last=event.is_last_phase,
        problems=run.problems,
    )
    if not run.problems:
        run = replace(run, repairs=0, fingerprints=())
    run = replace(
        run, phases=(*run.phases, phase), seen=run.offered, problems=(), touched={}
    )
    return _next_step(run)


def _change(run: Run, event: FileWritten | FileDeleted | FileConflict) -> Run:
    match event:
        case FileConflict(path, content, run_id=run_id) if run_id == run.id:
            kept = tuple(other for other in run.kept if other != path)
            return _wrote(replace(run, kept=(*kept, path)), path, content)
        case FileWritten(_, path, content, "agent", run_id) if run_id == run.id:
            return _wrote(run, path, content)
        case FileWritten(path=path, author="user"):
            return replace(run, touched={**run.touched, path: "edited"})
        case FileDeleted(path=path, author="user"):
            return replace(run, touched={**run.touched, path: "deleted"})
        case _:
            return run


def _wrote(run: Run, path: str, content: str) -> Run:
    call = run.call
    if call is not None:
        progress = call.progress or any(file.path == path for file in run.missing)
        chars = call.answer_chars + len(content)
        call = replace(call, progress=progress, answer_chars=chars)
    # A path that is written again counts from where it was written last.
    written = tuple(other for other in run.written if other != path)
    return replace(run, call=call, written=(*written, path))


def _call(run: Run, event: ModelCallStarted) -> Run:
    call = Call(
        purpose=event.purpose,
        phase_index=event.phase_index,
        attempt=event.attempt,
        model=event.model,
        prompt_tokens=event.prompt_tokens,
        price=event.price,
    )
    design = event.purpose == "design"
    return replace(
        run,
        call=call,
        calls=run.calls + 1,
        attempts=run.attempts + 1,
        not_before=None,
        offered=len(run.messages) if design else run.offered,
    )


def _hang_up(run: Run, event: ModelCallEnded) -> Run:
    run = replace(run, not_before=event.retry_at)
    if run.call is not None and run.call.progress:
        return _fruitful(replace(run, call=None))
    if event.retry_at is not None:
        return replace(run, call=None, busy=run.busy + 1)
    if event.outcome == "interrupted":
        return replace(run, call=None, interruptions=run.interruptions + 1)
    error = event.error or event.outcome
    return replace(run, call=None, barren=run.barren + 1, last_error=error)


def _next_step(run: Run) -> Run:
    return replace(_fruitful(run), written=(), attempts=0)


def _fruitful(run: Run) -> Run:
    """Return *run* after a call that brought something."""
    return replace(run, barren=0, interruptions=0, busy=0, last_error=None)
