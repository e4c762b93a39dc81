"""OpenRouter's messages, as far as the agent uses them."""

import math
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

MODEL = "atelier/demo"
KEEP_ALIVE = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"

_CHARS_PER_TOKEN = 4


class Part(msgspec.Struct):
    """One part of a message; only text counts here."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One message of the conversation."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Return all text of the message."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class JsonSchema(msgspec.Struct):
    """Which schema the answer has to follow; the name is enough to know it."""

    name: str = ""


class ResponseFormat(msgspec.Struct):
    """How the answer has to look."""

    type: str
    json_schema: JsonSchema | None = None


class ChatRequest(msgspec.Struct):
    """The body of `POST /chat/completions`; what is not named here is ignored."""

    messages: list[Message]
    stream: bool = False
    response_format: ResponseFormat | None = None

    @property
    def schema(self) -> str | None:
        """Return the name of the schema that the answer has to follow."""
        asked = self.response_format
        return asked.json_schema.name if asked and asked.json_schema else None

    @property
    def user_texts(self) -> Sequence[str]:
        """Return the messages of the user."""
        return [message.text for message in self.messages if message.role == "user"]


def _generation_id() -> str:
    return f"gen-{int(time.time())}-{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer, in the forms in which it is sent."""

    text: str
    prompt_chars: int
    id: str = field(default_factory=_generation_id)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self) -> dict[str, object]:
        """Return the body of an answer that is not streamed."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": "stop",
            "native_finish_reason": "stop",
        }
        return self._head("chat.completion") | {
            "choices": [choice],
            "usage": self.usage(),
        }

    def chunk(self, content: str, finish_reason: str | None = None) -> bytes:
        """Return the event that carries the next characters."""
        choice = {
            "index": 0,
            "delta": {"role": "assistant", "content": content},
            "finish_reason": finish_reason,
            "native_finish_reason": finish_reason,
        }
        return _event(self._head("chat.completion.chunk") | {"choices": [choice]})

    def ending(self) -> Iterator[bytes]:
        """Yield what follows the last characters: stop, usage, the end."""
        yield self.chunk("", "stop")
        head = self._head("chat.completion.chunk")
        yield _event(head | {"choices": [], "usage": self.usage()})
        yield DONE

    def usage(self) -> dict[str, object]:
        """Return token counts that a real tokenizer would find about right."""
        asked = math.ceil(self.prompt_chars / _CHARS_PER_TOKEN)
        answered = math.ceil(len(self.text) / _CHARS_PER_TOKEN)
        return {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
            "cost": 0,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }

    def _head(self, kind: str) -> dict[str, object]:
        return {
            "id": self.id,
            "provider": "Atelier",
            "model": MODEL,
            "object": kind,
            "created": self.created,
        }


def error_body(code: int, message: str) -> dict[str, object]:
    """Return the body of a refusal; *code* is its status as well."""
    return {"error": {"code": code, "message": message}}


def model_list() -> dict[str, object]:
    """Return the body of `GET /models`."""
    model = {
        "id": MODEL,
        "canonical_slug": MODEL,
        "name": "Atelier: demo model",
        "created": 0,
        "description": "Answers from built-in apps, without a key and without a cost.",
        "context_length": 1_000_000,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
        },
        "pricing": {"prompt": "0", "completion": "0", "request": "0"},
        "supported_parameters": ["response_format", "structured_outputs"],
    }
    return {"data": [model]}


def _event(message: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(message) + b"\n\n"
