"""A person's sessions and password, as the Better Auth client asks for them."""

from http import HTTPStatus

import msgspec
from litestar import Response, Router, get, post
from msgspec import Struct

from api.application.identity.accounts import Identity
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.identity.better_auth import (
    NO_STORE,
    SESSION_EXAMPLE,
    USER_EXAMPLE,
    SessionBody,
    StatusBody,
    UserBody,
    explain,
    handle,
    new_login,
    read,
    session_body,
    user_body,
)


class RevokeBody(Struct, frozen=True):
    """Which session ends: its ``token``, as listed."""

    token: str


class PasswordBody(Struct, frozen=True, rename="camel"):
    """Body of a change of password."""

    current_password: str
    new_password: str
    revoke_other_sessions: bool | None = None


class PasswordChangedBody(Struct, frozen=True):
    """The token is that of a new session, where all others have ended."""

    token: str | None
    user: UserBody


_BODY = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)

LIST = Operation(
    id="listSessions",
    tag="sessions",
    about="Your sessions that are open, the newest first",
    needs=Needs.SESSION,
    answer=list[SessionBody],
    example=[SESSION_EXAMPLE],
    speaks="code",
)
REVOKE = Operation(
    id="revokeSession",
    tag="sessions",
    about="End one of your sessions, and close its sockets",
    needs=Needs.SESSION,
    body=RevokeBody,
    body_example=RevokeBody(SESSION_EXAMPLE.token),
    answer=StatusBody,
    example=StatusBody(),
    errors=_BODY,
    speaks="code",
)
REVOKE_OTHERS = Operation(
    id="revokeOtherSessions",
    tag="sessions",
    about="End all of your sessions but this one",
    needs=Needs.SESSION,
    answer=StatusBody,
    example=StatusBody(),
    speaks="code",
)
REVOKE_ALL = Operation(
    id="revokeSessions",
    tag="sessions",
    about="Sign out everywhere",
    needs=Needs.SESSION,
    answer=StatusBody,
    example=StatusBody(),
    speaks="code",
)
CHANGE_PASSWORD = Operation(
    id="changePassword",
    tag="sessions",
    about="Set another password",
    needs=Needs.SESSION,
    body=PasswordBody,
    body_example=PasswordBody("correct horse battery", "staple horse battery"),
    answer=PasswordChangedBody,
    example=PasswordChangedBody(None, USER_EXAMPLE),
    errors=(*_BODY, HTTPStatus.TOO_MANY_REQUESTS),
    speaks="code",
)

_revoke = msgspec.json.Decoder(RevokeBody)
_password = msgspec.json.Decoder(PasswordBody)


class Sessions(Shared):
    """The endpoints, as the client calls them."""

    def __init__(self, security: Security, identity: Identity) -> None:
        self._security = security
        self._identity = identity

    async def list_all(self, request: AnyRequest) -> Response[bytes]:
        """Answer with the person's sessions."""
        account_id = (await self._security.caller(request)).id
        sessions = await self._identity.sessions(account_id)
        return json_response([session_body(one) for one in sessions], headers=NO_STORE)

    async def revoke(self, request: AnyRequest) -> Response[bytes]:
        """End one session; one that is not there has ended already."""
        signed_in = await self._security.person(request)
        body = await read(request, _revoke)
        try:
            digest = bytes.fromhex(body.token)
        except ValueError:
            digest = b""
        await self._identity.revoke(signed_in.account.id, only=digest)
        response = json_response(StatusBody(), headers=NO_STORE)
        if digest == signed_in.session.token_sha256:
            response.set_cookie(self._security.no_cookie())
        return response

    async def revoke_others(self, request: AnyRequest) -> Response[bytes]:
        """End all sessions but this one."""
        signed_in = await self._security.person(request)
        spare = signed_in.session.token_sha256
        await self._identity.revoke(signed_in.account.id, spare=spare)
        return json_response(StatusBody(), headers=NO_STORE)

    async def revoke_all(self, request: AnyRequest) -> Response[bytes]:
        """End all sessions, this one too."""
        account_id = (await self._security.caller(request)).id
        await self._identity.revoke(account_id)
        response = json_response(StatusBody(), headers=NO_STORE)
        response.set_cookie(self._security.no_cookie())
        return response

    async def change_password(self, request: AnyRequest) -> Response[bytes]:
        """Set another password."""
        signed_in = await self._security.person(request)
        body = await read(request, _password)
        login = new_login(self._security, request)
        begun = await self._identity.change_password(
            *(signed_in, login),
            current=body.current_password,
            new=body.new_password,
            everywhere=bool(body.revoke_other_sessions),
        )
        user = user_body(signed_in.account)
        token = handle(begun.session) if begun else None
        response = json_response(PasswordChangedBody(token, user), headers=NO_STORE)
        if begun is not None:
            cookie = self._security.session_cookie(login.token, begun.session)
            response.set_cookie(cookie)
        return response


def session_routes(security: Security, identity: Identity) -> Router:
    """Return the handlers of sessions and passwords."""
    door = Sessions(security, identity)
    ok = HTTPStatus.OK
    return Router(
        "/api/auth",
        route_handlers=[
            get("/list-sessions", opt=LIST.opt)(door.list_all),
            post("/revoke-session", status_code=ok, opt=REVOKE.opt)(door.revoke),
            post("/revoke-sessions", status_code=ok, opt=REVOKE_ALL.opt)(
                door.revoke_all
            ),
            post("/revoke-other-sessions", status_code=ok, opt=REVOKE_OTHERS.opt)(
                door.revoke_others
            ),
            post("/change-password", status_code=ok, opt=CHANGE_PASSWORD.opt)(
                door.change_password
            ),
        ],
        exception_handlers={Exception: explain},
    )
