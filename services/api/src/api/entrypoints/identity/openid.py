"""Signing in elsewhere, as the Better Auth client asks for a social provider.

``signIn.social({provider: "oidc"})`` is answered with the issuer's address; the browser
comes back to ``/api/auth/callback/oidc`` and is sent on to the page.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import msgspec
from litestar import Response, Router, get, post
from litestar.datastructures import Cookie
from msgspec import Struct

from api.application.identity.external import Chances, ExternalSignIn, Returned
from api.domain.external import FLOW_LIFE_S
from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.operation import Operation, Parameter
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.entrypoints.identity.better_auth import (
    MAX_BYTES,
    NO_STORE,
    check_origin,
    explain,
    new_login,
    own_path,
    read,
)
from eventcore.errors import Rejected, Unavailable

PROVIDER = "oidc"
CALLBACK = f"/api/auth/callback/{PROVIDER}"
_COOKIE = "atelier.oidc"
_AFTER = "/"
_AS_IT_IS = "%!#$&'()*+,/:;=?@[]~"
_ON_ERROR = "/sign-in"


class SocialBody(Struct, frozen=True, rename="camel"):
    """Body of a sign-in with a provider; what else it may hold is ignored."""

    provider: str
    callback_url: str | None = msgspec.field(default=None, name="callbackURL")
    disable_redirect: bool | None = None


class SocialAnswer(Struct, frozen=True):
    """Where the browser goes next."""

    url: str
    redirect: bool


_SOCIAL = SocialBody(PROVIDER, callback_url="/projects")
_ERRORS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)

SIGN_IN = Operation(
    id="signInElsewhere",
    tag="signing in",
    about="Where to sign in with the configured issuer (OpenID Connect)",
    needs=Needs.NOTHING,
    body=SocialBody,
    max_bytes=MAX_BYTES,
    body_example=_SOCIAL,
    answer=SocialAnswer,
    example=SocialAnswer("https://issuer.example/authorize?...", redirect=True),
    errors=_ERRORS,
    speaks="code",
)
LINK = Operation(
    id="linkLogin",
    tag="sessions",
    about="Add a login with the configured issuer to your account",
    needs=Needs.SESSION,
    body=SocialBody,
    max_bytes=MAX_BYTES,
    body_example=_SOCIAL,
    answer=SocialAnswer,
    example=SocialAnswer("https://issuer.example/authorize?...", redirect=True),
    errors=_ERRORS,
    speaks="code",
)
CALL_BACK = Operation(
    id="comeBack",
    tag="signing in",
    about="Where the issuer sends the browser, which is sent on to the page",
    needs=Needs.NOTHING,
    query=tuple(
        Parameter(name, about, {"type": "string"})
        for name, about in (
            ("state", "What the browser was sent with"),
            ("code", "What the issuer is asked with"),
            ("error", "Why the issuer refuses"),
        )
    ),
    media_type="text/plain",
    success=HTTPStatus.FOUND,
    speaks="code",
)

_social = msgspec.json.Decoder(SocialBody)


class OpenIdDoor(Shared):
    """The endpoints; without a configured issuer there is no such provider."""

    def __init__(self, security: Security, external: ExternalSignIn | None) -> None:
        self._security = security
        self._external = external

    async def sign_in(self, request: AnyRequest) -> Response[bytes]:
        """Send the browser to the issuer."""
        check_origin(self._security, request)
        return await self._begin(request, None)

    async def link(self, request: AnyRequest) -> Response[bytes]:
        """Do the same, to add the login to the account of who is signed in."""
        account = (await self._security.person(request)).account
        return await self._begin(request, account.id)

    async def call_back(self, request: AnyRequest) -> Response[bytes]:
        """Take in a browser that comes from the issuer, and send it on."""
        response = Response(b"", status_code=HTTPStatus.FOUND, headers=NO_STORE)
        response.set_cookie(self._cookie("", 0))
        try:
            target = await self._finish(request, response)
        except Rejected as error:
            target = f"{_ON_ERROR}?{urlencode({'error': error.code})}"
        except Unavailable:
            target = f"{_ON_ERROR}?error=ISSUER_UNAVAILABLE"
        # A path may hold any letter, a header only those of ASCII.
        response.headers["location"] = quote(target, safe=_AS_IT_IS)
        return response

    async def _begin(
        self, request: AnyRequest, account_id: UUID | None
    ) -> Response[bytes]:
        body = await read(request, _social)
        target = own_path(body.callback_url) or _AFTER
        if self._external is None or body.provider != PROVIDER:
            raise Rejected("PROVIDER_NOT_FOUND", "Provider not found")
        chances = Chances(*(secrets.token_urlsafe(32) for _ in range(3)))
        url, kept = await self._external.begin(chances, target, account_id)
        answer = SocialAnswer(url, redirect=not body.disable_redirect)
        response = json_response(answer, headers=NO_STORE)
        text = urlsafe_b64encode(kept).decode()
        response.set_cookie(self._cookie(text, FLOW_LIFE_S))
        return response

    async def _finish(self, request: AnyRequest, response: Response[bytes]) -> str:
        query = request.query_params
        if self._external is None:
            raise Rejected("PROVIDER_NOT_FOUND", "Provider not found")
        if query.get("error"):
            raise Rejected("ISSUER_REFUSED", "The issuer did not let you in")
        login = new_login(self._security, request)
        try:
            kept = urlsafe_b64decode(request.cookies.get(_COOKIE, ""))
        except (Error, ValueError):
            kept = b""
        returned = Returned(
            kept=kept,
            state=query.get("state", ""),
            code=query.get("code", ""),
            account_id=await self._who(request),
        )
        target, begun = await self._external.finish(
            returned, account_id=uuid4(), login=login
        )
        if begun is not None:
            cookie = self._security.session_cookie(login.token, begun.session)
            response.set_cookie(cookie)
        return target

    async def _who(self, request: AnyRequest) -> UUID | None:
        """Return who is signed in, if anybody is."""
        try:
            return (await self._security.person(request)).account.id
        except HttpError:
            return None

    def _cookie(self, value: str, max_age_s: int) -> Cookie:
        # Lax, because the issuer's page leads back here.
        same_site: Literal["lax"] = "lax"
        return Cookie(
            key=_COOKIE,
            value=value,
            max_age=max_age_s,
            path="/api/auth/callback",
            httponly=True,
            samesite=same_site,
            secure=self._security.is_https,
        )


def openid_routes(security: Security, external: ExternalSignIn | None) -> Router:
    """Return the handlers of signing in elsewhere."""
    door = OpenIdDoor(security, external)
    ok = HTTPStatus.OK
    return Router(
        "/api/auth",
        route_handlers=[
            post("/sign-in/social", status_code=ok, opt=SIGN_IN.opt)(door.sign_in),
            post("/link-social", status_code=ok, opt=LINK.opt)(door.link),
            get(f"/callback/{PROVIDER}", opt=CALL_BACK.opt)(door.call_back),
        ],
        exception_handlers={Exception: explain},
    )
