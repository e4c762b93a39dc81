"""How messages become bytes: JSON by msgspec, and the one place that reads events.

Old versions of an event are upcast here and only here.
"""

from typing import Any, TypeAlias, get_args

import msgspec
from msgspec import Raw, Struct

from contracts.envelope import Recorded
from contracts.project import ProjectEvent


class UnknownEvent(Struct, frozen=True):
    """An event of a type that this version does not know; it is kept, not fatal."""

    type: str
    data: Raw


AnyEvent: TypeAlias = ProjectEvent | UnknownEvent


class Undecodable(Exception):
    """Bytes that are not the message they should be; the sender must change them."""


_encoder = msgspec.json.Encoder()
_events: msgspec.json.Decoder[ProjectEvent] = msgspec.json.Decoder(ProjectEvent)
_batches = msgspec.json.Decoder(list[Recorded])
_known: frozenset[str] = frozenset(
    str(struct.__struct_config__.tag) for struct in get_args(ProjectEvent)
)

Malformed = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises where bytes are no message, or nested too deeply to be one."""

encode = _encoder.encode
"""Encode any message of this package as JSON."""


def event_type(event: ProjectEvent) -> str:
    """Return the tag under which *event* is recorded, such as ``run.started``."""
    return str(event.__struct_config__.tag)


def decode_event(type_: str, data: bytes | Raw) -> AnyEvent:
    """Return the event recorded as *data* under *type_*.

    Raises:
        Undecodable: The type is known and the data does not fit it.

    """
    try:
        return _events.decode(data)
    except Malformed as error:
        if type_ in _known:
            raise Undecodable(f"a recorded {type_} is damaged: {error}") from error
        return UnknownEvent(type_, Raw(data))


class _Tagged(Struct):
    type: str


_tag = msgspec.json.Decoder(_Tagged)


def decode_stored(data: bytes) -> AnyEvent:
    """Return the event recorded as *data*, its type read from the data itself.

    Raises:
        Undecodable: The type is known and the data does not fit it, or there is none.

    """
    try:
        return _events.decode(data)
    except Malformed:
        try:
            type_ = _tag.decode(data).type
        except Malformed as error:
            raise Undecodable(f"not an event: {error}") from error
    return decode_event(type_, data)


def decode_batch(body: bytes) -> list[Recorded]:
    """Return the events of a message on ``evt.>``, in order.

    Raises:
        Undecodable: Not a batch of recorded events.

    """
    try:
        return _batches.decode(body)
    except Malformed as error:
        raise Undecodable(f"not a batch of events: {error}") from error


def decoder(type_: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - unions have no type
    """Return a decoder of *type_*; make it once and keep it."""
    return msgspec.json.Decoder(type_)


def tag(message: Struct) -> str:
    """Return the tag of *message*, such as ``start_run``: the verb of its subject."""
    return str(message.__struct_config__.tag)
