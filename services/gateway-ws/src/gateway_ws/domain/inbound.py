"""What a client may say, and the exact words for what it may not."""

from typing import Any, get_args

import msgspec

from contracts.browser import AnyClientMessage
from contracts.project import MAX_IMAGES_BYTES

MAX_MESSAGE_BYTES = MAX_IMAGES_BYTES * 4 // 3 + 200_000
"""Largest message taken from a client, images in base64 included; a longer one closes
the socket."""


class InvalidFrame(Exception):
    """A frame that is refused; the socket stays open."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


_TYPES = frozenset(
    str(kind.__struct_config__.tag) for kind in get_args(AnyClientMessage)
)
_CONTENT = '"user_message" requires data.content as a non-empty string'
_BAD_DATA = {
    "user_message": (
        '"user_message" takes data.content of at most 20,000 characters and '
        "data.images as at most 10 pictures, each with mediaType and data"
    ),
    "start_generation": (
        '"start_generation" takes data.prompt and data.model as strings and '
        "data.maxPhases as an integer from 1 to 20"
    ),
}


def parse(frame: bytes) -> AnyClientMessage:
    """Return the message in *frame*.

    Raises:
        InvalidFrame: With the code and message of the public contract.

    """
    given = _read_object(frame)
    kind = given.get("type")
    if not isinstance(kind, str):
        raise InvalidFrame(
            "invalid_message", 'WebSocket message "type" must be a string'
        )
    if kind not in _TYPES:
        raise InvalidFrame("unknown_message_type", f'Unknown message type "{kind}"')
    data = given.get("data", {})
    if not isinstance(data, dict):
        raise InvalidFrame(
            "invalid_message_data", 'WebSocket message "data" must be an object'
        )
    if kind == "user_message":
        data["content"] = _content(data.get("content"))
    try:
        message: AnyClientMessage = msgspec.convert(
            {"type": kind, "data": data}, AnyClientMessage
        )
    except msgspec.ValidationError as error:
        text = _BAD_DATA.get(kind, f'"{kind}" takes no such data')
        raise InvalidFrame("invalid_message_data", text) from error
    return message


def _content(given: object) -> str:
    content = given.strip() if isinstance(given, str) else ""
    if not content:
        raise InvalidFrame("invalid_message_data", _CONTENT)
    return content


def _read_object(frame: bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(
            "invalid_message",
            "WebSocket message must be valid JSON and follow the { type, data } shape",
        ) from error
    if not isinstance(message, dict):
        raise InvalidFrame(
            "invalid_message",
            "WebSocket message must be an object with a string type field",
        )
    return message
