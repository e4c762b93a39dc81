"""Short-lived tokens for the address of a WebSocket, as `contracts.requests` says.

Signed and not stored: they are asked for often, live for a minute, and what they stand
for, a session or an API token, is looked up whenever one is shown.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

LIFE_S = 60
_VERSION = "v1"


class Claims(Struct, frozen=True):
    """What a token says."""

    session_id: UUID = msgspec.field(name="s")
    """The session, or the API token, that asked for it."""
    user_id: UUID = msgspec.field(name="u")
    project_id: UUID = msgspec.field(name="p")
    expires_at_s: Annotated[int, Meta(ge=0)] = msgspec.field(name="e")
    """The second since 1970 from which it opens no socket any more."""


_claims = msgspec.json.Decoder(Claims)


def sign(claims: Claims, key: bytes) -> str:
    """Return the token that says *claims*."""
    signed = f"{_VERSION}.{_text(msgspec.json.encode(claims))}"
    return f"{signed}.{_text(_signature(signed, key))}"


def read(token: str, key: bytes) -> Claims | None:
    """Return what *token* says; None where it is not one of ours, whole and unchanged.

    Whether it has expired is for the caller to say.
    """
    signed, _, signature = token.rpartition(".")
    version, _, payload = signed.partition(".")
    if version != _VERSION or not token.isascii():
        return None
    try:
        given = _bytes(signature)
        if not hmac.compare_digest(given, _signature(signed, key)):
            return None
        return _claims.decode(_bytes(payload))
    except (Error, ValueError, msgspec.MsgspecError):
        return None


def _signature(signed: str, key: bytes) -> bytes:
    return hmac.digest(key, signed.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    # Strict, so that a token has one spelling: what is not of the alphabet is refused.
    if _text(data := urlsafe_b64decode(text + "=" * (-len(text) % 4))) != text:
        raise ValueError("not base64url in its usual form")
    return data
