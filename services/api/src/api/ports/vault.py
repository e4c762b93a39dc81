"""Variables and secrets of apps."""

from typing import Protocol
from uuid import UUID

from api.domain.variable import NewVariable, Variable


class Vault(Protocol):
    """Sealed values, as one user sees them.

    Every method raises Unavailable when the database does not answer.
    """

    async def all(self, user_id: UUID, project_id: UUID) -> list[Variable]:
        """Return a project's variables by name; none of somebody else's project."""
        ...

    async def put(self, variable: NewVariable, limit: int) -> Variable | None:
        """Keep a variable; None where the project has *limit* others."""
        ...

    async def remove(self, user_id: UUID, project_id: UUID, name: str) -> bool:
        """Remove a variable; False where there is none."""
        ...

    async def of_app(self, project_id: UUID) -> list[Variable]:
        """Return a project's variables, whosever they are, for its sandbox."""
        ...
