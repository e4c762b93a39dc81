"""Signing up, in and out with e-mail and password, as the Better Auth client does."""

from http import HTTPStatus
from uuid import uuid4

import msgspec
from litestar import Response, Router, get, post
from msgspec import Struct

from api.application.identity.accounts import Identity, Profile, SignedIn
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.identity.better_auth import (
    MAX_BYTES,
    NO_STORE,
    SESSION_EXAMPLE,
    USER_EXAMPLE,
    CurrentBody,
    UserBody,
    check_origin,
    current_body,
    explain,
    handle,
    invalid,
    new_login,
    now,
    own_path,
    read,
    user_body,
)
from eventcore.errors import Rejected


class SignUpBody(Struct, frozen=True, rename="camel"):
    """Body of a sign-up; what else it may hold is ignored."""

    name: str
    email: str
    password: str
    image: str | None = None
    remember_me: bool | None = None
    invitation: str | None = None
    """The code of an invitation, where signing up needs one."""


class SignInBody(Struct, frozen=True, rename="camel"):
    """Body of a sign-in; what else it may hold is ignored."""

    email: str
    password: str
    remember_me: bool | None = None
    callback_url: str | None = msgspec.field(default=None, name="callbackURL")


class SignedUpBody(Struct, frozen=True):
    """A new account, signed in."""

    token: str
    user: UserBody


class SignedInBody(Struct, frozen=True):
    """A new session."""

    redirect: bool
    token: str
    user: UserBody
    url: str | None


class SignedOutBody(Struct, frozen=True):
    """No session any more."""

    success: bool = True


_PASSWORD = "correct horse battery"  # noqa: S105 - an example
_LIMITED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.TOO_MANY_REQUESTS,
)

SIGN_UP = Operation(
    id="signUp",
    tag="signing in",
    about="Make an account and sign in",
    needs=Needs.NOTHING,
    body=SignUpBody,
    max_bytes=MAX_BYTES,
    body_example=SignUpBody(USER_EXAMPLE.name, USER_EXAMPLE.email, _PASSWORD),
    answer=SignedUpBody,
    example=SignedUpBody(SESSION_EXAMPLE.token, USER_EXAMPLE),
    errors=_LIMITED,
    speaks="code",
)
SIGN_IN = Operation(
    id="signIn",
    tag="signing in",
    about="Begin a session under a new token",
    needs=Needs.NOTHING,
    body=SignInBody,
    max_bytes=MAX_BYTES,
    body_example=SignInBody(USER_EXAMPLE.email, _PASSWORD),
    answer=SignedInBody,
    example=SignedInBody(
        redirect=False, token=SESSION_EXAMPLE.token, user=USER_EXAMPLE, url=None
    ),
    errors=(*_LIMITED, HTTPStatus.UNAUTHORIZED),
    speaks="code",
)
SIGN_OUT = Operation(
    id="signOut",
    tag="signing in",
    about="End the session, if there is one, and close its sockets",
    needs=Needs.NOTHING,
    answer=SignedOutBody,
    example=SignedOutBody(),
    errors=(HTTPStatus.FORBIDDEN,),
    speaks="code",
)
GET_SESSION = Operation(
    id="getSession",
    tag="signing in",
    about="Who is signed in, or null",
    needs=Needs.NOTHING,
    answer=CurrentBody | None,
    example=CurrentBody(SESSION_EXAMPLE, USER_EXAMPLE),
    speaks="code",
)

_sign_up = msgspec.json.Decoder(SignUpBody)
_sign_in = msgspec.json.Decoder(SignInBody)


class Auth(Shared):
    """The endpoints, as the client calls them."""

    def __init__(self, security: Security, identity: Identity) -> None:
        self._security = security
        self._identity = identity

    async def sign_up(self, request: AnyRequest) -> Response[bytes]:
        """Make an account and sign it in."""
        check_origin(self._security, request)
        body = await read(request, _sign_up)
        login = new_login(self._security, request, remembered=body.remember_me)
        try:
            signed_in = await self._identity.sign_up(
                *(uuid4(), login, Profile(body.name, body.email, body.image)),
                password=body.password,
                invitation=body.invitation,
            )
        except Rejected as error:
            if error.code == "INVALID_EMAIL":  # here alone it has another name
                raise invalid("[body.email] Invalid email address") from error
            raise
        user = user_body(signed_in.account)
        answer = SignedUpBody(handle(signed_in.session), user)
        return self._began(signed_in, login.token, answer)

    async def sign_in(self, request: AnyRequest) -> Response[bytes]:
        """Begin a session under a new token."""
        check_origin(self._security, request)
        body = await read(request, _sign_in)
        target = own_path(body.callback_url)
        login = new_login(self._security, request, remembered=body.remember_me)
        signed_in = await self._identity.sign_in(
            login, email=body.email, password=body.password
        )
        answer = SignedInBody(
            redirect=bool(target),
            token=handle(signed_in.session),
            user=user_body(signed_in.account),
            url=target,
        )
        return self._began(signed_in, login.token, answer)

    async def sign_out(self, request: AnyRequest) -> Response[bytes]:
        """End the session, if there is one."""
        check_origin(self._security, request)
        credential = self._security.credential(request)
        if credential is not None:
            await self._identity.sign_out(credential.token)
        response = json_response(SignedOutBody(), headers=NO_STORE)
        response.set_cookie(self._security.no_cookie())
        return response

    async def get_session(self, request: AnyRequest) -> Response[bytes]:
        """Answer who is signed in, or null."""
        credential = self._security.credential(request)
        if credential is None:
            return json_response(None, headers=NO_STORE)
        found = await self._identity.signed_in(credential.token, renew_at=now())
        if found is None:
            response = json_response(None, headers=NO_STORE)
            response.set_cookie(self._security.no_cookie())
            return response
        response = json_response(current_body(found), headers=NO_STORE)
        if found.renewed and credential.is_cookie:
            cookie = self._security.session_cookie(credential.token, found.session)
            response.set_cookie(cookie)
        return response

    def _began(
        self, signed_in: SignedIn, token: str, answer: Struct
    ) -> Response[bytes]:
        response = json_response(answer, headers=NO_STORE)
        response.set_cookie(self._security.session_cookie(token, signed_in.session))
        return response


def auth_routes(security: Security, identity: Identity) -> Router:
    """Return the handlers of signing in with a password."""
    auth = Auth(security, identity)
    ok = HTTPStatus.OK
    return Router(
        "/api/auth",
        route_handlers=[
            post("/sign-up/email", status_code=ok, opt=SIGN_UP.opt)(auth.sign_up),
            post("/sign-in/email", status_code=ok, opt=SIGN_IN.opt)(auth.sign_in),
            post("/sign-out", status_code=ok, opt=SIGN_OUT.opt)(auth.sign_out),
            get("/get-session", opt=GET_SESSION.opt)(auth.get_session),
        ],
        exception_handlers={Exception: explain},
    )
