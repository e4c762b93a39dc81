"""What the model is told; the shape is fixed."""

import pytest
from msgspec.structs import replace

from agent.domain.content import File
from agent.domain.prompting.context import CHARS_PER_TOKEN
from agent.domain.prompting.prompt import Message, design_messages, implement_messages
from agent.domain.prompting.seam import Partial
from agent.domain.run import ImplementPhase
from agent.domain.run_state import Said
from agent.domain.state import Project, Turn
from contracts.project import (
    AssistantReplied,
    FileConflict,
    Image,
    PostMessage,
    Problem,
    ProblemsReported,
    ProjectSettings,
    SettingsChanged,
    StartRun,
)
from scof import INSTRUCTIONS, serialize
from standalone.demo_model.prompt import Implement, Prompt, read
from tests.unit.agent.examples import (
    CUT,
    DESIGNING,
    IDLE,
    IMPLEMENTING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    OTHER_FILE_ID,
    PLAN,
    RUN_ID,
    History,
    call_begun,
    designed,
    implement_effect,
    implemented,
    ordered,
    project_after,
    saved,
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


# --- what only some prompts have ----------------------------------------------------

PROBLEM = Problem("types", "No such name\n  at line 3\n  at line 9", "src/app.ts", 3)
REPAIRING: History = [*DESIGNING, ProblemsReported(RUN_ID, [PROBLEM])]
PICTURE = Image("image/png", b"\x89PNG\r\n\x1a\n")


def test_problems_are_told_to_whoever_plans_and_writes_their_repair() -> None:
    told = (
        "\n# Problems\nThe app does not work yet. This phase repairs it:\n"
        "- types: No such name in src/app.ts, line 3\n    at line 3\n    at line 9\n"
    )
    assert told in design(REPAIRING)[-1].content
    assert told in implement(designed(REPAIRING, PLAN))[-1].content
    assert "# Problems" not in implement(IMPLEMENTING)[-1].content


def test_the_demo_model_reads_the_paths_of_a_repair() -> None:
    messages = [one.content for one in implement(designed(REPAIRING, PLAN))[1:]]
    task = read(messages).task
    assert isinstance(task, Implement)
    assert task.paths == ("index.html", "src/app.ts")


def test_locked_files_are_named() -> None:
    lock = SettingsChanged(ProjectSettings(locked_paths=["src/", "a.ts"]))
    assert "# Locked\nPlan no change of these: src/, a.ts\n" in (
        design([*DESIGNING, lock])[-1].content
    )


def test_what_was_kept_against_the_agent_is_told() -> None:
    history = [*call_begun(IMPLEMENTING), saved("index.html", "mine")]
    history.append(FileConflict("index.html", "its", "edited", RUN_ID, 0))
    assert "that version was kept: index.html" in design(history)[-1].content


def test_what_was_said_before_is_told_the_older_the_shorter() -> None:
    history: History = [*IDLE]
    for number in range(40):
        reply = AssistantReplied(MESSAGE_ID, f"answer {number} " + "word " * 150)
        history.append(reply)
    history = ordered(history, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "and now?"))
    context = design(history)[1].content
    before = context.partition("# Said before\n")[2]
    assert "and now?" not in before
    assert before.count("\n") > 20
    assert len(before) < 12_000
    lines = before.rstrip("\n").split("\n")
    assert len(lines[0]) < 200 < len(lines[-1])
    assert lines[-1].startswith("- You: answer 39 word")


def test_pictures_stand_with_the_request() -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "like this", [PICTURE])
    messages = design(ordered(IDLE, message))
    assert [one.images for one in messages] == [(), (PICTURE,), (), ()]
    during = design(ordered(DESIGNING, message))
    assert during[1].images == (PICTURE,)


def test_a_large_file_is_asked_for_as_a_patch_at_first() -> None:
    history = ordered([*IDLE, saved("index.html", "<p>\n" * 200)], StartRun(RUN_ID))
    history = designed(history, PLAN)
    assert "- index.html: the page (200 lines: send a patch)\n" in (
        implement(history)[-1].content
    )
    again = implemented(history, end=CUT)
    assert "send a patch" not in implement(again)[-1].content


def test_of_a_flood_of_messages_the_newest_are_told() -> None:
    history = DESIGNING
    for number in range(8):
        said = f"wish {number} " + "x" * 6_000
        history = ordered(history, PostMessage(MESSAGE_ID, NEXT_RUN_ID, said))
    request = design(history)[1].content
    messages = request.partition("# Messages\n")[2].partition("\n\n# Phases")[0]
    assert messages.startswith("- (5 older ones, left out)\n- wish 5 ")
    assert "wish 7 " in messages
    assert len(request) < 40_000


def test_a_single_message_is_told_however_long() -> None:
    said = "y" * 20_000
    history = ordered(DESIGNING, PostMessage(MESSAGE_ID, NEXT_RUN_ID, said))
    assert said in design(history)[1].content


def test_what_was_asked_is_not_told_twice() -> None:
    said = "long " * 2_000
    history = ordered(IDLE, PostMessage(MESSAGE_ID, NEXT_RUN_ID, said))
    assert "# Said before" not in design(history)[1].content


# --- what a window has room for -----------------------------------------------------


def talkative() -> Project:
    """Return a project of which there is too much of everything."""
    project = project_after(IMPLEMENTING)
    assert project.run is not None
    words = "colours and shapes " * 1_000
    phase = project.run.phases[0]
    run = replace(
        project.run,
        prompt=words,
        messages=tuple(Said(f"{number} {words}") for number in range(9)),
        phases=(*(replace(phase, description=words) for _ in range(20)), phase),
        implemented=20,
    )
    file = File(OTHER_FILE_ID, "export const name = 1\n" * 500, 11_000)
    return replace(
        project,
        description=words,
        run=run,
        files={f"src/part{number}.ts": file for number in range(900)},
        conversation=tuple(Turn("user", f"{number} {words}") for number in range(60)),
    )


@pytest.mark.parametrize("window_tokens", [8_000, 16_000, 32_000, 64_000, 200_000])
def test_a_prompt_fits_the_window_beside_its_answer(window_tokens: int) -> None:
    project = talkative()
    run = project.run
    assert run is not None
    effect = ImplementPhase(run.id, 20, 1, run.phases[20].files)
    cut = Partial("src/app.ts", "a line of code\n" * 200)
    for messages in (
        design_messages(project, run, window_tokens),
        implement_messages(project, run, effect, window_tokens, cut),
    ):
        chars = sum(len(message.content) for message in messages)
        assert chars / CHARS_PER_TOKEN < 0.8 * window_tokens
        assert chars / CHARS_PER_TOKEN > 0.3 * min(window_tokens, 64_000)
        assert messages[1].content.startswith("# App\ncolours and shapes")
        assert "- 8 colours" in messages[1].content


def test_pictures_take_room_from_files() -> None:
    project = talkative()
    assert project.run is not None
    seen = replace(project.run, images=(PICTURE,) * 9)
    plain, shown = (
        design_messages(project, run, 32_000)[2].content for run in (project.run, seen)
    )
    assert len(shown) < len(plain) / 2
