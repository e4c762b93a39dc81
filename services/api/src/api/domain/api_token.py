"""API tokens: what programs show instead of a session."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from api.domain.scope import Scope

PREFIX = "atl_"
"""Begins every token, so that scanners of leaked secrets can tell one."""
MAX_TOKENS = 50
"""Tokens of one person."""


class ApiToken(Struct, frozen=True):
    """A token as it is stored: its digest, never itself."""

    id: UUID
    account_id: UUID
    token_sha256: bytes
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def allows(self, needed: str) -> bool:
        """Tell whether a route that needs *needed* may be called with it.

        Who may write may also read what was written.
        """
        return needed in self.scopes or (
            needed == Scope.PROJECTS_READ and Scope.PROJECTS_WRITE in self.scopes
        )


class NewApiToken(Struct, frozen=True):
    """What a token is made from; the database's clock says when."""

    id: UUID
    account_id: UUID
    token_sha256: bytes
    name: str
    scopes: list[Scope]
    expires_at: datetime | None
