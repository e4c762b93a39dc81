"""Answers as servers really send them."""

import json
from typing import Any

import pytest

from agent.adapters import completion
from agent.adapters.completion import Completion, Problem, problem_of
from agent.domain.outcome import CallEnd
from contracts.project import Usage
from tests.support.model_server import delta, ending, event

HELLO = delta("Hel") + delta("lo") + ending()


def read(*parts: bytes) -> tuple[str, CallEnd]:
    answer = Completion("asked/model")
    text = "".join(answer.feed(part) for part in parts if not answer.over)
    text += answer.feed_end()
    return text, answer.end()


def outcome(*parts: bytes) -> str:
    return read(*parts)[1].outcome


def choice(**fields: object) -> bytes:
    return event({"choices": [fields]})


# --- what arrives -------------------------------------------------------------------


def test_an_answer_has_text_an_end_and_a_price() -> None:
    text, end = read(HELLO)
    assert text == "Hello"
    assert end == CallEnd("complete", "fake/model", Usage(100, 20, 0.001), "gen-1")


@pytest.mark.parametrize("cut", range(len(HELLO) + 1))
def test_an_answer_does_not_depend_on_where_bytes_are_cut(cut: int) -> None:
    assert read(HELLO[:cut], HELLO[cut:]) == read(HELLO)


def test_names_that_a_server_gives_hold_no_control_codes() -> None:
    named = {"model": "fake\0/\ud800model", "id": "gen\0\n-1"}
    _, end = read(event({**named, "choices": []}), delta("Hello"), ending())
    _, nameless = read(event({"model": "\0", "id": "\0", "choices": []}))
    assert end.generation_id == "gen -1"
    assert nameless.model == "asked/model"
    assert nameless.generation_id is None
    whole = Completion("asked/model")
    whole.feed_whole(json.dumps({**named, "choices": []}).encode())
    assert whole.end().model == "fake / model"


def test_characters_may_be_cut_anywhere() -> None:
    sent = delta("ü€😀\u2028") + ending()
    raw = sent.replace(b"\\u00fc", "ü".encode()).replace(b"\\u20ac", "€".encode())
    assert read(*(bytes([byte]) for byte in raw))[0] == "ü€😀\u2028"


def test_a_pair_of_surrogates_may_be_split_over_two_pieces() -> None:
    first = b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n'
    second = b'data: {"choices": [{"delta": {"content": "\\ude00b"}}]}\n\n'
    assert read(first, second, ending())[0] == "a😀b"


@pytest.mark.parametrize("escape", ["\\ud83d", "\\ude00"])
def test_half_a_pair_becomes_a_replacement(escape: str) -> None:
    sent = b'data: {"choices": [{"delta": {"content": "a%b"}}]}\n\n' % escape.encode()
    text, _ = read(sent, ending())
    assert text == "a\ufffd"
    text.encode()


@pytest.mark.parametrize(
    "noise",
    [
        b": OPENROUTER PROCESSING\n\n",
        b"event: ping\n\n",
        event({"choices": []}),
        event({"choices": [None]}),
        event({}),
        choice(delta=None),
        choice(delta={"content": None}),
        choice(delta={"content": 1}),
        choice(delta={"reasoning": "Hmm."}),
        event({"choices": [{"delta": {}, "index": "x"}], "usage": "much"}),
    ],
)
def test_what_carries_no_text_changes_nothing(noise: bytes) -> None:
    text, end = read(noise, delta("Hel"), noise, delta("lo"), ending(), noise)
    assert (text, end.outcome) == ("Hello", "complete")


# --- how it ends --------------------------------------------------------------------


def test_without_a_reason_the_answer_was_cut() -> None:
    text, end = read(delta("Hello"), b"data: [DONE]\n\n")
    assert (text, end.outcome) == ("Hello", "cut")
    assert end.error == "The answer broke off without an end."


def test_done_may_be_missing() -> None:
    assert outcome(delta("Hello", "stop")) == "complete"


def test_done_may_come_twice() -> None:
    assert outcome(HELLO, b"data: [DONE]\n\n", b"data: [DONE]\n\n") == "complete"


def test_the_first_reason_counts() -> None:
    assert outcome(delta("a", "stop"), delta("b", "length")) == "complete"


def test_text_after_the_reason_is_not_part_of_the_answer() -> None:
    assert read(delta("a", "stop"), delta("b"), ending())[0] == "a"


@pytest.mark.parametrize("reason", ["length", "max_tokens"])
def test_an_answer_may_grow_too_long(reason: str) -> None:
    assert outcome(delta("a", reason)) == "length"


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls"])
def test_a_model_that_does_not_write_has_failed(reason: str) -> None:
    _, end = read(delta("a", reason))
    assert end.outcome == "failed"
    assert end.error


def test_an_error_amid_the_answer_cuts_it() -> None:
    error = {"error": {"code": "server_error", "message": "Boom"}, "choices": []}
    text, end = read(delta("Hello"), event(error), delta("never"))
    assert (text, end.outcome) == ("Hello", "cut")
    assert end.error == "The provider reported an error: Boom."


def test_an_error_in_place_of_the_answer_fails_it() -> None:
    _, end = read(event({"error": {"code": 502, "message": "Boom"}}))
    assert end.outcome == "failed"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"data: not json\n\n",
        b'data: {"choices"\n\n',
        b"data: [1]\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b"x" * 300_000,
        b"data: \xff\xfe\n\n",
    ],
)
def test_nonsense_cuts_the_answer(nonsense: bytes) -> None:
    text, end = read(delta("Hello"), nonsense, delta("never"))
    assert (text, end.outcome) == ("Hello", "cut")


def test_an_event_cut_by_the_end_of_the_stream_is_dropped() -> None:
    text, end = read(delta("Hello"), delta("World")[:-20])
    assert (text, end.outcome) == ("Hello", "cut")


def test_an_answer_without_bounds_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MAX_ANSWER_CHARS", 10)
    _, end = read(*[delta("Hello")] * 3)
    assert (end.outcome, end.error) == ("cut", "The answer grew beyond all bounds.")


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "cost": 0}, Usage(1, 2, 0.0)),
        ({"prompt_tokens": -1, "completion_tokens": True, "cost": -5}, Usage()),
        ({"prompt_tokens": "1", "completion_tokens": 2**60, "cost": "0"}, Usage()),
        ({"cost": float("nan")}, Usage()),
        ({"cost": float("inf")}, Usage()),
    ],
)
def test_a_price_is_believed_only_if_it_makes_sense(
    told: dict[str, Any], usage: Usage
) -> None:
    _, end = read(delta("a", "stop"), event({"choices": [], "usage": told}))
    assert end.usage == usage


# --- answers that are not streamed, and errors --------------------------------------


def test_a_whole_answer_is_read() -> None:
    answer = Completion("asked/model")
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    assert answer.feed_whole(json.dumps(body).encode()) == "Hi"
    assert answer.end().outcome == "complete"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_a_whole_answer_that_is_none_has_failed(body: bytes) -> None:
    answer = Completion("asked/model")
    assert answer.feed_whole(body) == ""
    assert answer.end().outcome == "failed"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"error": {"code": 429, "message": "Slow"}}, Problem(429, "Slow")),
        ({"error": {"code": "429", "message": "Slow"}}, Problem(429, "Slow")),
        ({"error": "Slow\n\x1b[31mdown"}, Problem(None, "Slow [31mdown")),
        ({"error": {"message": 3}}, Problem(None, "no reason given")),
        ({"choices": []}, None),
    ],
)
def test_an_error_object_is_read(body: object, problem: Problem | None) -> None:
    assert problem_of(json.dumps(body).encode()) == problem
