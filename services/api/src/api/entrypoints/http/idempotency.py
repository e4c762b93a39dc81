"""The Idempotency-Key: a client may ask twice, and it happens once.

Commands carry an id that is made from the key, under which the agent knows them again.
Besides, every POST, PUT and PATCH with a key gets the answer that it got before.
"""

import hashlib
import hmac
import zlib
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID, uuid4, uuid5

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from msgspec import Struct

from api.application.errors import Busy
from api.application.once import Once
from api.domain.scope import Needs
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.operation import described, operation_of
from api.entrypoints.http.security import Security
from contracts import codec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
MAX_KEPT_BYTES = 8 << 20
"""More than any answer has, which is a file in JSON at most."""
_KEPT_AS = "deflated"
"""Whoever keeps answers in another form looks for others."""
_FAST = 1
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
    condition and body are; one with the same key and another body, say, is refused. Who
    may not do it any more is given nothing; what failed may be tried again.
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
            if key is None or not await self._is_welcome(request):
                await app(scope, receive, send)
                return
            attempt = _Attempt(
                self._once,
                receive,
                *self._named(request, key),
                lambda answer: self._is_stale(request, answer),
            )
            await self._answer(app, request, attempt, send)

        return handle

    async def _is_welcome(self, request: AnyRequest) -> bool:
        """Tell whether who asks may; if not, the route says so in its own way."""
        operation = described(request.route_handler)
        if operation is None:
            return False
        if operation.needs is Needs.NOTHING:
            return True
        try:
            await self._security.caller(request)
        except HttpError:
            return False
        return True

    async def _is_stale(self, request: AnyRequest, answer: "_Answer") -> bool:
        """Tell whether an answer would give somebody a session that is over.

        Who signs in shows nothing else that could be looked at.
        """
        is_public = operation_of(request).needs is Needs.NOTHING
        return is_public and await self._security.gives_dead_session(answer.headers)

    async def _answer(
        self, app: "ASGIApp", request: AnyRequest, attempt: "_Attempt", send: "Send"
    ) -> None:
        made = _Made()
        scope = request.scope
        try:
            if not operation_of(request).has_body:
                await attempt.begin(scope)
            await app(scope, attempt.receiving(scope), made.take)
        except _AnsweredBefore:
            pass
        except BaseException:
            await attempt.forget()
            raise
        if attempt.kept is not None:
            await _send(attempt.kept, send, REPLAYED)
            return
        answer = made.answer()
        await attempt.keep(answer, _project_of(request, answer))
        await _send(answer, send)

    def _named(
        self, request: AnyRequest, key: str
    ) -> "tuple[Callable[[str], bytes], bytes | None]":
        """Return what names the request, by the digest of its body, and its key."""
        credential = self._security.credential(request)
        place = (
            _KEPT_AS,
            credential.token if credential else "",
            request.method,
            request.url.path,
        )
        parts = (
            *place,
            request.url.query,
            request.headers.get("if-match", ""),
            request.headers.get("if-none-match", ""),
        )

        def digest(*words: str) -> bytes:
            text = "\n".join(words).encode("utf-8", "surrogateescape")
            return hmac.digest(self._key, text, hashlib.sha256)

        # Strangers who choose the same key have nothing to do with each other.
        own = digest(*place, key) if credential else None
        return lambda body: digest(*parts, body, key), own


class _AnsweredBefore(HttpError):
    """There is an answer already, so the handler goes no further."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.OK, "Answered before")


class _Attempt:
    """A request with a key; it is known when its body has passed to the handler."""

    def __init__(
        self,
        once: Once,
        receive: "Receive",
        named: "Callable[[str], bytes]",
        key: bytes | None,
        is_stale: "Callable[[_Answer], Awaitable[bool]]",
    ) -> None:
        self.kept: _Answer | None = None
        self._once = once
        self._receive = receive
        self._named = named
        self._key = key
        self._is_stale = is_stale
        self._body = hashlib.sha256()
        self._ours: bytes | None = None

    async def begin(self, scope: "Scope") -> None:
        """Take the request, whose body is known now.

        Raises:
            _AnsweredBefore: It is in *kept*.
            Rejected: Its key is that of another one.
            Busy: It is being answered at this moment.
            Unavailable: The database does not answer.

        """
        digest = self._named(self._body.hexdigest())
        kept = await self._once.begin(digest, self._key)
        if kept is not None:
            answer = _answers.decode(zlib.decompress(kept))
            if not await self._is_stale(answer):
                self.kept = answer
                raise _AnsweredBefore
            if not await self._once.begin_anew(digest):
                raise Busy
        self._ours = digest
        scope.setdefault("state", {})[_DIGEST] = digest

    def receiving(self, scope: "Scope") -> "Receive":
        """Return what the handler receives by: the last of the body begins."""
        is_whole = self._ours is not None

        async def receive() -> "HTTPReceiveMessage | WebSocketReceiveMessage":
            nonlocal is_whole
            message = await self._receive()
            if message["type"] == "http.request" and not is_whole:
                self._body.update(message["body"])
                is_whole = not message["more_body"]
                if is_whole:
                    await self.begin(scope)
            return message

        return receive

    async def keep(self, answer: _Answer, project_id: UUID | None) -> None:
        """Give a success from now on; let the request be tried again otherwise."""
        if self._ours is None:
            return
        is_success = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        content = zlib.compress(msgspec.msgpack.encode(answer), _FAST)
        if is_success and len(content) <= MAX_KEPT_BYTES:
            await self._once.keep(self._ours, content, project_id)
        else:
            await self.forget()

    async def forget(self) -> None:
        """Let the request be tried again."""
        if self._ours is not None:
            await self._once.forget(self._ours, self._key)


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


class _Project(Struct, frozen=True, rename="camel"):
    """What no answer has but one that is a project."""

    id: UUID
    user_id: UUID
    preview_url: str | None


_projects = msgspec.json.Decoder(_Project)


def _project_of(request: AnyRequest, answer: _Answer) -> UUID | None:
    """Return the project that an answer tells of: the one in the path, or a new one."""
    with suppress(ValueError, msgspec.MsgspecError):
        if "project_id" in request.path_params:
            return UUID(str(request.path_params["project_id"]))
        return _projects.decode(answer.body).id
    return None


async def _send(answer: _Answer, send: "Send", *more: tuple[bytes, bytes]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*answer.headers, *more],
        }
    )
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
