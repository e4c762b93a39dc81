"""Reads what the agent sends: the app, the request, the files and the task.

The prompts are the agent's own, so their headings are known: message 1 says what is
wanted, message 2 holds the app's files as SCOF, a later one the task. What people wrote
stands between the headings and may look like one; the worst that follows is an answer
with the wrong app.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scof import FileClosed, Parser, PatchClosed, PatchFailed, apply_patch

CONTEXT_HEADINGS = ("# App", "# Request", "# Messages", "# Phases of this run")
DESIGN_HEADING = "# Design the next phase"
PHASE_HEADING = "# Phase"
FILES_HEADING = "# Write these files"
WHOLE_FILES = "no patches"

_NONE = "(none)"
_NUMBERED = re.compile(r"\d+\. (?P<name>[^:\n]+)")


class NotAPrompt(Exception):
    """The messages are none of the agent's; one sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Implement:
    """Write *paths* of the phase with this name."""

    name: str
    paths: tuple[str, ...]
    whole: bool = False
    """No patches, please: an earlier answer was of no use."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question of the agent."""

    app: str
    """The project's first description."""
    request: str
    """What is asked in this run; the same as *app* in the first one."""
    remarks: tuple[str, ...] = ()
    """What the person added during the run."""
    phases: tuple[str, ...] = ()
    """Names of the phases that this run has designed so far."""
    files: Mapping[str, str] = field(default_factory=dict)
    task: Implement | None = None
    """None: design the next phase."""


def read(messages: Sequence[str]) -> Prompt:
    """Return what the *messages* of the user ask for.

    Raises:
        NotAPrompt: A part is missing.

    """
    if len(messages) < 3:  # noqa: PLR2004 - context, files, task
        raise NotAPrompt("Three messages of the user are needed: context, files, task.")
    context = _sections(messages[0], CONTEXT_HEADINGS)
    return Prompt(
        app=context["# App"],
        request=context["# Request"] or context["# App"],
        remarks=_remarks(context["# Messages"]),
        phases=tuple(
            found["name"].strip()
            for found in map(
                _NUMBERED.match, context["# Phases of this run"].split("\n")
            )
            if found
        ),
        files=_files(messages[1]),
        task=_task(messages[2:]),
    )


def _sections(text: str, headings: Sequence[str]) -> dict[str, str]:
    """Return the text below each of *headings*, which stand in this order."""
    sections = dict.fromkeys(headings, "")
    rest = "\n" + text
    for heading, following in zip(headings, (*headings[1:], None), strict=True):
        _, found, after = rest.partition(f"\n{heading}\n")
        if not found:
            continue
        end = after.find(f"\n{following}\n") if following else -1
        body = after if end < 0 else after[:end]
        sections[heading] = "" if body.strip() == _NONE else body.strip()
        rest = after
    return sections


def _remarks(section: str) -> tuple[str, ...]:
    """Split at lines that begin with a dash; others continue the remark."""
    parts = re.split(r"^- ", section, flags=re.MULTILINE)
    return tuple(part.strip() for part in parts if part.strip())


def _files(message: str) -> dict[str, str]:
    parser = Parser()
    files: dict[str, str] = {}
    for event in [*parser.feed(message), *parser.finish()]:
        if isinstance(event, FileClosed):
            files[event.path] = event.content
        elif isinstance(event, PatchClosed):
            # A patch here takes away the last line feed; one that does not fit is odd
            # but no reason to refuse the whole question.
            try:
                files[event.path] = apply_patch(files.get(event.path, ""), event.diff)
            except PatchFailed:
                continue
    return files


def _task(messages: Sequence[str]) -> Implement | None:
    """Return the last task; later messages may be remarks about an answer."""
    for message in reversed(messages):
        if message.lstrip().startswith(DESIGN_HEADING):
            return None
        found = _sections(message, (PHASE_HEADING, FILES_HEADING))
        if found[PHASE_HEADING] and found[FILES_HEADING]:
            name = found[PHASE_HEADING].split("\n", 1)[0].strip()
            paths = _planned_paths(found[FILES_HEADING])
            return Implement(name, paths, whole=WHOLE_FILES in found[FILES_HEADING])
    raise NotAPrompt("The last message of the user asks for no phase and no files.")


def _planned_paths(section: str) -> tuple[str, ...]:
    """Return the paths of the list; the format rules after it have lists too."""
    paths = []
    for line in section.split("\n"):
        if line.startswith("- "):
            paths.append(line[2:].split(": ", 1)[0].strip())
        elif not line.startswith("  "):  # a purpose that goes on
            break
    return tuple(dict.fromkeys(paths))
