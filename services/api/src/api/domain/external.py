"""Signing in elsewhere: OpenID Connect, with a code, a state, a nonce and PKCE."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

FLOW_LIFE_S = 600
"""Within so long a browser has to come back from the issuer."""


class ExternalLogin(Struct, frozen=True):
    """Somebody, as an issuer names them; *subject* is never given to anybody else."""

    issuer: str
    subject: str


class Person(Struct, frozen=True):
    """What an issuer says about somebody."""

    login: ExternalLogin
    email: str | None
    email_verified: bool
    name: str | None
    picture: str | None


class Flow(Struct, frozen=True):
    """What a browser keeps, sealed, while it is with the issuer."""

    state: str
    nonce: str
    verifier: str
    target: str
    """Where on this site the browser goes afterwards."""
    expires_at_s: Annotated[int, Meta(ge=0)]
    account_id: UUID | None = None
    """Whom the login is to be added to; None: sign in."""

    @property
    def challenge(self) -> str:
        """The verifier as the issuer sees it first (RFC 7636, S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_meant_by(self, state: str, at_s: float) -> bool:
        """Tell whether a browser that came back with *state* was sent by this flow."""
        return at_s < self.expires_at_s and hmac.compare_digest(
            self.state.encode(), state.encode("utf-8", "replace")
        )
