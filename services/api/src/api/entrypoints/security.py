"""Who is asking, from where, and by whose will."""

from http import HTTPStatus
from urllib.parse import urlsplit

from litestar.datastructures import Cookie
from msgspec import Struct

from api.application.accounts import Client, Identity, SignedIn
from api.domain.account import Session
from api.entrypoints.errors import AnyRequest, HttpError

_COOKIE = "better-auth.session_token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
_BEARER = "bearer "


class Credential(Struct, frozen=True):
    """A session's token, and whether the browser added it by itself."""

    token: str
    is_cookie: bool


class Security:
    """The session cookie, the origin of requests and the address of clients."""

    def __init__(
        self, identity: Identity, *, public_url: str, trusted_proxies: frozenset[str]
    ) -> None:
        url = urlsplit(public_url)
        self.is_https = url.scheme == "https"
        self.cookie_name = f"__Secure-{_COOKIE}" if self.is_https else _COOKIE
        self._identity = identity
        self._origin = f"{url.scheme}://{url.netloc}"
        self._trusted_proxies = trusted_proxies

    async def signed_in(self, request: AnyRequest) -> SignedIn:
        """Return who is asking.

        Raises:
            HttpError: 401, nobody who is signed in; 403, the browser was made to ask
                by another site.

        """
        credential = self.credential(request)
        found = credential and await self._identity.signed_in(credential.token)
        if not credential or not found:
            raise HttpError(HTTPStatus.UNAUTHORIZED)
        if credential.is_cookie and not self.is_own_will(request):
            raise HttpError(HTTPStatus.FORBIDDEN)
        return found

    def credential(self, request: AnyRequest) -> Credential | None:
        """Return what the request shows, the header before the cookie."""
        header = request.headers.get("authorization", "")
        if header[: len(_BEARER)].lower() == _BEARER:
            return Credential(header[len(_BEARER) :].strip(), is_cookie=False)
        cookie = request.cookies.get(self.cookie_name)
        return Credential(cookie, is_cookie=True) if cookie else None

    def is_own_will(self, request: AnyRequest) -> bool:
        """Tell whether our own page sent the request, or no browser did.

        Browsers name the page's origin on every unsafe request; what names none is a
        program, which adds no cookie against its user's will.
        """
        if request.method in _SAFE_METHODS:
            return True
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site in _OWN_SITES
        origin = request.headers.get("origin")
        if origin is None or origin == self._origin:
            return True
        # The same server under another of its names, such as 127.0.0.1.
        return urlsplit(origin).netloc == request.headers.get("host")

    def client(self, request: AnyRequest) -> Client:
        """Return where the request comes from, past the door that we trust."""
        address = request.client.host if request.client else "unknown"
        if address in self._trusted_proxies:
            forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2]
            address = forwarded.strip() or address
        return Client(address[:64], request.headers.get("user-agent", ""))

    def session_cookie(self, token: str, session: Session) -> Cookie:
        """Return the cookie of a session that begins or goes on."""
        life = int((session.expires_at - session.updated_at).total_seconds())
        return self._cookie(token, life if session.remembered else None)

    def no_cookie(self) -> Cookie:
        """Return the cookie that removes the one of a session."""
        return self._cookie("", 0)

    def _cookie(self, value: str, max_age_s: int | None) -> Cookie:
        return Cookie(
            key=self.cookie_name,
            value=value,
            max_age=max_age_s,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self.is_https,
        )
