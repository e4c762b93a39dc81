"""The demo model as a process: OpenRouter's protocol over a real socket."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jsonschema
import pytest

from agent.domain.prompting.plan import SCHEMA
from standalone.demo_model.library import load
from tests.support.demo_model import (
    PHASE_FORMAT,
    DemoModelServer,
    chat_body,
    implement_task,
    streamed,
    user_messages,
    written_files,
)
from tests.support.polling import wait_until
from tests.support.servers import server_folder

PATH = "/api/v1/chat/completions"
CUT_ONCE = 'demo_model_answers_total{outcome="cut"} 1.0'
FOCUS, KANBAN, EXPENSES = load().apps


@pytest.fixture(scope="module")
def fast() -> Iterator[httpx.Client]:
    """A client of a server that answers without delay."""
    with (
        server_folder() as folder,
        DemoModelServer(folder) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def slow() -> Iterator[DemoModelServer]:
    """A server that would take many minutes for one answer."""
    with (
        server_folder() as folder,
        DemoModelServer(folder, characters_per_second=20) as server,
    ):
        yield server


@contextmanager
def under_way(server: DemoModelServer) -> Iterator[Iterator[bytes]]:
    """Lend what follows the first bytes of an answer."""
    with (
        httpx.Client(base_url=server.url, trust_env=False) as client,
        client.stream("POST", PATH, json=implement(stream=True)) as answer,
    ):
        rest = answer.iter_bytes()
        next(rest)
        yield rest


def design(**parts: Any) -> dict[str, object]:  # noqa: ANN401 - of user_messages
    return chat_body(user_messages("expenses", **parts), response_format=PHASE_FORMAT)


def implement(**fields: object) -> dict[str, object]:
    step = KANBAN.phases[0]
    task = implement_task(step.name, list(step.contents))
    return chat_body(user_messages("a kanban board", task=task), **fields)


def content(messages: list[dict[str, Any]]) -> str:
    """Return the joined deltas of a stream."""
    choices = [choice for message in messages for choice in message["choices"]]
    return "".join(choice["delta"]["content"] for choice in choices)


def test_a_phase_is_designed_in_one_piece(fast: httpx.Client) -> None:
    answer = fast.post(PATH, json=design()).json()
    choice = answer["choices"][0]
    plan = json.loads(choice["message"]["content"])
    jsonschema.validate(plan, SCHEMA)
    assert plan["name"] == EXPENSES.phases[0].name
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["cost"] == 0


def test_a_phase_can_be_designed_in_a_stream_too(fast: httpx.Client) -> None:
    body = fast.post(PATH, json=design() | {"stream": True}).content
    jsonschema.validate(json.loads(content(streamed(body))), SCHEMA)


def test_a_phase_is_implemented_in_a_stream(fast: httpx.Client) -> None:
    answer = fast.post(PATH, json=implement(stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    messages = streamed(answer.content)
    assert written_files(content(messages), {}) == KANBAN.phases[0].contents
    assert answer.headers["x-generation-id"] == messages[0]["id"]


def test_pieces_are_a_few_characters(fast: httpx.Client) -> None:
    messages = streamed(fast.post(PATH, json=implement(stream=True)).content)
    pieces = [content([message]) for message in messages[:-2]]
    assert max(map(len, pieces)) <= 8


def test_a_stream_begins_with_a_comment(fast: httpx.Client) -> None:
    body = fast.post(PATH, json=implement(stream=True)).content
    assert body.startswith(b": OPENROUTER PROCESSING\n\n")
    assert body.count(b": OPENROUTER") > 1


def test_a_stream_ends_with_stop_usage_and_done(fast: httpx.Client) -> None:
    messages = streamed(fast.post(PATH, json=implement(stream=True)).content)
    *_, stop, last = messages
    assert stop["choices"][0]["finish_reason"] == "stop"
    usage = last["usage"]
    assert usage["completion_tokens"] == -(-len(content(messages)) // 4)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["cost"] == 0


def test_text_may_come_in_parts(fast: httpx.Client) -> None:
    body = design()
    messages: Any = body["messages"]
    for message in messages:
        message["content"] = [{"type": "text", "text": message["content"]}]
    assert fast.post(PATH, json=body).status_code == 200


def test_the_model_is_listed(fast: httpx.Client) -> None:
    (model,) = fast.get("/api/v1/models").json()["data"]
    assert model["id"] == fast.post(PATH, json=design()).json()["model"]
    assert "structured_outputs" in model["supported_parameters"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"messages": "hello"}', 400),
        (b'{"messages": [{"role": "user", "content": "hello"}]}', 400),
        (b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', 400),
        (json.dumps(chat_body(user_messages("x"))).encode(), 400),
        (b" " * (33 * 1024 * 1024), 413),
    ],
)
def test_what_cannot_be_answered_is_refused_as_openrouter_does(
    fast: httpx.Client, body: bytes, status: int
) -> None:
    answer = fast.post(PATH, content=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == status
    assert error["message"]


def test_unknown_paths_and_methods_are_refused_in_the_same_form(
    fast: httpx.Client,
) -> None:
    assert fast.get("/api/v1/nothing").json()["error"]["code"] == 404
    assert fast.get(PATH).json()["error"]["code"] == 405


def test_a_file_that_is_not_built_in_is_refused(fast: httpx.Client) -> None:
    task = implement_task("Rewrite", ["main.rs"])
    answer = fast.post(PATH, json=chat_body(user_messages("x", task=task)))
    assert answer.status_code == 400
    assert "main.rs" in answer.json()["error"]["message"]


def test_it_stops_generating_when_the_client_goes_away(slow: DemoModelServer) -> None:
    with under_way(slow):
        assert "cut" not in metrics(slow)
    wait_until(lambda: CUT_ONCE in metrics(slow), "the answer is given up")


def test_a_signal_cuts_an_answer_off_and_ends_the_process(
    slow: DemoModelServer,
) -> None:
    with under_way(slow) as rest:
        slow.stop()
        assert b"[DONE]" not in b"".join(rest)
    assert '"exit_code":0' in slow.log.read_text()


def metrics(server: DemoModelServer) -> str:
    return httpx.get(f"{server.url}/metrics", trust_env=False).text
