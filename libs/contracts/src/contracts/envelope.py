"""What surrounds a recorded event: identity, place, time, cause."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Raw, Struct

from contracts.project import Actor


class Context(Struct, frozen=True):
    """Why an event came to be; recorded beside it as its metadata."""

    actor: Actor
    causation_id: UUID | None = None
    """The command, or the event, that made this one necessary."""
    correlation_id: UUID | None = None
    """Shared by all that belongs together: the run, or else the command."""
    traceparent: str | None = None
    """W3C trace context of the work that recorded it."""


class Recorded(Struct, frozen=True):
    """An event in a project's log, as it travels on the bus and in histories."""

    id: UUID
    project_id: UUID
    seq: int
    """The project's version: 1, 2, 3, ... without gaps."""
    type: str
    at: Annotated[datetime, Meta(tz=True)]
    data: Raw
    """The event's own JSON; ``codec.decode_event`` reads it."""
    meta: Context | None = None
