"""Answers are read out of plans, wherever these are cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.prompting.reply import ReplyReader


def read(text: str, *cuts: int) -> str:
    reader, found, start = ReplyReader(), "", 0
    for cut in (*sorted(cuts), len(text)):
        found += reader.feed(text[start:cut])
        start = cut
    return found


@pytest.mark.parametrize("ascii_only", [True, False])
def test_an_answer_does_not_depend_on_where_it_is_cut(*, ascii_only: bool) -> None:
    reply = 'Say "hi"\\ \n\t🎉 \u2028 end'
    plan = json.dumps({"files": [], "reply": reply, "x": 1}, ensure_ascii=ascii_only)
    for cut in range(len(plan)):
        assert read(plan, cut) == reply
        assert read(plan, *range(cut)) == reply


@given(reply=st.text(), cuts=st.lists(st.integers(0, 80)))
def test_any_answer_is_read(reply: str, cuts: list[int]) -> None:
    plan = json.dumps({"name": '"reply": "no"', "reply": reply})
    assert read(plan, *(cut for cut in cuts if cut <= len(plan))) == reply


@pytest.mark.parametrize("plan", ['{"reply": null}', '{"reply": 7}', "[]", "", "{"])
def test_a_plan_without_an_answer_shows_nothing(plan: str) -> None:
    assert read(plan, 3) == ""
