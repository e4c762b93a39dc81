"""What all messages of the WebSocket have in common: a type, data, and often a seq."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType


class Data(Struct, frozen=True, rename="camel"):
    """The data of a message."""


class NoData(Data, frozen=True):
    """Empty."""


class ClientMessage(Struct, frozen=True, tag_field="type"):
    """What a client may say."""


class ServerMessage(Struct, frozen=True, tag_field="type"):
    """What a client is told."""


class RecordedMessage(ServerMessage, frozen=True, kw_only=True):
    """A recorded event; *seq* is its version in the project's log."""

    seq: int | UnsetType = UNSET
    """Unset where the same type answers a client's question."""
    at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    """When it was recorded; with *seq*."""
