"""Keys for each purpose, made from the one secret of an installation."""

import hashlib
import hmac


def derived_key(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that tell nothing of *secret* or of any other purpose's key."""
    return hmac.digest(secret.encode(), f"atelier/{purpose}".encode(), hashlib.sha256)
