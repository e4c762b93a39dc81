"""Variables of an app: what it finds in its environment."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

MAX_VARIABLES = 100
"""Of one project."""
MAX_VALUE_CHARS = 4_000


class Variable(Struct, frozen=True):
    """A variable as it is kept."""

    name: str
    sealed: bytes
    """The value, encrypted for this name of this project."""
    secret: bool
    """Whether nobody is shown the value again; only the app gets it."""
    updated_at: datetime


class NewVariable(Struct, frozen=True):
    """A variable as it is from now on."""

    project_id: UUID
    user_id: UUID
    name: str
    sealed: bytes
    secret: bool


def context_of(project_id: UUID, name: str) -> bytes:
    """Return what a value is sealed for: it opens nowhere else."""
    return f"variable\n{project_id}\n{name}".encode()
