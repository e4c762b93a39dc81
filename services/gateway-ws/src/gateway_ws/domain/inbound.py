"""What a client may say, and the exact words for what it may not."""

from typing import Any

import msgspec

from contracts.browser import AnyClientMessage

MAX_FRAME_BYTES = 65_536
"""Largest frame taken from a client; a longer one closes the socket."""


class InvalidFrame(Exception):
    """A frame that is refused; the socket stays open."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


_TYPES = frozenset(
    {
        "get_state",
        "get_preview_url",
        "start_generation",
        "stop_generation",
        "user_message",
    }
)
_BAD_DATA = {
    "user_message": '"user_message" requires data.content as a non-empty string',
    "start_generation": (
        '"start_generation" takes data.prompt and data.model as strings and '
        "data.maxPhases as an integer from 1 to 20"
    ),
}


def parse(frame: str | bytes) -> AnyClientMessage:
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
    if kind == "user_message" and isinstance(data.get("content"), str):
        data["content"] = data["content"].strip()
    try:
        message: AnyClientMessage = msgspec.convert(
            {"type": kind, "data": data}, AnyClientMessage
        )
    except msgspec.ValidationError as error:
        text = _BAD_DATA.get(kind, f'"{kind}" takes no such data')
        raise InvalidFrame("invalid_message_data", text) from error
    return message


def _read_object(frame: str | bytes) -> dict[str, Any]:
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
