"""Which of somebody's projects are asked for, and in what order."""

from typing import Literal, TypeAlias

from msgspec import Struct

from api.domain.project_fold import ProjectRow

Sort: TypeAlias = Literal["-created", "created", "-updated", "updated", "-name", "name"]
"""What projects are ordered by; with a minus the largest, or newest, come first."""


class Wanted(Struct, frozen=True):
    """What is asked for."""

    search: str = ""
    """Part of a name or a description, in any case; empty: all of them."""
    sort: Sort = "-created"
    limit: int | None = None
    """None: all of them."""
    offset: int = 0


class Listed(Struct, frozen=True):
    """What there is."""

    projects: list[ProjectRow]
    total: int
    """How many there are on all pages."""
