"""The rules of accounts and login sessions: addresses, passwords, tokens."""

import hashlib
import re
import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from eventcore.errors import Rejected

MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 128
MAX_EMAIL_CHARS = 254
MAX_NAME_CHARS = 200
MAX_IMAGE_CHARS = 500

SESSION_LIFE = timedelta(days=7)
"""How long a session lives after it was made or renewed."""
SHORT_SESSION_LIFE = timedelta(days=1)
"""The same for one that is not to be remembered, which is never renewed."""
RENEW_AFTER = timedelta(days=1)
"""Age since the last renewal at which a session that is used is renewed."""

# The pattern of the Better Auth client's own validation, so that both agree.
_EMAIL = re.compile(
    r"(?!\.)(?!.*\.\.)[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+-]"
    r"@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}"
)


class Account(Struct, frozen=True):
    """A person who can sign in."""

    id: UUID
    email: str
    name: str
    image: str | None
    email_verified: bool
    password_hash: str | None
    """None: this person signs in elsewhere."""
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None = None
    """Since when nothing is open to this person; None: everything is."""
    is_administrator: bool = False


class Session(Struct, frozen=True):
    """A login; its token is known to the browser alone, here only its digest."""

    id: UUID
    account_id: UUID
    token_sha256: bytes
    remembered: bool
    ip_address: str
    user_agent: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    def is_due(self, at: datetime) -> bool:
        """Tell whether it should be renewed when it is used at this time."""
        return self.remembered and at - self.updated_at >= RENEW_AFTER


class NewSession(Struct, frozen=True):
    """What a session is made from; the database's clock gives it its times."""

    id: UUID
    account_id: UUID
    token_sha256: bytes
    remembered: bool
    ip_address: str
    user_agent: str

    @property
    def life(self) -> timedelta:
        """How long the session lives."""
        return SESSION_LIFE if self.remembered else SHORT_SESSION_LIFE


def digest(token: str) -> bytes:
    """Return what is stored of a token: a session's, a program's, an invitation's.

    A plain hash is enough: the token is 256 random bits, which nobody can guess.
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def normal_email(text: str) -> str:
    """Return the address in the form under which it is stored.

    Raises:
        Rejected: It is not one.

    """
    if len(text) > MAX_EMAIL_CHARS or _EMAIL.fullmatch(text) is None:
        raise Rejected("INVALID_EMAIL", "Invalid email")
    return text.lower()


def normal_password(text: str) -> str:
    """Return the password in the form that is hashed: keyboards differ, it must not.

    Raises:
        Rejected: It is too long.

    """
    if len(text) > MAX_PASSWORD_CHARS:
        raise Rejected("PASSWORD_TOO_LONG", "Password too long")
    return unicodedata.normalize("NFKC", text)


def new_password(text: str) -> str:
    """Return the password of a new account in the form that is hashed.

    Raises:
        Rejected: It is too short or too long.

    """
    if len(text) < MIN_PASSWORD_CHARS:
        raise Rejected("PASSWORD_TOO_SHORT", "Password too short")
    return normal_password(text)


def check_profile(name: str, image: str | None) -> None:
    """Refuse what cannot be stored of a person's name and picture.

    Raises:
        Rejected: One of them is too long, or holds a NUL.

    """
    if len(name) > MAX_NAME_CHARS or "\0" in name:
        raise Rejected("VALIDATION_ERROR", "[body.name] Invalid name")
    if image is not None and (len(image) > MAX_IMAGE_CHARS or "\0" in image):
        raise Rejected("VALIDATION_ERROR", "[body.image] Invalid image")
