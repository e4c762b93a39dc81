"""The JSON of /api/auth: that of the Better Auth server, version 1.7.

Unlike anywhere else, errors are JSON with a code and a message. The ``token`` in bodies
names a session and does not open it: what opens it is in the cookie alone, where no
script can read it.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from litestar import Response
from msgspec import Struct

from api.application.identity.accounts import Login, SignedIn
from api.domain.account import Account, Session
from api.entrypoints.http import errors
from api.entrypoints.http.body import BadJson, is_json, json_response, read_bytes
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.security import Security
from eventcore.errors import Rejected

T = TypeVar("T")

STATUS: Mapping[str, HTTPStatus] = {
    "BAD_REQUEST": HTTPStatus.BAD_REQUEST,
    "VALIDATION_ERROR": HTTPStatus.BAD_REQUEST,
    "INVALID_EMAIL": HTTPStatus.BAD_REQUEST,
    "PASSWORD_TOO_SHORT": HTTPStatus.BAD_REQUEST,
    "PASSWORD_TOO_LONG": HTTPStatus.BAD_REQUEST,
    "INVALID_PASSWORD": HTTPStatus.BAD_REQUEST,
    "CREDENTIAL_ACCOUNT_NOT_FOUND": HTTPStatus.BAD_REQUEST,
    "INVALID_EMAIL_OR_PASSWORD": HTTPStatus.UNAUTHORIZED,
    "INVALID_ORIGIN": HTTPStatus.FORBIDDEN,
    "INVALID_CALLBACK_URL": HTTPStatus.FORBIDDEN,
    "BANNED_USER": HTTPStatus.FORBIDDEN,
    "SIGN_UP_CLOSED": HTTPStatus.FORBIDDEN,
    "INVITATION_REQUIRED": HTTPStatus.FORBIDDEN,
    "PROVIDER_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""What refusals are over HTTP, by the code that the client reads."""

MAX_BYTES = 16 * 1024
"""Largest body of somebody who is not signed in."""

MAX_PATH_BYTES = 1024
"""Longest path to come back to: a cookie keeps it, of which browsers keep 4 KiB."""

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


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


class CurrentBody(Struct, frozen=True, rename="camel"):
    """Who is signed in."""

    session: SessionBody
    user: UserBody


class RefusalBody(Struct, frozen=True):
    """Why not."""

    code: str
    message: str


class StatusBody(Struct, frozen=True):
    """It is done."""

    status: bool = True


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER_EXAMPLE = UserBody(
    id="7f9a2e6a-6c0b-4f3e-9a53-1c7d6b1f1d22",
    name="Ada",
    email="ada@example.org",
    email_verified=False,
    image=None,
    created_at=NOON,
    updated_at=NOON,
)
SESSION_EXAMPLE = SessionBody(
    id="2c1f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d44",
    token="9f86d081884c7d65",  # noqa: S106 - names a session that never was
    user_id=USER_EXAMPLE.id,
    ip_address="198.51.100.7",
    user_agent="Mozilla/5.0",
    created_at=NOON,
    updated_at=NOON,
    expires_at=datetime(2026, 1, 8, 12, tzinfo=UTC),
)


def now() -> datetime:
    """Return the time as precisely as JavaScript knows it."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def check_origin(security: Security, request: AnyRequest) -> None:
    """Refuse what another page made the browser send.

    Raises:
        Rejected: It did.

    """
    if not security.is_own_will(request):
        raise Rejected("INVALID_ORIGIN", "Invalid origin")


def new_login(
    security: Security, request: AnyRequest, *, remembered: bool | None = True
) -> Login:
    """Return what a session of this client is made from."""
    before = security.credential(request)
    return Login(
        session_id=uuid4(),
        token=secrets.token_urlsafe(32),
        client=security.client(request),
        at=now(),
        remembered=remembered is not False,
        replaces=before.token if before else None,
    )


async def read(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the body as what *decoder* makes of it.

    Raises:
        Rejected: It is not JSON, or does not fit.
        HttpError: 413, it is too long.

    """
    if not is_json(request):
        raise Rejected(
            "UNSUPPORTED_MEDIA_TYPE",
            "The body must have the Content-Type application/json",
        )
    body = await read_bytes(request)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(f"[body] {error}") from error
    except BadJson as error:
        raise Rejected("BAD_REQUEST", "Invalid JSON in request body") from error


def invalid(message: str) -> Rejected:
    """Return what is said of a body that does not fit."""
    return Rejected("VALIDATION_ERROR", message)


def explain(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer with a code and a message, as the client expects."""
    if isinstance(error, Rejected) and error.code in STATUS:
        return json_response(RefusalBody(error.code, error.message), STATUS[error.code])
    told: HttpError = errors.read(request, error)
    refusal = RefusalBody(told.status.name, told.sentence)
    return json_response(refusal, told.status, told.headers)


def own_path(target: str | None) -> str | None:
    """Return where a browser goes afterwards, if it stays on this site.

    Raises:
        Rejected: It would not.

    """
    if target is not None and not _is_own_path(target):
        raise Rejected("INVALID_CALLBACK_URL", "Invalid callbackURL")
    return target


def _is_own_path(target: str) -> bool:
    try:
        url = urlsplit(target)
    except ValueError:
        return False
    return (
        len(target.encode("utf-8", "replace")) <= MAX_PATH_BYTES
        and target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and not url.scheme
        and not url.netloc
        and target.isprintable()
    )


def user_body(account: Account) -> UserBody:
    """Return a person as bodies show one."""
    return UserBody(
        id=str(account.id),
        name=account.name,
        email=account.email,
        email_verified=account.email_verified,
        image=account.image,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def session_body(session: Session) -> SessionBody:
    """Return a session as bodies show one."""
    return SessionBody(
        id=str(session.id),
        token=handle(session),
        user_id=str(session.account_id),
        ip_address=session.ip_address,
        user_agent=session.user_agent,
        created_at=session.created_at,
        updated_at=session.updated_at,
        expires_at=session.expires_at,
    )


def current_body(signed_in: SignedIn) -> CurrentBody:
    """Return who is signed in as bodies show it."""
    return CurrentBody(session_body(signed_in.session), user_body(signed_in.account))


def handle(session: Session) -> str:
    """Return what names the session in bodies."""
    return session.token_sha256.hex()
