"""Encryption of what is kept where others can read it: AES-GCM with a derived key."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import override

from api.ports import NotOurs, Seal

_NONCE_BYTES = 12


class AesSeal(Seal):
    """A fresh nonce each time, in front of what it belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @override
    def close(self, content: bytes, context: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, context)

    @override
    def open(self, sealed: bytes, context: bytes) -> bytes:
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, content, context)
        except (InvalidTag, ValueError) as error:
            raise NotOurs("sealed elsewhere, or changed") from error
