"""The language model over OpenRouter's protocol, which many other servers speak.

Every wait has a limit. A call is repeated only before its first character, because
after it the driver knows better what is still missing.
"""

import asyncio
import base64
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct
from typing_extensions import override

from agent.adapters.catalog import ProviderCatalog
from agent.adapters.completion import (
    MAX_ANSWER_CHARS,
    Completion,
    one_line,
    problem_of,
)
from agent.adapters.refusals import Refusal, explain
from agent.domain.outcome import CallEnd
from agent.domain.prompting.prompt import Message
from agent.ports import Model, ModelCall, Piece, Unseen
from chassis import logs

_log = logs.get(__name__)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAX_REFUSAL_BYTES = 64 * 1024
_MAX_BODY_BYTES = 4 * MAX_ANSWER_CHARS
_LONGEST_RETRY_AFTER_S = 86_400.0
_TAIL_S = 5.0
"""How long usage may take to come after the answer's end."""
_MAX_MODELS = 3
"""OpenRouter refuses a call that names more."""


class Limits(Struct, frozen=True):
    """Bounds of one call, in seconds where not said otherwise."""

    connect_s: float = 10.0
    first_byte_s: float = 60.0
    """Until the first byte of a streamed answer."""
    first_token_s: float = 120.0
    """Until its first token: comments say that the call waits in a queue."""
    silence_s: float = 45.0
    """Between two tokens; comments do not count."""
    whole_s: float = 300.0
    """From the first try to the last character."""
    tries: int = 3
    """Requests for one call, all but the last of them refused before any text."""
    pause_s: float = 0.5
    """Before the second try; doubled for each further one, and shaken."""
    longest_pause_s: float = 5.0
    """A provider that asks for more patience than this ends the call, which says so."""


class _Failed(Exception):
    """The call came to nothing before its first character."""

    def __init__(
        self, end: CallEnd, *, retryable: bool, retry_after_s: float | None = None
    ) -> None:
        super().__init__(end.error)
        self.end = end
        self.retryable = retryable
        self.retry_after_s = retry_after_s


@asynccontextmanager
async def open_model(
    base_url: str,
    api_key: str | None,
    limits: Limits | None = None,
    *,
    stream_plans: bool = False,
) -> AsyncIterator["OpenRouter"]:
    """Lend the model behind *base_url*, which ends before ``/chat/completions``."""
    limits = limits or Limits()
    host = urlsplit(base_url).hostname or ""
    headers = {"Accept-Encoding": "identity", "User-Agent": "atelier"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    async with httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(30.0, connect=limits.connect_s, read=None),
        follow_redirects=False,
        # A proxy of the environment is for the world outside this machine.
        trust_env=host not in _LOOPBACK,
    ) as client:
        yield OpenRouter(
            *(client, base_url.rstrip("/"), limits),
            secret=api_key,
            stream_plans=stream_plans,
        )


class OpenRouter(Model):
    """Made by `open_model`."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        limits: Limits,
        *,
        secret: str | None = None,
        stream_plans: bool = False,
    ) -> None:
        """With *stream_plans* JSON of a schema is streamed, as always by OpenRouter."""
        self._client = client
        self._url = f"{base_url}/chat/completions"
        self._limits = limits
        self._secret = secret
        host = urlsplit(base_url).hostname or ""
        self._is_openrouter = f".{host}".endswith(".openrouter.ai")
        self._stream_plans = stream_plans or self._is_openrouter
        self.catalog = ProviderCatalog(client, f"{base_url}/models")

    @override
    async def answer(self, call: ModelCall) -> AsyncGenerator[Piece, None]:
        deadline = _now() + self._limits.whole_s
        attempt = 1
        fallbacks = [] if self._is_openrouter else list(call.fallbacks)
        while True:
            try:
                async with aclosing(self._try(call, deadline)) as pieces:
                    async for piece in pieces:
                        yield piece
            except _Failed as failure:
                pause_s = self._pause(failure, attempt)
                if pause_s is None and fallbacks:
                    # Others than OpenRouter know nothing of fallbacks.
                    call = msgspec.structs.replace(call, model=fallbacks.pop(0))
                    attempt, pause_s = 0, 0.0
                if pause_s is None or _now() + pause_s >= deadline:
                    yield failure.end
                    return
                if not failure.end.unpaid:
                    yield Unseen(lost=1)
                _log.info("model call repeated", error=failure.end.error, pause=pause_s)
            else:
                return
            attempt += 1
            await asyncio.sleep(pause_s)

    async def _try(
        self, call: ModelCall, deadline: float
    ) -> AsyncGenerator[Piece, None]:
        """Make one request; raise _Failed while no text has been yielded."""
        begin_by = token_by = deadline
        if call.schema is None or self._stream_plans:
            begin_by = min(deadline, _now() + self._limits.first_byte_s)
            token_by = min(deadline, _now() + self._limits.first_token_s)
        response = await self._send(call, begin_by)
        try:
            await self._check(call, response, deadline)
            answer = Completion(call.model, response.headers.get("x-generation-id"))
            if _media_type(response) == "application/json":
                text = answer.feed_whole(await self._body(call, response, deadline))
                if answer.thoughts:
                    yield Unseen(answer.thoughts)
                if text:
                    yield text
            else:
                stream = self._stream(answer, response, token_by, deadline)
                async with aclosing(stream) as pieces:
                    async for piece in pieces:
                        yield piece
            yield self._end(call, answer)
        finally:
            await response.aclose()

    async def _send(self, call: ModelCall, begin_by: float) -> httpx.Response:
        body = msgspec.json.encode(self._body_of(call))
        headers = {"Content-Type": "application/json"}
        request = self._client.build_request(
            "POST", self._url, content=body, headers=headers
        )
        try:
            async with asyncio.timeout_at(begin_by):
                return await self._client.send(request, stream=True)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _passing(call, "did not begin to answer in time") from error
        except (httpx.ConnectError, httpx.ProxyError, OSError) as error:
            why = self._redacted(one_line(str(error))) or type(error).__name__
            raise _passing(call, f"cannot be reached ({why})", unpaid=True) from error
        except httpx.HTTPError as error:
            # Its words may hold what was sent, such as a header with the key.
            why = type(error).__name__
            raise _passing(call, f"cannot be reached ({why})") from None

    async def _check(
        self, call: ModelCall, response: httpx.Response, deadline: float
    ) -> None:
        """Return if the response may hold an answer; raise _Failed otherwise."""
        status, kind = response.status_code, _media_type(response)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _passing(call, "compressed its answer although nobody asked for it")
        if status == HTTPStatus.OK:
            if kind in ("text/event-stream", "application/json"):
                return
            raise _hopeless(
                call,
                f"The language model's server answers with {kind or 'something odd'}: "
                "check OPENROUTER_BASE_URL.",
            )
        body = await self._body(call, response, deadline, _MAX_REFUSAL_BYTES)
        raise self._refused(call, status, body, _retry_after(response))

    async def _body(
        self,
        call: ModelCall,
        response: httpx.Response,
        deadline: float,
        max_bytes: int = _MAX_BODY_BYTES,
    ) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout_at(deadline):
                async for received in response.aiter_raw():
                    body += received
                    if len(body) > max_bytes:
                        raise _passing(call, "sent more than any answer holds")
        except TimeoutError as error:
            raise _passing(call, "took too long to answer") from error
        except httpx.HTTPError as error:
            raise _passing(call, "broke off its answer") from error
        return bytes(body)

    async def _stream(
        self,
        answer: Completion,
        response: httpx.Response,
        token_by: float,
        deadline: float,
    ) -> AsyncGenerator[str | Unseen, None]:
        """Yield thoughts and text of each read; *answer* knows how it ended, then."""
        received = response.aiter_raw()
        patient_until, silence = token_by, "did not begin to answer in time"
        while not answer.over:
            tokens, was_finished = answer.tokens, answer.finished
            thoughts = answer.thoughts
            try:
                async with asyncio.timeout_at(min(patient_until, deadline)):
                    text = answer.feed(await anext(received))
            except (StopAsyncIteration, httpx.HTTPError):
                break
            except TimeoutError:
                reason = silence if _now() < deadline else "took too long to answer"
                answer.break_off(f"The language model {reason}.")
                break
            if answer.thoughts > thoughts:
                yield Unseen(answer.thoughts - thoughts)
            if text:
                yield text
            if answer.tokens > tokens:
                silence = "fell silent in the middle of its answer"
                patient_until = _now() + self._limits.silence_s
            if answer.finished and not was_finished:
                patient_until = _now() + _TAIL_S
        text = answer.feed_end()
        if text:
            yield text

    def _end(self, call: ModelCall, answer: Completion) -> CallEnd:
        """Return how a streamed or whole answer ended; raise _Failed to repeat it."""
        end, problem = answer.end(), answer.problem
        end = msgspec.structs.replace(end, error=self._redacted(end.error))
        if end.outcome not in ("cut", "failed") or answer.begun:
            return end
        if problem is None:
            raise _Failed(end, retryable=not answer.finished)
        refusal = explain(problem.code or 0, problem, call.model)
        raise _Failed(
            self._told(end, refusal, unpaid=not end.usage.prompt_tokens),
            retryable=refusal.retryable,
        )

    def _refused(
        self, call: ModelCall, status: int, body: bytes, wait_s: float | None
    ) -> _Failed:
        refusal = explain(status, problem_of(body), call.model)
        retry_after_s = wait_s if refusal.retryable else None
        end = CallEnd("failed", call.model, retry_after_s=retry_after_s)
        return _Failed(
            self._told(end, refusal, unpaid=True),
            retryable=refusal.retryable,
            retry_after_s=retry_after_s,
        )

    def _told(self, end: CallEnd, refusal: Refusal, *, unpaid: bool) -> CallEnd:
        return msgspec.structs.replace(
            end,
            error=self._redacted(refusal.sentence),
            hopeless=refusal.hopeless,
            suspect=refusal.suspect,
            certain=refusal.certain,
            unpaid=unpaid,
        )

    def _redacted(self, sentence: str | None) -> str | None:
        """Return *sentence* without the key, which a server may repeat."""
        if sentence is None or not self._secret:
            return sentence
        return sentence.replace(self._secret, "[key]")

    def _pause(self, failure: _Failed, attempt: int) -> float | None:
        """Return the seconds until the next try, or None where there is none."""
        limits = self._limits
        if not failure.retryable or attempt >= limits.tries:
            return None
        pause_s = limits.pause_s * 2 ** (attempt - 1)
        pause_s *= random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
        # Whoever was told the same does not come back at the same moment.
        pause_s += failure.retry_after_s or 0.0
        return pause_s if pause_s <= limits.longest_pause_s else None

    def _body_of(self, call: ModelCall) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": call.model,
            "messages": [_message(message) for message in call.messages],
        }
        if self._is_openrouter:  # others refuse what they do not know
            body["usage"] = {"include": True}
        if self._is_openrouter and call.fallbacks:
            body["models"] = [call.model, *call.fallbacks][:_MAX_MODELS]
        if call.schema is None:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            return body
        # Strict schemas name every property as required; what may be left out is null.
        if self._stream_plans:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        schema = {**call.schema, "required": list(call.schema.get("properties", {}))}
        named = {"name": "phase", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
        if self._is_openrouter:
            body["provider"] = {"require_parameters": True}
        return body


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    for image in message.images:
        data = base64.b64encode(image.data).decode()
        url = f"data:{image.media_type};base64,{data}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return {"role": message.role, "content": parts}


def _passing(call: ModelCall, reason: str, *, unpaid: bool = False) -> _Failed:
    error = f"The language model {reason}."
    end = CallEnd("failed", call.model, error=error, unpaid=unpaid)
    return _Failed(end, retryable=True)


def _hopeless(call: ModelCall, sentence: str) -> _Failed:
    end = CallEnd("failed", call.model, error=sentence, hopeless=True, unpaid=True)
    return _Failed(end, retryable=False)


def _media_type(response: httpx.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _retry_after(response: httpx.Response) -> float | None:
    """Return for how many seconds the server wants no request; None: it says nothing.

    It says a number, or a date (RFC 9110, 10.2.3) by the clock that it tells as well.
    """
    wanted: str = response.headers.get("retry-after", "")
    try:
        seconds = float(wanted)
    except ValueError:
        until = _date(wanted)
        now = _date(response.headers.get("date", ""))
        if until is None or now is None:
            return None
        seconds = max(0.0, (until - now).total_seconds())
    # false for NaN; without end is as long as it gets
    return min(seconds, _LONGEST_RETRY_AFTER_S) if seconds >= 0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return date if date.tzinfo else None


def _now() -> float:
    return asyncio.get_running_loop().time()
