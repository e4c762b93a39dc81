"""Ids of commands: made at the door, so that a client may ask twice."""

import hashlib
from http import HTTPStatus
from uuid import UUID, uuid4, uuid5

from msgspec import Struct

from api.entrypoints.errors import AnyRequest, HttpError
from contracts import codec

HEADER = "idempotency-key"
MAX_KEY_CHARS = 200

_IDS = UUID("8f4c2f6e-6c0b-4a55-9d59-5d3a3a0d9f10")


def command_id(request: AnyRequest, user_id: UUID, body: Struct | None) -> UUID:
    """Return the id of the command that this request gives.

    The same ``Idempotency-Key`` of the same user with the same request is the same
    command, which has one effect and one answer; without the header each is a new one.

    Raises:
        HttpError: 422, the key is too long.

    """
    key = request.headers.get(HEADER)
    if not key:
        return uuid4()
    if len(key) > MAX_KEY_CHARS:
        raise HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"The Idempotency-Key may have at most {MAX_KEY_CHARS} characters",
        )
    content = hashlib.sha256(codec.encode(body)).hexdigest()
    parts = (str(user_id), request.method, request.url.path, content, key)
    return uuid5(_IDS, "\n".join(parts))


def derived_id(command: UUID, what: str) -> UUID:
    """Return the id of what *command* makes: asked twice, it makes the same."""
    return uuid5(command, what)
