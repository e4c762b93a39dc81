"""The HTTP side: OpenRouter's endpoints, streamed at the pace of a person's reading."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import cycle
from typing import TypeAlias

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response import Stream
from litestar.status_codes import (
    HTTP_200_OK,
    HTTP_400_BAD_REQUEST,
    HTTP_500_INTERNAL_SERVER_ERROR,
)
from prometheus_client import Counter

from chassis import logs
from chassis.health import health_routes
from standalone.demo_model import prompt as prompts
from standalone.demo_model.answers import CannotAnswer, design, implement
from standalone.demo_model.library import Library
from standalone.demo_model.protocol import (
    KEEP_ALIVE,
    ChatRequest,
    Completion,
    error_body,
    model_list,
)

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Room for the largest app that the agent can hold, serialised."""

_PIECE_CHARS = (4, 3, 6, 2, 5, 4, 8, 3)
_PIECES_PER_KEEP_ALIVE = 400
_MAX_DESIGN_DELAY_S = 1.5

_Request: TypeAlias = Request[object, object, State]

_answers = Counter(
    "demo_model_answers", "Answers of the demo model by how they ended", ["outcome"]
)


def create_app(
    library: Library, *, characters_per_second: float, stopping: asyncio.Event
) -> Litestar:
    """Return the server; *characters_per_second* 0 means without any delay.

    An answer under way when *stopping* is set is cut off: the client sees a stream
    without its end and asks again.
    """

    @post("/api/v1/chat/completions", status_code=HTTP_200_OK)
    async def chat(
        request: _Request,
    ) -> Response[dict[str, object]] | Stream:
        asked = _decoded(await request.body())
        completion = _completion(library, asked)
        headers = {"X-Generation-Id": completion.id, "Cache-Control": "no-cache"}
        if not asked.stream:
            if characters_per_second:
                thinking = len(completion.text) / characters_per_second
                await asyncio.sleep(min(thinking, _MAX_DESIGN_DELAY_S))
            _answers.labels("complete").inc()
            return Response(completion.whole(), headers=headers)
        stream = _stream(completion, characters_per_second, stopping)
        return Stream(stream, media_type="text/event-stream", headers=headers)

    @get("/api/v1/models")
    async def models() -> dict[str, object]:
        return model_list()

    return Litestar(
        [chat, models, *health_routes({}, stopping=stopping)],
        exception_handlers={HTTPException: _refusal, Exception: _crash},
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
    )


def pieces(text: str) -> Iterator[str]:
    """Cut *text* into pieces of a few characters, about as tokens are."""
    start = 0
    for length in cycle(_PIECE_CHARS):
        if start >= len(text):
            return
        yield text[start : start + length]
        start += length


async def paced(text: str, characters_per_second: float) -> AsyncIterator[str]:
    """Yield the pieces of *text* when they are due; never without yielding the loop."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    sent = 0
    for piece in pieces(text):
        yield piece
        sent += len(piece)
        due = started + sent / characters_per_second if characters_per_second else 0.0
        await asyncio.sleep(max(0.0, due - loop.time()))


async def _stream(
    completion: Completion, characters_per_second: float, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    """Yield the events of an answer; closed or cancelled with the connection."""
    outcome = "cut"
    try:
        number = 0
        async for piece in paced(completion.text, characters_per_second):
            if stopping.is_set():
                return
            if number % _PIECES_PER_KEEP_ALIVE == 0:
                yield KEEP_ALIVE
            number += 1
            yield completion.chunk(piece)
        for event in completion.ending():
            yield event
        outcome = "complete"
    finally:
        _answers.labels(outcome).inc()


def _decoded(body: bytes) -> ChatRequest:
    try:
        return msgspec.json.decode(body, type=ChatRequest)
    except msgspec.DecodeError as exc:
        raise _bad_request(f"The body does not fit: {exc}.") from exc


def _completion(library: Library, asked: ChatRequest) -> Completion:
    try:
        prompt = prompts.read(asked.user_texts)
        if prompt.task is not None:
            text = implement(library, prompt, prompt.task)
        elif asked.schema == "phase":
            text = msgspec.json.encode(design(library, prompt)).decode()
        else:
            raise _bad_request("A phase is designed with the JSON schema named phase.")
    except (prompts.NotAPrompt, CannotAnswer) as exc:
        raise _bad_request(str(exc)) from exc
    return Completion(text, sum(len(message.text) for message in asked.messages))


def _bad_request(message: str) -> HTTPException:
    return HTTPException(message, status_code=HTTP_400_BAD_REQUEST)


def _refusal(_: _Request, exc: HTTPException) -> Response[dict[str, object]]:
    return Response(
        error_body(exc.status_code, exc.detail),
        status_code=exc.status_code,
        media_type=MediaType.JSON,
    )


def _crash(_: _Request, exc: Exception) -> Response[dict[str, object]]:
    logs.get(__name__).error("failed", exc_info=exc)
    status = HTTP_500_INTERNAL_SERVER_ERROR
    return Response(
        error_body(status, "The demo model failed."),
        status_code=status,
        media_type=MediaType.JSON,
    )
