"""The plan of a phase: the schema that the model gets, and what it may answer."""

from typing import Any

import msgspec
from msgspec import Struct

from agent.domain.changes import is_locked
from agent.domain.state import Project
from contracts.project import PlannedFile
from scof import UnsafePath, safe_path

MAX_PLANNED_FILES = 50
"""Files of one phase; more do not fit into an answer."""
MAX_PLAN_CHARS = 100_000
"""The whole answer, in characters."""
MAX_NAME_CHARS = 200
MAX_REPLY_CHARS = 20_000

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "description", "files", "isLastPhase"],
    "properties": {
        "name": {"type": "string", "description": "A few words."},
        "description": {
            "type": "string",
            "description": "What a person sees and can do after this phase, and how.",
        },
        "files": {
            "type": "array",
            "description": "Every file that this phase creates or changes.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "purpose"],
                "properties": {
                    "path": {"type": "string", "description": "Relative."},
                    "purpose": {
                        "type": "string",
                        "description": "What the file holds, or how it changes.",
                    },
                },
            },
        },
        "isLastPhase": {
            "type": "boolean",
            "description": "True when nothing is left to do after this phase.",
        },
        "reply": {
            "type": ["string", "null"],
            "description": "The answer to a question of the person, else null.",
        },
    },
}
"""JSON Schema of the answer, under the name ``phase``; closed, as *strict* wants. An
answer without ``reply`` is one with null."""


class PlanInvalid(Exception):
    """The answer is no plan; the message tells the model, or a person, why."""


class PhasePlan(Struct, frozen=True, rename="camel"):
    """What the model answers."""

    name: str
    description: str
    files: list[PlannedFile]
    is_last_phase: bool
    reply: str | None = None
    """What the person is told, where there was a question."""


_decoder = msgspec.json.Decoder(PhasePlan)


def read_plan(text: str, project: Project) -> PhasePlan:
    """Return the plan in *text*, its paths canonical and each of them once.

    Raises:
        PlanInvalid: It cannot be carried out; asking again may help.

    """
    if len(text) > MAX_PLAN_CHARS:
        raise PlanInvalid(f"The plan is longer than {MAX_PLAN_CHARS:,} characters.")
    try:
        plan = _decoder.decode(_without_fence(text))
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise PlanInvalid(
            f"The answer is not the JSON that was asked for: {error}."
        ) from error
    run = project.run
    reply = (plan.reply or "").strip()[:MAX_REPLY_CHARS] or None
    may_answer = run is not None and (run.is_asked or bool(run.messages))
    reply = reply if may_answer else None
    name = " ".join(plan.name.split()) or ("Answer" if reply else "")
    if not name or len(name) > MAX_NAME_CHARS:
        raise PlanInvalid(f"The name must have 1 to {MAX_NAME_CHARS} characters.")
    files = _canonical(plan.files)
    _check(files, plan, project, reply)
    is_last = plan.is_last_phase
    if reply and not files and run is not None and run.phases:
        is_last = run.phases[-1].is_last  # an answer changes nothing of the plan
    return PhasePlan(name, plan.description.strip(), files, is_last, reply)


def _check(
    files: list[PlannedFile], plan: PhasePlan, project: Project, reply: str | None
) -> None:
    if len(files) > MAX_PLANNED_FILES:
        raise PlanInvalid(f"A phase has at most {MAX_PLANNED_FILES} files: split it.")
    if not files and not reply and not (plan.is_last_phase and project.files):
        raise PlanInvalid("The phase names no file to write.")
    locked = [file.path for file in files if is_locked(project.settings, file.path)]
    if locked:
        raise PlanInvalid(
            f"A person has locked {', '.join(locked)}: do it without changing that."
        )


def _without_fence(text: str) -> str:
    """Return the text inside a code fence round all of it, a habit of models."""
    text = text.strip()
    if not (text.startswith("```") and text.endswith("```")):
        return text
    return text[3:-3].partition("\n")[2]


def _canonical(files: list[PlannedFile]) -> list[PlannedFile]:
    purposes: dict[str, str] = {}
    for file in files:
        try:
            path = safe_path(file.path)
        except UnsafePath as error:
            raise PlanInvalid(str(error)) from error
        purposes.setdefault(path, file.purpose.strip())
    return [PlannedFile(path, purpose) for path, purpose in purposes.items()]
