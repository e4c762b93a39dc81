"""The Idempotency-Key: a client may ask twice, and it happens once.

Commands carry an id that is made from the key, under which the agent knows them again.
Besides, every POST, PUT and PATCH with a key gets the answer that it got before.
"""

import hashlib
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID, uuid4, uuid5

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.types.asgi_types import HTTPRequestEvent
from msgspec import Struct

from api.application.once import Once
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.security import Security
from contracts import codec

if TYPE_CHECKING:
    from litestar.types import (
        ASGIApp,
        HTTPReceiveMessage,
        Message,
        Receive,
        Scope,
        Send,
        WebSocketReceiveMessage,
    )

HEADER = "idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
MAX_KEY_CHARS = 200
MAX_KEPT_BYTES = 120 * 1024
"""Larger answers are made anew: what they answer is safe to do again."""
_MAX_HEAD_BYTES = 8 << 20
"""Of a body that is read here; longer ones are refused further in."""
_METHODS = frozenset({"POST", "PUT", "PATCH"})
_DIGEST = "request_digest"

_IDS = UUID("8f4c2f6e-6c0b-4a55-9d59-5d3a3a0d9f10")


def command_id(request: AnyRequest, user_id: UUID, body: Struct | None) -> UUID:
    """Return the id of the command that this request gives.

    The same ``Idempotency-Key`` of the same user with the same request is the same
    command, which has one effect and one answer; without the header each is a new one.
    """
    key = _key(request)
    if not key:
        return uuid4()
    content = hashlib.sha256(codec.encode(body)).hexdigest()
    parts = (str(user_id), request.method, request.url.path, content, key)
    return uuid5(_IDS, "\n".join(parts))


def derived_id(command: UUID, what: str) -> UUID:
    """Return the id of what *command* makes: asked twice, it makes the same."""
    return uuid5(command, what)


def new_id(request: AnyRequest) -> UUID:
    """Return the id of what this request makes, the same where it is tried again."""
    digest = request.scope.get("state", {}).get(_DIGEST)
    return uuid5(_IDS, digest.hex()) if digest else uuid4()


def _key(request: AnyRequest) -> str | None:
    """Return the key of a request, if it has one.

    Raises:
        HttpError: 422, it is too long.

    """
    key = request.headers.get(HEADER)
    if key and len(key) > MAX_KEY_CHARS:
        raise HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"The Idempotency-Key may have at most {MAX_KEY_CHARS} characters",
        )
    return key or None


class _Answer(Struct, frozen=True, array_like=True):
    """A success as it was sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


_answers = msgspec.msgpack.Decoder(_Answer)


class AnswerOnce:
    """Around the handlers: gives the answer again that a request was given before.

    Requests are the same when the key, whoever shows the credential, method, address,
    condition and body are. What failed may be tried again.
    """

    def __init__(self, once: Once, security: Security, key: bytes) -> None:
        self._once = once
        self._security = security
        self._key = key

    def __call__(self, app: "ASGIApp") -> "ASGIApp":
        """Return *app* with this around it, as Litestar wants its middleware."""

        async def handle(scope: "Scope", receive: "Receive", send: "Send") -> None:
            if scope["type"] != ScopeType.HTTP or scope["method"] not in _METHODS:
                await app(scope, receive, send)
                return
            request: AnyRequest = Request(scope)
            key = _key(request)
            if key is None:
                await app(scope, receive, send)
                return
            body, is_whole = await _read(receive)
            if not is_whole:
                await app(scope, _again(body, receive, is_whole=False), send)
                return
            digest = self._digest(request, key, body)
            scope.setdefault("state", {})[_DIGEST] = digest
            kept = await self._once.begin(digest)
            if kept is not None:
                await _send(_answers.decode(kept), send, REPLAYED)
                return
            await self._answer(app, scope, _again(body, receive, is_whole=True), send)

        return handle

    async def _answer(
        self, app: "ASGIApp", scope: "Scope", receive: "Receive", send: "Send"
    ) -> None:
        digest = scope["state"][_DIGEST]
        made = _Made()
        try:
            await app(scope, receive, made.take)
        except BaseException:
            await self._once.forget(digest)
            raise
        answer = made.answer()
        content = msgspec.msgpack.encode(answer)
        is_success = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        if is_success and len(content) <= MAX_KEPT_BYTES:
            await self._once.keep(digest, content)
        else:
            await self._once.forget(digest)
        await _send(answer, send)

    def _digest(self, request: AnyRequest, key: str, body: bytes) -> bytes:
        credential = self._security.credential(request)
        parts = (
            credential.token if credential else "",
            request.method,
            request.url.path,
            request.url.query,
            request.headers.get("if-match", ""),
            request.headers.get("if-none-match", ""),
            hashlib.sha256(body).hexdigest(),
            key,
        )
        text = "\n".join(parts).encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, text, hashlib.sha256)


class _Made:
    """Collects an answer while it is made."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()

    async def take(self, message: "Message") -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [
                (bytes(name), bytes(text)) for name, text in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            self._body += message["body"]

    def answer(self) -> _Answer:
        return _Answer(self._status, self._headers, bytes(self._body))


async def _read(receive: "Receive") -> tuple[bytes, bool]:
    """Return the body, or its beginning and False where it is too long."""
    body = bytearray()
    while len(body) <= _MAX_HEAD_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body), False
        body += message["body"]
        if not message["more_body"]:
            return bytes(body), True
    return bytes(body), False


def _again(body: bytes, receive: "Receive", *, is_whole: bool) -> "Receive":
    """Return what receives *body* once more, and then what comes after it."""
    is_given = False

    async def receive_again() -> "HTTPReceiveMessage | WebSocketReceiveMessage":
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return HTTPRequestEvent(type="http.request", body=body, more_body=not is_whole)

    return receive_again


async def _send(answer: _Answer, send: "Send", *more: tuple[bytes, bytes]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*answer.headers, *more],
        }
    )
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
