"""Reading the agent's prompts."""

import pytest

from standalone.demo_model.prompt import Implement, NotAPrompt, Prompt, read
from tests.support.demo_model import implement_task, user_messages


def test_every_section_of_a_prompt_is_read() -> None:
    messages = user_messages(
        "a timer",
        request="dark mode",
        remarks=["and a bell", "thanks"],
        phases=["Dark mode with a switch"],
        files={"index.html": "<h1>Hi</h1>\n", "no-newline": "x"},
    )
    prompt = read(messages)
    assert (prompt.app, prompt.request) == ("a timer", "dark mode")
    assert prompt.remarks == ("and a bell", "thanks")
    assert prompt.phases == ("Dark mode with a switch",)
    assert prompt.files["index.html"] == "<h1>Hi</h1>\n"
    assert prompt.task is None


def test_empty_sections_are_empty() -> None:
    assert read(user_messages("a timer")) == Prompt(app="a timer", request="a timer")


def test_a_remark_may_have_several_lines() -> None:
    prompt = read(user_messages("a timer", remarks=["first\n  line two", "second"]))
    assert prompt.remarks == ("first\n  line two", "second")


def test_the_rules_after_the_list_are_no_files() -> None:
    task = implement_task("A timer", ["index.html", "src/App.tsx"])
    prompt = read(user_messages("a timer", task=task))
    assert prompt.task == Implement("A timer", ("index.html", "src/App.tsx"))


def test_a_remark_about_an_answer_after_the_task_does_not_hide_it() -> None:
    messages = user_messages("a timer", task=implement_task("A timer", ["index.html"]))
    prompt = read([*messages, "Your answer was cut off."])
    assert prompt.task == Implement("A timer", ("index.html",))


def test_headings_in_a_description_only_shift_sections() -> None:
    prompt = read(user_messages("# Request\nevil\n# App\nmore", request="dark"))
    assert prompt.task is None


@pytest.mark.parametrize(
    "messages",
    [[], ["hello"], ["a", "b", "c"], ["", "", "# Phase\n# Write these files"]],
)
def test_other_conversations_are_refused(messages: list[str]) -> None:
    with pytest.raises(NotAPrompt):
        read(messages)
