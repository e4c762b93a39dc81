"""The language model over real HTTP, with servers as they misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import httpx
import pytest
from msgspec.structs import replace

from agent.adapters.openrouter import Limits, OpenRouter, open_model
from agent.domain.outcome import CallEnd
from agent.domain.prompting.plan import SCHEMA
from agent.domain.prompting.prompt import Message
from agent.ports import ModelCall, Unseen
from contracts.project import Usage
from standalone.ports import free_port
from tests.support.model_server import (
    ModelServer,
    Reset,
    Script,
    delta,
    ending,
    event,
    head,
    model_server,
    pieces,
    refusal,
    streamed,
    whole,
)

WRITE = ModelCall("a/model", [Message("user", "Write.")])
DESIGN = ModelCall("a/model", [Message("user", "Plan.")], SCHEMA)
FAST = Limits(first_byte_s=5, silence_s=5, whole_s=20, pause_s=0.001, longest_pause_s=1)
NEVER = asyncio.Event
KEY = "sk-or-secret"
OVERLOADED = event({"error": {"code": 529, "message": "Overloaded"}})


@asynccontextmanager
async def talking(
    *scripts: Script, limits: Limits = FAST
) -> AsyncIterator[tuple[OpenRouter, ModelServer]]:
    async with (
        model_server() as server,
        open_model(server.url, KEY, limits) as model,
    ):
        server.scripts.extend(scripts)
        yield model, server


def dripping(sent: bytes, pause_s: float, times: int) -> Script:
    """Return the script of something that is sent again and again."""
    return [step for _ in range(times) for step in (sent, pause_s)]


async def answered(model: OpenRouter, call: ModelCall = WRITE) -> tuple[str, CallEnd]:
    """Return the whole text and the one end of an answer."""
    received = [piece async for piece in model.answer(call)]
    *texts, end = received
    assert isinstance(end, CallEnd)
    return "".join(text for text in texts if isinstance(text, str)), end


async def answer_to(
    *scripts: Script, call: ModelCall = WRITE, limits: Limits = FAST
) -> tuple[str, CallEnd]:
    async with talking(*scripts, limits=limits) as (model, _):
        return await answered(model, call)


# --- what is sent -------------------------------------------------------------------


async def test_a_streamed_call_asks_for_a_stream_and_its_price() -> None:
    async with talking(streamed("Hello")) as (model, server):
        assert (await answered(model))[0] == "Hello"
    (asked,) = server.asked
    assert asked.body == {
        "model": "a/model",
        "messages": [{"role": "user", "content": "Write."}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["accept-encoding"] == "identity"


async def test_a_design_call_asks_for_json_of_the_schema() -> None:
    async with talking(whole('{"name": "Board"}')) as (model, server):
        text, end = await answered(model, DESIGN)
    assert (text, end.outcome) == ('{"name": "Board"}', "complete")
    (asked,) = server.asked
    assert "stream" not in asked.body
    schema = asked.body["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"]) == ("phase", True)
    assert schema["schema"]["properties"] == SCHEMA["properties"]
    assert schema["schema"]["required"] == list(SCHEMA["properties"])


async def test_only_openrouter_is_asked_what_others_do_not_know() -> None:
    call = replace(WRITE, fallbacks=("b/1", "b/2", "b/3"))
    async with httpx.AsyncClient() as client:
        own = OpenRouter(client, "https://openrouter.ai/api/v1", FAST)
        body = own._body_of(call)  # noqa: SLF001 - its server is not here
    assert body["usage"] == {"include": True}
    assert body["models"] == ["a/model", "b/1", "b/2"]


# --- answers ------------------------------------------------------------------------


async def test_the_end_says_who_answered_and_what_it_cost() -> None:
    _, end = await answer_to(streamed("Hello"))
    usage = Usage(100, 20, 0.001)
    assert end == CallEnd("complete", "fake/model", usage, "gen-1")


async def test_the_providers_id_of_the_call_comes_from_the_header() -> None:
    script = [head(X_Generation_Id="gen-7"), delta("Hello"), ending()]
    assert (await answer_to(script))[1].generation_id == "gen-7"


async def test_an_answer_may_arrive_byte_by_byte() -> None:
    text = "Grüße 😀\u2028\n"
    sent = b"".join([*map(delta, pieces(text)), ending()])
    script = [head(), *(bytes([byte]) for byte in sent)]
    assert (await answer_to(script))[0] == text


async def test_text_of_one_read_comes_as_one_piece() -> None:
    sent = b"".join(map(delta, pieces("Hello world, hello!")))
    async with talking([head(), sent, ending()]) as (model, _):
        texts = [piece async for piece in model.answer(WRITE)][:-1]
    assert texts == ["Hello world, hello!"]


async def test_a_server_that_ignores_streaming_is_understood() -> None:
    text, end = await answer_to(whole("Hello"))
    assert (text, end.outcome) == ("Hello", "complete")


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ([head(), delta("Hello")], "cut"),
        ([head(), delta("Hello"), Reset()], "cut"),
        ([head(), delta("Hello"), b"data: [DONE]\n\n"], "cut"),
        ([head(), delta("Hello"), OVERLOADED], "cut"),
        ([head(), delta("Hello"), delta("", "stop"), Reset()], "complete"),
        (streamed("Hello", "length"), "length"),
        ([head(), b": waiting\n\n" * 3, delta("Hello"), ending()], "complete"),
    ],
)
async def test_nothing_is_repeated_after_the_first_character(
    script: Script, outcome: str
) -> None:
    async with talking(script) as (model, server):
        text, end = await answered(model)
    assert (text, end.outcome) == ("Hello", outcome)
    assert len(server.asked) == 1


# --- repeating ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        refusal("429 Too Many Requests", "Slow down"),
        refusal("429 Too Many Requests", "Slow down", Retry_After="0.01"),
        refusal("500 Internal Server Error", "Boom"),
        refusal("502 Bad Gateway", "Down"),
        refusal("503 Service Unavailable", "Nobody"),
        refusal("529 Overloaded", "Busy"),
        [head("502 Bad Gateway", "text/html"), b"<html>"],
        [head(), OVERLOADED],
        [head()],
        [head(), b": waiting\n\n"],
        [Reset()],
        [head(Content_Encoding="gzip"), b"\x1f\x8b"],
    ],
)
async def test_what_may_pass_is_repeated_before_the_first_character(
    script: Script,
) -> None:
    async with talking(script, streamed("Hello")) as (model, server):
        text, end = await answered(model)
    assert (text, end.outcome) == ("Hello", "complete")
    assert len(server.asked) == 2


async def test_repeating_has_an_end() -> None:
    scripts = [refusal("503 Service Unavailable", "Nobody")] * 5
    async with talking(*scripts) as (model, server):
        text, end = await answered(model)
    assert (text, end.outcome, end.hopeless) == ("", "failed", False)
    assert len(server.asked) == FAST.tries


async def test_a_provider_that_wants_too_much_patience_gets_none() -> None:
    script = refusal("429 Too Many Requests", "Tomorrow", Retry_After="3600")
    async with talking(script, streamed("Hello")) as (model, server):
        _, end = await answered(model)
    assert end.outcome == "failed"
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (refusal("401 Unauthorized", "No"), "check OPENROUTER_API_KEY"),
        (refusal("402 Payment Required", "No"), "add credit"),
        (refusal("403 Forbidden", "No"), "change the request"),
        (refusal("400 Bad Request", "No"), "choose another model"),
        (refusal("404 Not Found", "No"), "check OPENROUTER_BASE_URL"),
        ([head(kind="text/html"), b"<html>"], "check OPENROUTER_BASE_URL"),
        ([head("302 Found", Location="/"), b""], "busy or down"),
    ],
)
async def test_what_does_not_pass_goes_to_the_person(
    script: Script, sentence: str
) -> None:
    limits = replace(FAST, tries=1)
    text, end = await answer_to(script, limits=limits)
    assert (text, end.outcome) == ("", "failed")
    assert sentence in (end.error or "")


async def test_the_key_is_not_repeated_in_what_a_person_reads() -> None:
    _, end = await answer_to(refusal("403 Forbidden", f"{KEY} is not allowed"))
    assert KEY not in (end.error or "")
    assert "[key] is not allowed" in (end.error or "")


async def test_a_server_that_is_not_there_is_named_as_such() -> None:
    async with open_model(f"http://127.0.0.1:{free_port()}/v1", None, FAST) as model:
        _, end = await answered(model)
    assert end.outcome == "failed"
    assert "cannot be reached" in (end.error or "")


# --- waiting ------------------------------------------------------------------------


@pytest.mark.parametrize("script", [[NEVER()], [head(), NEVER()]])
async def test_a_server_that_does_not_begin_is_given_up(script: Script) -> None:
    limits = replace(FAST, first_byte_s=0.05, first_token_s=0.05, tries=1)
    _, end = await answer_to(script, limits=limits)
    assert end.outcome == "failed"
    assert "did not begin to answer" in (end.error or "")


async def test_a_server_that_falls_silent_is_given_up() -> None:
    limits = replace(FAST, silence_s=0.05)
    text, end = await answer_to([head(), delta("Hello"), NEVER()], limits=limits)
    assert (text, end.outcome) == ("Hello", "cut")
    assert "fell silent" in (end.error or "")


async def test_a_call_may_wait_in_a_queue_that_comments_tell_of() -> None:
    limits = replace(FAST, silence_s=0.05)
    waits = dripping(b": waiting\n\n", 0.1, 8)
    script = [head(), *waits, delta("Hello"), ending()]
    assert (await answer_to(script, limits=limits))[0] == "Hello"


@pytest.mark.parametrize("call", [WRITE, DESIGN])
async def test_comments_alone_keep_no_call_alive(call: ModelCall) -> None:
    limits = replace(FAST, first_token_s=0.2, tries=1)
    script: Script = [head(), *dripping(b": OPENROUTER PROCESSING\n\n", 0.02, 500)]
    async with (
        model_server() as server,
        open_model(server.url, KEY, limits, stream_plans=True) as model,
    ):
        server.scripts.append(script)
        _, end = await answered(model, call)
    assert (end.outcome, end.unpaid) == ("failed", False)
    assert "did not begin to answer" in (end.error or "")


async def test_comments_amid_an_answer_are_silence() -> None:
    limits = replace(FAST, silence_s=0.2)
    script: Script = [head(), delta("Hello"), *dripping(b": PROCESSING\n\n", 0.02, 500)]
    _, end = await answer_to(script, limits=limits)
    assert (end.outcome, "fell silent" in (end.error or "")) == ("cut", True)


async def test_thoughts_are_signs_of_life() -> None:
    limits = replace(FAST, first_token_s=1.5, silence_s=1.5)
    thought = event({"choices": [{"delta": {"content": "", "reasoning": "Hm."}}]})
    script: Script = [head(), *dripping(thought, 0.2, 10), delta("Hello"), ending()]
    assert (await answer_to(script, limits=limits))[0] == "Hello"


async def test_requests_that_came_to_nothing_are_told_of() -> None:
    limits = replace(FAST, first_token_s=1)
    lost: Script = [head(), NEVER()]
    busy = refusal("429 Busy", "Slow down.")
    async with talking(lost, busy, streamed("Hello"), limits=limits) as (model, _):
        pieces = [piece async for piece in model.answer(WRITE)]
    assert pieces[:-1] == [Unseen(lost=1), "Hello"]


async def test_thoughts_are_told_by_their_length() -> None:
    thought = event({"choices": [{"delta": {"reasoning": "Hm.", "content": "Yes"}}]})
    script: Script = [head(), thought, ending()]
    async with talking(script) as (model, _):
        pieces = [piece async for piece in model.answer(WRITE)]
    assert pieces[:-1] == [Unseen(thoughts=3), "Yes"]


@pytest.mark.parametrize("seconds", [90.0, 5_000.0])
async def test_a_long_wait_is_left_to_the_run(seconds: float) -> None:
    busy = refusal("429 Busy", "Slow down.", Retry_After=f"{seconds:.0f}")
    _, end = await answer_to(busy)
    assert (end.outcome, end.retry_after_s, end.hopeless) == ("failed", seconds, False)
    assert end.unpaid


@pytest.mark.parametrize(
    ("wanted", "date", "seconds"),
    [
        ("Thu, 26 Nov 2026 02:30:00 GMT", "Thu, 26 Nov 2026 02:00:00 GMT", 1_800.0),
        ("Thu, 26 Nov 2026 01:30:00 GMT", "Thu, 26 Nov 2026 02:00:00 GMT", 0.0),
        ("Thu, 26 Nov 2026 02:30:00 GMT", "soon", None),
        ("inf", "", 86_400.0),
        ("nan", "", None),
        ("-1", "", None),
    ],
)
async def test_a_wait_may_be_told_as_a_date(
    wanted: str, date: str, seconds: float | None
) -> None:
    busy = refusal("429 Busy", "Slow down.", Retry_After=wanted, Date=date)
    limits = replace(FAST, tries=1)
    _, end = await answer_to(busy, limits=limits)
    assert end.retry_after_s == seconds


async def test_an_error_about_a_header_does_not_repeat_it() -> None:
    key = "sk-or-hush\nhush"
    async with model_server() as server, open_model(server.url, key, FAST) as model:
        _, end = await answered(model)
    assert end.outcome == "failed"
    assert "hush" not in (end.error or "")


async def test_a_whole_answer_has_a_limit() -> None:
    limits = replace(FAST, whole_s=0.2)
    drip = [step for _ in range(100) for step in (delta("x"), 0.02)]
    _, end = await answer_to([head(), *drip], limits=limits)
    assert end.outcome == "cut"
    assert "took too long" in (end.error or "")


async def test_leaving_off_closes_the_connection() -> None:
    async with talking([head(), delta("Hello"), NEVER()]) as (model, server):
        async with aclosing(model.answer(WRITE)) as answer:
            assert await anext(answer) == "Hello"
        async with asyncio.timeout(60):
            await server.asked[0].hung_up.wait()


async def test_cancelling_closes_the_connection() -> None:
    async with talking([head(), delta("Hello"), NEVER()]) as (model, server):
        reading = asyncio.create_task(answered(model))
        asked = await server.request_number(1)
        reading.cancel()
        async with asyncio.timeout(60):
            await asked.hung_up.wait()
