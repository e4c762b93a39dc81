"""Parts of decisions: what commands and effects have in common."""

from typing import Literal

from agent.domain.content import NoContent, raw, too_large
from agent.domain.estimate import Counted
from agent.domain.run_state import Run
from agent.domain.state import Project, folded
from contracts.project import (
    Encoding,
    ModelCallEnded,
    ProjectEvent,
    ProjectSettings,
    RunState,
    RunStopped,
    StateChanged,
    Usage,
)

MAX_FILES = 500
"""Files in a project; what a person can still find their way in."""
MAX_PROJECT_BYTES = 20 * 1024 * 1024
"""All files of a project together, in bytes."""


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
    if known is None:
        if len(project.files) >= MAX_FILES:
            return f"A project holds at most {MAX_FILES} files."
        other = _in_the_way(project, path)
        if other is not None:
            return f"{path} and {other} cannot both be there: one would be a folder."
    total = project.total_bytes - (known.size if known else 0) + size
    if total > MAX_PROJECT_BYTES:
        return f"A project holds at most {MAX_PROJECT_BYTES >> 20} MiB."
    return None


def _in_the_way(project: Project, path: str) -> str | None:
    """Return a file that *path* would make a folder of, or be a folder of."""
    for other in project.files:
        if other.startswith(f"{path}/") or path.startswith(f"{other}/"):
            return other
    return None


def is_locked(settings: ProjectSettings, path: str) -> bool:
    """Tell whether a person has locked *path*, or a folder that it is in."""
    return any(
        path == locked or (locked.endswith("/") and path.startswith(locked))
        for locked in settings.locked_paths
    )


def moved(
    project: Project, events: list[ProjectEvent], state: RunState
) -> list[ProjectEvent]:
    """Return *events* and the change to *state* that they cause.

    The change carries all that a client shows, as it is after *events*.
    """
    after = folded(project, events)
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
        return total_phases - 1 if total_phases else None
    return None


def ended_call(
    run: Run, outcome: Literal["interrupted", "failed"], error: str
) -> list[ProjectEvent]:
    """Return the end of the call under way, if there is one.

    What it has cost is as much as the log knows: its prompt, and the files it brought.
    """
    call = run.call
    if call is None:
        return []
    usage = Usage()
    if call.prompt_tokens is not None:
        counted = Counted(call.prompt_tokens, call.answer_chars, price=call.price)
        usage = counted.usage
    return [
        ModelCallEnded(
            run_id=run.id,
            purpose=call.purpose,
            phase_index=call.phase_index,
            attempt=call.attempt,
            outcome=outcome,
            model=call.model,
            usage=usage,
            error=error,
        )
    ]


def stopped(project: Project, run: Run) -> list[ProjectEvent]:
    """Return the end of *run*, and of its call, before its time."""
    ends = ended_call(run, "interrupted", "The run was stopped.")
    return moved(project, [*ends, RunStopped(run.id)], RunState.IDLE)
