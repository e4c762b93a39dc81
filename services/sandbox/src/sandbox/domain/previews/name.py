"""Names of preview origins: who knows one may see that preview.

A name is the project's id and 128 bits that only the holder of the secret can make,
so that it is checked without a table and cannot be guessed.
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

_LENGTH = 52
_HALF = 26
"""Characters of 16 bytes in base32, without padding."""


def preview_name(project_id: UUID, secret: bytes) -> str:
    """Return the host label of a project's preview, in lower case."""
    return _encode(project_id.bytes) + _encode(_proof(project_id, secret))


def read_preview_name(name: str, secret: bytes) -> UUID | None:
    """Return the project that *name* leads to; None where we did not make it."""
    if len(name) != _LENGTH:
        return None
    try:
        padded = f"{name[:_HALF].upper()}======"
        project_id = UUID(bytes=base64.b32decode(padded))
    except (binascii.Error, ValueError):
        return None
    expected = preview_name(project_id, secret).encode()
    if not hmac.compare_digest(name.lower().encode(), expected):
        return None
    return project_id


def _proof(project_id: UUID, secret: bytes) -> bytes:
    return hmac.digest(secret, project_id.bytes, hashlib.sha256)[:16]


def _encode(sixteen: bytes) -> str:
    return base64.b32encode(sixteen).decode("ascii").rstrip("=").lower()
