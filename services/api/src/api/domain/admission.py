"""Who may have an account: everybody, whoever is invited, or nobody any more."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

INVITATION_LIFE = timedelta(days=7)
MAX_INVITATIONS = 500
"""Invitations that are open at a time."""


class SignUp(StrEnum):
    """Whether new people may make an account; the first one always may."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


class Invitation(Struct, frozen=True):
    """A code that lets one person in; only its digest is kept."""

    id: UUID
    email: str | None
    """The only address that may use it; None: any."""
    created_at: datetime
    expires_at: datetime
    used_by: UUID | None


class NewInvitation(Struct, frozen=True):
    """What an invitation is made from."""

    id: UUID
    code_sha256: bytes
    email: str | None
    created_by: UUID


class Admission(Struct, frozen=True):
    """What a new account comes with, beside itself."""

    mode: SignUp
    only_if_first: bool = False
    """Nobody else has an account yet, which has to be true until this one is there."""
    code_sha256: bytes | None = None
    """Digest of the invitation that was shown."""
    is_verified: bool = False
    """An issuer says that the address is this person's: an invitation of it counts."""
