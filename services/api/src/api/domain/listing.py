"""Which of somebody's projects are asked for, and in what order."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from api.domain.project_fold import ProjectRow

Sort: TypeAlias = Literal["-created", "created", "-updated", "updated", "-name", "name"]
"""What projects are ordered by; with a minus the largest, or newest, come first."""


class Place(Struct, frozen=True, array_like=True):
    """A place between two projects: what the one before it was ordered by then.

    So a page begins where the last one ended, whatever has come, gone or changed since.
    """

    at: Annotated[datetime, Meta(tz=True)]
    name: str
    """As names are compared; of no meaning where they are not."""
    id: UUID


class Wanted(Struct, frozen=True):
    """What is asked for."""

    search: str = ""
    """Part of a name or a description, in any case; empty: all of them."""
    sort: Sort = "-created"
    limit: int | None = None
    """None: all of them."""
    offset: int = 0
    after: Place | None = None
    """Only what comes after it."""


class Listed(Struct, frozen=True):
    """What there is."""

    projects: list[ProjectRow]
    total: int
    """How many there are on all pages."""
    next: Place | None = None
    """Where the next page begins; None: this is the last one."""
