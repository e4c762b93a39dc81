"""Which answers are plans."""

import json

import pytest
from jsonschema import Draft202012Validator

from agent.domain.prompting.plan import (
    MAX_PLANNED_FILES,
    SCHEMA,
    PhasePlan,
    PlanInvalid,
    read_plan,
)
from agent.domain.state import Project
from contracts.project import PlannedFile, PostMessage, StartRun
from tests.unit.agent.examples import (
    DONE,
    MESSAGE_ID,
    NEXT_RUN_ID,
    PLAN,
    RUN_ID,
    designed,
    ordered,
    project_after,
)

EMPTY = Project()
BUILT = project_after(DONE)


def answer(**changes: object) -> str:
    plan: dict[str, object] = {
        "name": "Board",
        "description": "A board.",
        "files": [{"path": "index.html", "purpose": "the page"}],
        "isLastPhase": True,
    }
    return json.dumps(plan | changes)


def named(*paths: str) -> str:
    return answer(files=[{"path": path, "purpose": ""} for path in paths])


def test_a_plan_is_read() -> None:
    plan = read_plan(answer(), EMPTY)
    assert (plan.name, plan.description, plan.is_last_phase) == (
        "Board",
        "A board.",
        True,
    )
    assert plan.files == [PlannedFile("index.html", "the page")]


def test_the_example_follows_the_schema_that_models_get() -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(answer()))


def test_a_fence_round_the_answer_is_forgiven() -> None:
    assert read_plan(f"```json\n{answer()}\n```", EMPTY) == read_plan(answer(), EMPTY)


def test_paths_become_canonical_and_are_named_once() -> None:
    plan = read_plan(named("./src//a.ts", "src/a.ts", "b.ts"), EMPTY)
    assert [file.path for file in plan.files] == ["src/a.ts", "b.ts"]


def test_a_name_is_one_line() -> None:
    assert read_plan(answer(name=" The\nboard "), EMPTY).name == "The board"


def test_nothing_to_do_is_a_plan_once_there_is_an_app() -> None:
    assert read_plan(answer(files=[]), BUILT).files == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not the JSON"),
        ("I would rather not.", "not the JSON"),
        ('{"name": "Board"}', "not the JSON"),
        (answer(files=[{"path": 1, "purpose": ""}]), "not the JSON"),
        (answer(name="  "), "name"),
        (answer(name="x" * 201), "name"),
        (answer(files=[]), "no file"),
        (answer(files=[], isLastPhase=False), "no file"),
        (named("../etc/passwd"), "refused"),
        (named(*(f"{n}.ts" for n in range(MAX_PLANNED_FILES + 1))), "at most 50"),
        (answer(description="x" * 200_000), "longer than"),
        ("\ud800", "not the JSON"),
        ('{"deep": ' + "[" * 90_000, "not the JSON"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(PlanInvalid, match=reason):
        read_plan(text, EMPTY)


# --- answers to questions -----------------------------------------------------------

ASKED = project_after(
    ordered(DONE, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "What is it?"))
)
BUILDING = project_after(ordered(DONE, StartRun(NEXT_RUN_ID)))


def test_a_question_gets_an_answer_and_no_files() -> None:
    plan = read_plan(answer(name="", files=[], reply=" It is. "), ASKED)
    assert (plan.name, plan.reply, plan.files) == ("Answer", "It is.", [])


def test_an_answer_needs_no_app() -> None:
    empty = project_after(ordered(DONE[:1], PostMessage(MESSAGE_ID, RUN_ID, "Hm?")))
    assert read_plan(answer(files=[], isLastPhase=False, reply="Yes."), empty).reply


@pytest.mark.parametrize("reply", [None, "", "  "])
def test_no_answer_is_none(reply: str | None) -> None:
    assert read_plan(answer(reply=reply), ASKED).reply is None


def test_where_nobody_asked_there_is_no_answer() -> None:
    assert read_plan(answer(reply="It is."), BUILDING).reply is None
    with pytest.raises(PlanInvalid, match="names no file"):
        read_plan(answer(files=[], isLastPhase=False, reply="It is."), BUILDING)


def test_an_answer_during_a_run_leaves_its_plan_as_it_was() -> None:
    first = PhasePlan("Board", "", PLAN.files, is_last_phase=False)
    history = designed(ordered(DONE, StartRun(NEXT_RUN_ID)), first)
    history = ordered(history, PostMessage(MESSAGE_ID, RUN_ID, "What is it?"))
    plan = read_plan(answer(files=[], reply="It is."), project_after(history))
    assert not plan.is_last_phase
