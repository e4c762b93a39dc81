"""Who is asking, from where, and by whose will."""

from collections.abc import Iterable
from http import HTTPStatus
from http.cookies import SimpleCookie
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from uuid import UUID

from litestar.datastructures import Cookie
from msgspec import Struct

from api.application.identity.accounts import Client, Identity, SignedIn
from api.application.identity.api_tokens import ApiTokens
from api.domain.account import Account, Session
from api.domain.api_token import PREFIX
from api.domain.scope import Needs
from api.entrypoints.http.errors import AnyRequest, HttpError
from api.entrypoints.http.operation import operation_of

_COOKIE = "better-auth.session_token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
_BEARER = "bearer "
_CALLER = "caller_id"


class Credential(Struct, frozen=True):
    """A token of a session or a program, and whether the browser added it by itself."""

    token: str
    is_cookie: bool


class Caller(Struct, frozen=True):
    """Somebody who may do what the route does."""

    account: Account
    login_id: UUID
    """The session's id, or the API token's."""

    @property
    def id(self) -> UUID:
        """Whose request it is."""
        return self.account.id


class Security:
    """The session cookie, tokens, the origin of requests and the address of clients."""

    def __init__(
        self,
        identity: Identity,
        tokens: ApiTokens,
        *,
        public_url: str,
        trusted_proxies: Iterable[str],
    ) -> None:
        """*trusted_proxies* are addresses and networks.

        Raises:
            ValueError: One of them is neither.

        """
        url = urlsplit(public_url)
        self.is_https = url.scheme == "https"
        self.cookie_name = f"__Secure-{_COOKIE}" if self.is_https else _COOKIE
        self._identity = identity
        self._tokens = tokens
        self._origin = f"{url.scheme}://{url.netloc}"
        self._trusted_proxies = [ip_network(one) for one in trusted_proxies]

    async def caller(self, request: AnyRequest) -> Caller:
        """Return who is asking; the route's operation says who may.

        Raises:
            HttpError: 401, nobody who is known; 403, the browser was made to ask by
                another site, or this is not for whoever asks.
            Unavailable: The database does not answer.

        """
        needs = operation_of(request).needs
        credential = self.credential(request)
        if credential is not None and credential.token.startswith(PREFIX):
            return await self._program(request, credential.token, needs)
        signed_in = await self._signed_in(request, credential)
        account = signed_in.account
        if needs is Needs.ADMINISTRATOR and not account.is_administrator:
            raise HttpError(HTTPStatus.FORBIDDEN, "Only administrators may do this")
        return Caller(account, signed_in.session.id)

    async def person(self, request: AnyRequest) -> SignedIn:
        """Return whose session is shown; no program may do what is asked.

        Raises:
            HttpError: As `caller`.

        """
        credential = self.credential(request)
        if credential is not None and credential.token.startswith(PREFIX):
            await self._program(request, credential.token, Needs.SESSION)
        return await self._signed_in(request, credential)

    async def _signed_in(
        self, request: AnyRequest, credential: Credential | None
    ) -> SignedIn:
        found = credential and await self._identity.signed_in(credential.token)
        if not credential or not found:
            raise HttpError(HTTPStatus.UNAUTHORIZED)
        if credential.is_cookie and not self.is_own_will(request):
            raise HttpError(HTTPStatus.FORBIDDEN)
        _note(request, found.account)
        return found

    async def _program(self, request: AnyRequest, token: str, needs: Needs) -> Caller:
        found = await self._tokens.use(token)
        if found is None:
            raise HttpError(HTTPStatus.UNAUTHORIZED)
        api_token, account = found
        if needs in (Needs.SESSION, Needs.ADMINISTRATOR):
            raise HttpError(HTTPStatus.FORBIDDEN, "API tokens may not do this: sign in")
        if not api_token.allows(needs):
            raise HttpError(
                HTTPStatus.FORBIDDEN, f"This token does not have the scope {needs}"
            )
        _note(request, account)
        return Caller(account, api_token.id)

    def credential(self, request: AnyRequest) -> Credential | None:
        """Return what the request shows, the header before the cookie."""
        header = request.headers.get("authorization", "")
        if header[: len(_BEARER)].lower() == _BEARER:
            return Credential(header[len(_BEARER) :].strip(), is_cookie=False)
        cookie = request.cookies.get(self.cookie_name)
        return Credential(cookie, is_cookie=True) if cookie else None

    async def gives_dead_session(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether an answer's *headers* set the cookie of a session that is over.

        Raises:
            Unavailable: The database does not answer.

        """
        for name, text in headers:
            if name.lower() != b"set-cookie":
                continue
            cookie = SimpleCookie(text.decode("latin-1")).get(self.cookie_name)
            if cookie is not None and cookie.value:
                return await self._identity.signed_in(cookie.value) is None
        return False

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
        _, _, place = origin.partition("://")
        return bool(place) and place == request.headers.get("host")

    def client(self, request: AnyRequest) -> Client:
        """Return where the request comes from, past the door that we trust."""
        address = request.client.host if request.client else "unknown"
        if self._is_trusted(address):
            forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2]
            address = forwarded.strip() or address
        return Client(address[:64], request.headers.get("user-agent", ""))

    def sender(self, request: AnyRequest) -> str:
        """Return whose request it is, as far as is known: a person's or an address's.

        A person is known from the moment when `caller` or `person` has looked.
        """
        caller = request.scope.get("state", {}).get(_CALLER)
        return str(caller) if caller else self.client(request).counted_as

    def _is_trusted(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self._trusted_proxies)

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


def _note(request: AnyRequest, account: Account) -> None:
    request.scope.setdefault("state", {})[_CALLER] = account.id
