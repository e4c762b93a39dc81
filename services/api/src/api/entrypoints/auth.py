"""Signing in: the e-mail and password endpoints of the Better Auth client.

Bodies, codes and cookie are those of its server, version 1.7. Unlike anywhere else,
errors are JSON with a code and a message. The ``token`` in bodies names a session and
does not open it: what opens it is in the cookie alone, where no script can read it.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from litestar import Response, Router, get, post
from msgspec import Struct

from api.application.accounts import Identity, Login, SignedIn
from api.domain.account import Account, Session
from api.entrypoints import errors
from api.entrypoints.body import BadJson, is_json, json_response, read_bytes
from api.entrypoints.errors import AnyRequest, HttpError
from api.entrypoints.security import Security
from api.entrypoints.shared import Shared
from eventcore.errors import Rejected

T = TypeVar("T")

STATUS: Mapping[str, HTTPStatus] = {
    "BAD_REQUEST": HTTPStatus.BAD_REQUEST,
    "VALIDATION_ERROR": HTTPStatus.BAD_REQUEST,
    "INVALID_EMAIL": HTTPStatus.BAD_REQUEST,
    "PASSWORD_TOO_SHORT": HTTPStatus.BAD_REQUEST,
    "PASSWORD_TOO_LONG": HTTPStatus.BAD_REQUEST,
    "INVALID_EMAIL_OR_PASSWORD": HTTPStatus.UNAUTHORIZED,
    "INVALID_ORIGIN": HTTPStatus.FORBIDDEN,
    "INVALID_CALLBACK_URL": HTTPStatus.FORBIDDEN,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""What refusals are over HTTP, by the code that the client reads."""

_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class SignUpBody(Struct, frozen=True, rename="camel"):
    """Body of a sign-up; what else it may hold is ignored."""

    name: str
    email: str
    password: str
    image: str | None = None
    remember_me: bool | None = None


class SignInBody(Struct, frozen=True, rename="camel"):
    """Body of a sign-in; what else it may hold is ignored."""

    email: str
    password: str
    remember_me: bool | None = None
    callback_url: str | None = msgspec.field(default=None, name="callbackURL")


class UserBody(Struct, frozen=True, rename="camel"):
    """A person."""

    id: str
    name: str
    email: str
    email_verified: bool
    image: str | None
    created_at: datetime
    updated_at: datetime


class SessionBody(Struct, frozen=True, rename="camel"):
    """A login."""

    id: str
    token: str
    user_id: str
    ip_address: str
    user_agent: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


_sign_up = msgspec.json.Decoder(SignUpBody)
_sign_in = msgspec.json.Decoder(SignInBody)


class Auth(Shared):
    """The endpoints, as the client calls them."""

    def __init__(self, security: Security, identity: Identity) -> None:
        self._security = security
        self._identity = identity

    async def sign_up(self, request: AnyRequest) -> Response[bytes]:
        """Make an account and sign it in."""
        self._check_origin(request)
        body = await _read(request, _sign_up)
        login = self._login(request, remembered=body.remember_me)
        try:
            signed_in = await self._identity.sign_up(
                *(uuid4(), login),
                name=body.name,
                email=body.email,
                password=body.password,
                image=body.image,
            )
        except Rejected as error:
            if error.code == "INVALID_EMAIL":  # here alone it has another name
                raise _invalid("[body.email] Invalid email address") from error
            raise
        return self._began(signed_in, login.token)

    async def sign_in(self, request: AnyRequest) -> Response[bytes]:
        """Begin a session under a new token."""
        self._check_origin(request)
        body = await _read(request, _sign_in)
        target = body.callback_url
        if target is not None and not _is_own_path(target):
            raise Rejected("INVALID_CALLBACK_URL", "Invalid callbackURL")
        login = self._login(request, remembered=body.remember_me)
        signed_in = await self._identity.sign_in(
            login, email=body.email, password=body.password
        )
        return self._began(signed_in, login.token, redirect=bool(target), url=target)

    async def sign_out(self, request: AnyRequest) -> Response[bytes]:
        """End the session, if there is one."""
        self._check_origin(request)
        credential = self._security.credential(request)
        if credential is not None:
            await self._identity.sign_out(credential.token)
        response = json_response({"success": True}, headers=_NO_STORE)
        response.set_cookie(self._security.no_cookie())
        return response

    async def get_session(self, request: AnyRequest) -> Response[bytes]:
        """Answer who is signed in, or null."""
        credential = self._security.credential(request)
        if credential is None:
            return json_response(None, headers=_NO_STORE)
        found = await self._identity.signed_in(credential.token, renew_at=_now())
        if found is None:
            response = json_response(None, headers=_NO_STORE)
            response.set_cookie(self._security.no_cookie())
            return response
        payload = {"session": _session(found.session), "user": _user(found.account)}
        response = json_response(payload, headers=_NO_STORE)
        if found.renewed and credential.is_cookie:
            cookie = self._security.session_cookie(credential.token, found.session)
            response.set_cookie(cookie)
        return response

    def _check_origin(self, request: AnyRequest) -> None:
        if not self._security.is_own_will(request):
            raise Rejected("INVALID_ORIGIN", "Invalid origin")

    def _login(self, request: AnyRequest, *, remembered: bool | None) -> Login:
        before = self._security.credential(request)
        return Login(
            session_id=uuid4(),
            token=secrets.token_urlsafe(32),
            client=self._security.client(request),
            at=_now(),
            remembered=remembered is not False,
            replaces=before.token if before else None,
        )

    def _began(
        self, signed_in: SignedIn, token: str, **more: str | bool | None
    ) -> Response[bytes]:
        payload = {
            **more,
            "token": _handle(signed_in.session),
            "user": _user(signed_in.account),
        }
        response = json_response(payload, headers=_NO_STORE)
        response.set_cookie(self._security.session_cookie(token, signed_in.session))
        return response


def auth_routes(security: Security, identity: Identity) -> Router:
    """Return the handlers below /api/auth."""
    auth = Auth(security, identity)
    return Router(
        "/api/auth",
        route_handlers=[
            post("/sign-up/email", status_code=HTTPStatus.OK)(auth.sign_up),
            post("/sign-in/email", status_code=HTTPStatus.OK)(auth.sign_in),
            post("/sign-out", status_code=HTTPStatus.OK)(auth.sign_out),
            get("/get-session")(auth.get_session),
        ],
        exception_handlers={Exception: _explain},
    )


def _now() -> datetime:
    """Return the time as precisely as JavaScript knows it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


async def _read(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    if not is_json(request):
        raise Rejected(
            "UNSUPPORTED_MEDIA_TYPE",
            "The body must have the Content-Type application/json",
        )
    body = await read_bytes(request)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(f"[body] {error}") from error
    except BadJson as error:
        raise Rejected("BAD_REQUEST", "Invalid JSON in request body") from error


def _invalid(message: str) -> Rejected:
    return Rejected("VALIDATION_ERROR", message)


def _explain(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer with a code and a message, as the client expects."""
    if isinstance(error, Rejected) and error.code in STATUS:
        refusal = {"code": error.code, "message": error.message}
        return json_response(refusal, STATUS[error.code])
    told: HttpError = errors.read(request, error)
    refusal = {"code": told.status.name, "message": told.sentence}
    return json_response(refusal, told.status, told.headers)


def _is_own_path(target: str) -> bool:
    """Tell whether a browser that follows *target* stays on this site."""
    url = urlsplit(target)
    return (
        target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and not url.scheme
        and not url.netloc
        and target.isprintable()
    )


def _user(account: Account) -> UserBody:
    return UserBody(
        id=str(account.id),
        name=account.name,
        email=account.email,
        email_verified=account.email_verified,
        image=account.image,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def _session(session: Session) -> SessionBody:
    return SessionBody(
        id=str(session.id),
        token=_handle(session),
        user_id=str(session.account_id),
        ip_address=session.ip_address,
        user_agent=session.user_agent,
        created_at=session.created_at,
        updated_at=session.updated_at,
        expires_at=session.expires_at,
    )


def _handle(session: Session) -> str:
    """Return what names the session in bodies."""
    return session.token_sha256.hex()
