"""Chat completions as servers really send them: JSON in, text and outcome out.

Everything here is read with suspicion: a field of another type than documented counts
as absent, and nothing that a server sends raises an exception.
"""

import json
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agent.adapters.sse import SseParser, TooLong
from agent.domain.outcome import CallEnd
from agent.domain.run import FILTERED
from contracts.project import Usage

MAX_ANSWER_CHARS = 2 * 1024 * 1024
"""Text of one answer; a model that writes more does not stop by itself."""
_MAX_MESSAGE_CHARS = 300
_MAX_COUNT = 2**53

_TOKENS = (
    "content",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "tool_calls",
)
"""What shows in a piece of an answer that the model is at work."""
_REFUSALS = {
    "content_filter": FILTERED,
    "tool_calls": "The model called a tool instead of writing: choose another model.",
    "function_call": "The model called a tool instead of writing: choose another one.",
}


class Problem(Struct, frozen=True):
    """An error object of the protocol."""

    code: int | None
    message: str
    type: str | None = None
    limit_source: str | None = None


class Completion:
    """One answer: feed it what arrives, take the text, ask at last how it ended."""

    def __init__(self, model: str, generation_id: str | None = None) -> None:
        self._sse = SseParser()
        self._model = model
        self._generation_id = generation_id
        self._usage = Usage()
        self._finish: str | None = None
        self._fault: str | None = None
        self._high = ""
        self._chars = 0
        self.tokens = 0
        """Pieces of the answer that brought anything: text, or thoughts about it."""
        self.thoughts = 0
        """Characters of thoughts, which are paid for like text."""
        self.problem: Problem | None = None
        """The error object that came in place of, or amid, the answer."""
        self.over = False
        """Nothing that may still come matters."""

    @property
    def begun(self) -> bool:
        """Some text has come."""
        return self._chars > 0

    @property
    def finished(self) -> bool:
        """The model has said why it stopped; only usage may follow."""
        return self._finish is not None

    def feed(self, received: bytes) -> str:
        """Return the text in the next bytes of a stream."""
        try:
            events = self._sse.feed(received)
        except TooLong as error:
            return self.break_off(f"The provider sent nonsense: {error}.")
        return self._take_all(events)

    def feed_end(self) -> str:
        """Return the text in what the end of the stream has cut."""
        text = ""
        if not self.over:
            events = [event for event in self._sse.finish() if _parse(event)]
            text = self._take_all(events)
        self.over = True
        if self._high:
            self._high = ""
            text += "\ufffd"
        return text

    def feed_whole(self, body: bytes) -> str:
        """Return the text of an answer that is not streamed."""
        found = _parse(body)
        if found is None:
            return self.break_off("The provider's answer is not JSON.")
        text = self._take(found, "message")
        self.over = True
        return text

    def break_off(self, fault: str) -> str:
        """Take it that nothing more comes, because of *fault*, a sentence."""
        self._fault, self.over = fault, True
        return ""

    def end(self) -> CallEnd:
        """Return how the answer ended, after the last of it was fed."""
        end = CallEnd(
            outcome="complete",
            model=self._model,
            usage=self._usage,
            generation_id=self._generation_id,
        )
        if self._finish in (None, "error"):
            outcome = "cut" if self.begun else "failed"
            return replace(end, outcome=outcome, error=self._why())
        if self._finish in _REFUSALS:
            return replace(end, outcome="failed", error=_REFUSALS[self._finish])
        if self._finish in ("length", "max_tokens"):
            error = "The answer reached the model's limit of length."
            return replace(end, outcome="length", error=error)
        return end

    def _why(self) -> str:
        if self.problem is not None:
            return f"The provider reported an error: {self.problem.message}."
        return self._fault or "The answer broke off without an end."

    def _take_all(self, events: list[bytes]) -> str:
        texts = []
        for event in events:
            if self.over:
                break
            if event.strip() == b"[DONE]":
                self.over = True
                break
            found = _parse(event)
            if found is None:
                texts.append(
                    self.break_off("The provider sent something else than JSON.")
                )
                break
            texts.append(self._take(found, "delta"))
        return "".join(texts)

    def _take(self, found: dict[str, Any], part: str) -> str:
        self._model = _text(found.get("model")) or self._model
        self._generation_id = self._generation_id or _text(found.get("id"))
        if isinstance(found.get("usage"), dict):
            self._usage = _usage(found["usage"])
        self.problem = problem_in(found)
        if self.problem is not None:
            self.over = True
            return ""
        choice = _first_choice(found)
        message = choice.get(part)
        message = message if isinstance(message, dict) else {}
        self.tokens += any(message.get(name) for name in _TOKENS)
        self.thoughts += _thoughts(message)
        content = message.get("content")
        text = self._add(content) if isinstance(content, str) else ""
        reason = choice.get("finish_reason")
        if self._finish is None and isinstance(reason, str) and reason:
            self._finish = reason
        return text

    def _add(self, content: str) -> str:
        if self.finished or not content:
            return ""
        self._chars += len(content)
        if self._chars > MAX_ANSWER_CHARS:
            return self.break_off("The answer grew beyond all bounds.")
        return self._joined(content)

    def _joined(self, content: str) -> str:
        """Join surrogate pairs that escapes split over two pieces; no half is left."""
        content, self._high = self._high + content, ""
        if content.isascii():
            return content
        if "\ud800" <= content[-1] <= "\udbff":
            content, self._high = content[:-1], content[-1]
        return content.encode("utf-16-le", "surrogatepass").decode(
            "utf-16-le", "replace"
        )


def _thoughts(message: dict[str, Any]) -> int:
    """Return the characters of thoughts, which some servers tell under two names."""
    told = (message.get(name) for name in ("reasoning", "reasoning_content"))
    return max((len(text) for text in told if isinstance(text, str)), default=0)


def problem_in(found: dict[str, Any]) -> Problem | None:
    """Return the error object in an answer, if there is one."""
    error = found.get("error") or _first_choice(found).get("error")
    if not error:
        return None
    if not isinstance(error, dict):
        return Problem(None, one_line(str(error)))
    code = error.get("code")
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Problem(
        code=code if isinstance(code, int) else None,
        message=one_line(_text(error.get("message")) or "no reason given"),
        type=_text(metadata.get("error_type")) or _text(error.get("type")),
        limit_source=_text(metadata.get("limit_source")),
    )


def problem_of(body: bytes) -> Problem | None:
    """Return the error object in the body of a refusal, if it has one."""
    found = _parse(body)
    return None if found is None else problem_in(found)


def one_line(text: str) -> str:
    """Return what a foreign server says as one short line without control codes."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_MAX_MESSAGE_CHARS].rstrip(".")


def _parse(data: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Half surrogate pairs, NaN and broken UTF-8 are for the lenient one.
        try:
            found = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def _first_choice(found: dict[str, Any]) -> dict[str, Any]:
    choices = found.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return {}


def _usage(found: dict[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=_count(found.get("prompt_tokens")),
        completion_tokens=_count(found.get("completion_tokens")),
        cost_usd=_amount(found.get("cost")),
    )


def _amount(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 <= value < _MAX_COUNT else None  # false for NaN
    return None


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= _MAX_COUNT else None
    return None


def _text(value: object) -> str | None:
    # The log refuses NUL and half surrogate pairs, in names as anywhere else.
    return one_line(value) or None if isinstance(value, str) else None
