"""What a client may say, and the exact words for what it may not."""

from typing import get_args

import msgspec
from msgspec import Raw, Struct

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


class _Envelope(Struct):
    """Both fields as they stand: what else there is, however much, becomes nothing."""

    type: Raw = Raw(b"null")
    data: Raw = Raw(b"{}")


class _Said(Struct):
    """The data of a ``user_message``, as it stands."""

    content: Raw = Raw(b"null")
    images: Raw = Raw(b"[]")


_anything = msgspec.json.Decoder(Raw)
_envelopes = msgspec.json.Decoder(_Envelope)
_texts = msgspec.json.Decoder(str)
_said = msgspec.json.Decoder(_Said)
_messages: msgspec.json.Decoder[AnyClientMessage] = msgspec.json.Decoder(
    AnyClientMessage
)


def parse(frame: bytes) -> AnyClientMessage:
    """Return the message in *frame*.

    Nothing is made of a frame but what its type has: some megabytes of brackets would
    otherwise be hundreds of megabytes of objects.

    Raises:
        InvalidFrame: With the code and message of the public contract.

    """
    envelope = _read_envelope(frame)
    kind = _text(envelope.type)
    if kind is None:
        raise InvalidFrame(
            "invalid_message", 'WebSocket message "type" must be a string'
        )
    if kind not in _TYPES:
        raise InvalidFrame("unknown_message_type", f'Unknown message type "{kind}"')
    data = bytes(envelope.data)
    if not data.startswith(b"{"):
        raise InvalidFrame(
            "invalid_message_data", 'WebSocket message "data" must be an object'
        )
    try:
        if kind == "user_message":
            data = _trimmed(data)
        return _messages.decode(b'{"type":"%b","data":%b}' % (kind.encode(), data))
    except (msgspec.DecodeError, UnicodeError) as error:
        text = _BAD_DATA.get(kind, f'"{kind}" takes no such data')
        raise InvalidFrame("invalid_message_data", text) from error


def _trimmed(data: bytes) -> bytes:
    """Return what a user says without the blanks around it."""
    said = _said.decode(data)
    content = (_text(said.content) or "").strip()
    if not content:
        raise InvalidFrame("invalid_message_data", _CONTENT)
    encoded = msgspec.json.encode(content)
    return b'{"content":%b,"images":%b}' % (encoded, bytes(said.images))


def _text(raw: Raw) -> str | None:
    """Return a string of JSON; None where it is something else."""
    try:
        return _texts.decode(raw)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _no_json() from error


def _read_envelope(frame: bytes) -> _Envelope:
    try:
        try:
            return _envelopes.decode(frame)
        except msgspec.ValidationError:
            _anything.decode(frame)  # is it JSON at all?
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _no_json() from error
    raise InvalidFrame(
        "invalid_message",
        "WebSocket message must be an object with a string type field",
    )


def _no_json() -> InvalidFrame:
    return InvalidFrame(
        "invalid_message",
        "WebSocket message must be valid JSON and follow the { type, data } shape",
    )
