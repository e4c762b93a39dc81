"""What the model is told; the shape is fixed."""

from msgspec.structs import replace

from agent.domain.prompt import Message, design_messages, implement_messages
from contracts.project import PostMessage
from scof import INSTRUCTIONS, serialize
from standalone.demo_model.prompt import Implement, Prompt, read
from tests.unit.agent.examples import (
    CUT,
    DESIGNING,
    IMPLEMENTING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    History,
    implement_effect,
    implemented,
    ordered,
    project_after,
)

SAID = ordered(DESIGNING, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "make it\nblue"))


def design(history: History, error: str | None = None) -> list[Message]:
    project = project_after(history)
    assert project.run is not None
    return design_messages(project, replace(project.run, last_error=error))


def implement(history: History) -> list[Message]:
    project = project_after(history)
    assert project.run is not None
    return implement_messages(project, project.run, implement_effect(project))


def test_every_call_has_four_messages() -> None:
    for messages in (design(DESIGNING), implement(IMPLEMENTING)):
        roles = [message.role for message in messages]
        assert roles == ["system", "user", "user", "user"]


def test_the_context_says_what_is_wanted() -> None:
    assert design(SAID)[1].content == (
        "# App\nA kanban board\n\n"
        "# Request\nA kanban board\n\n"
        "# Messages\n- make it blue\n\n"
        "# Phases of this run\n(none)\n"
    )


def test_a_design_call_lists_the_phases_so_far() -> None:
    context = design(IMPLEMENTING)[1].content
    assert "# Phases of this run\n1. Board: A board with three columns.\n" in context


def test_an_implement_call_lists_the_phases_before_its_own() -> None:
    assert "# Phases of this run\n(none)\n" in implement(IMPLEMENTING)[1].content


def test_files_are_shown_as_the_model_writes_them() -> None:
    assert implement(IMPLEMENTING)[2].content == "# Files\n(none)\n"
    shown = implement(implemented(IMPLEMENTING, "index.html", end=CUT))[2].content
    block = serialize({"index.html": "content of index.html\n"})
    assert shown == f"# Files\n{block}"


def test_the_task_of_a_design_call_comes_last() -> None:
    assert design(DESIGNING)[3].content.startswith("# Design the next phase\n")


def test_a_plan_that_was_refused_is_asked_for_again_with_the_reason() -> None:
    task = design(DESIGNING, "The phase names no file to write.")[3].content
    assert task.endswith("could not be used: The phase names no file to write.\n")


def test_the_task_of_an_implement_call_names_only_missing_files() -> None:
    history = implemented(IMPLEMENTING, "index.html", end=CUT)
    task = implement(history)[3].content
    assert task.startswith(
        "# Phase\nBoard\nA board with three columns.\n\n"
        "# Write these files\n- src/app.ts: the board\n\n"
    )
    assert task.endswith(INSTRUCTIONS)


def test_a_second_call_asks_for_whole_files() -> None:
    again = implement(implemented(IMPLEMENTING, "index.html", end=CUT))[3].content
    assert "no patches" in again
    assert "no patches" not in implement(IMPLEMENTING)[3].content


def test_the_demo_model_reads_a_design_call() -> None:
    texts = [message.content for message in design(SAID)[1:]]
    assert read(texts) == Prompt(
        app="A kanban board", request="A kanban board", remarks=("make it blue",)
    )


def test_the_demo_model_reads_an_implement_call() -> None:
    history = implemented(IMPLEMENTING, "index.html", end=CUT)
    prompt = read([message.content for message in implement(history)[1:]])
    assert isinstance(prompt.task, Implement)
    assert (prompt.task.name, prompt.task.paths) == ("Board", ("src/app.ts",))
    assert prompt.files == {"index.html": "content of index.html\n"}
