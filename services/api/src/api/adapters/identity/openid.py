"""An issuer of OpenID Connect: its discovery, its keys, the tokens that it signs."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key
from msgspec import Struct
from typing_extensions import override

from api.adapters.outbound import Outbound
from api.domain.external import ExternalLogin, Person
from api.ports import Issuer
from chassis import logs
from eventcore.errors import Rejected, Unavailable

# With a public key, and none that a client secret could sign with.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
_FRESH_S = 3600.0
"""How long what an issuer says of itself is believed."""
_KEYS_FRESH_S = 60.0
"""How soon its keys are asked for again when one is missing."""
_SILENT_S = 2.0
"""How soon an issuer that did not answer is asked again, however many want to."""
_LEEWAY_S = 60
MAX_SUBJECT_CHARS = 255
"""Of ASCII (OpenID Connect Core, 2)."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_log = logs.get(__name__)


class Client(Struct, frozen=True):
    """Who we are to the issuer."""

    issuer: str
    client_id: str
    client_secret: str


class _Metadata(Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class _Claims(Struct, frozen=True):
    sub: str
    azp: str | None = None
    aud: str | list[str] = ""
    email: str | None = None
    email_verified: bool | str = False
    name: str | None = None
    picture: str | None = None


class _Keys(Struct, frozen=True):
    keys: list[dict[str, Any]]


_NOT_UNDERSTOOD = (JoseError, ValueError, TypeError, KeyError, RecursionError)
_metadata = msgspec.json.Decoder(_Metadata)
_keys = msgspec.json.Decoder(_Keys)
_tokens = msgspec.json.Decoder(_Tokens)
_userinfo = msgspec.json.Decoder(_Claims)


class OpenIdIssuer(Issuer):
    """The authorization code flow with PKCE; *clock* is monotonic, in seconds."""

    def __init__(
        self, client: Client, web: Outbound, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._web = web
        self._clock = clock
        self._known: tuple[float, _Metadata] | None = None
        self._silent_at: float | None = None
        """When it was asked last what it says of itself, and did not answer."""
        self._asking = asyncio.Lock()
        self._keys: tuple[float, KeySet] | None = None

    @override
    async def authorization_url(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        endpoint = (await self._discovered()).authorization_endpoint
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client.client_id,
                "redirect_uri": redirect_uri,
                "scope": "openid email profile",
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    @override
    async def redeem(
        self, code: str, *, redirect_uri: str, verifier: str, nonce: str
    ) -> Person:
        metadata = await self._discovered()
        tokens = await self._redeemed(metadata, code, redirect_uri, verifier)
        claims = await self._believed(metadata, tokens.id_token, nonce)
        if claims.email is None and metadata.userinfo_endpoint and tokens.access_token:
            claims = await self._asked(
                metadata.userinfo_endpoint, tokens.access_token, claims
            )
        return Person(
            ExternalLogin(metadata.issuer, claims.sub),
            email=claims.email,
            email_verified=claims.email_verified in (True, "true"),
            name=_plain(claims.name),
            picture=_plain(claims.picture),
        )

    async def _discovered(self) -> _Metadata:
        """Return what the issuer says of itself, for which one asks for all."""
        async with self._asking:
            now = self._clock()
            if self._known is not None and now - self._known[0] < _FRESH_S:
                return self._known[1]
            if self._silent_at is not None and now - self._silent_at < _SILENT_S:
                raise Unavailable("the issuer did not answer a moment ago")
            try:
                metadata = await self._told_of_itself()
            except Unavailable:
                self._silent_at = self._clock()
                raise
            self._known = (now, metadata)
            return metadata

    async def _told_of_itself(self) -> _Metadata:
        base = self._client.issuer.rstrip("/")
        body = await self._web.get(f"{base}/.well-known/openid-configuration")
        try:
            metadata = _metadata.decode(body)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"{base} does not say how to sign in") from error
        if metadata.issuer.rstrip("/") != base:
            raise Unavailable(f"{base} says that it is {metadata.issuer}")
        for url in (metadata.token_endpoint, metadata.jwks_uri):
            if not _is_private_talk(url):
                raise Unavailable(f"{base} wants to be asked without encryption")
        return metadata

    async def _redeemed(
        self, metadata: _Metadata, code: str, redirect_uri: str, verifier: str
    ) -> _Tokens:
        client = self._client
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        basic: tuple[str, str] | None = None
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # Each is encoded as in a form first (RFC 6749, 2.3.1).
            basic = (_encoded(client.client_id), _encoded(client.client_secret))
        else:
            fields |= {
                "client_id": client.client_id,
                "client_secret": client.client_secret,
            }
        status, body = await self._web.post_form(metadata.token_endpoint, fields, basic)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"{metadata.token_endpoint} answers {status}")
        try:
            if status == HTTPStatus.OK:
                return _tokens.decode(body)
        except msgspec.MsgspecError as error:
            raise _refused("the issuer's answer is not understood") from error
        raise _refused(f"the issuer answers {status}")

    async def _believed(
        self, metadata: _Metadata, id_token: str, nonce: str
    ) -> _Claims:
        """Return what an ID token says, after all checks of OpenID Connect, 3.1.3.7."""
        try:
            token = await self._verified(metadata, id_token)
            jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": metadata.issuer},
                aud={"essential": True, "value": self._client.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True},
            ).validate(token.claims)
            claims = msgspec.convert(token.claims, _Claims)
        except _NOT_UNDERSTOOD as error:
            raise _refused(f"the ID token is not good: {error!r}") from error
        if not secrets.compare_digest(
            str(token.claims["nonce"]).encode(), nonce.encode()
        ):
            raise _refused("the ID token is for another sign-in")
        if not _is_subject(claims.sub):
            raise _refused("the ID token names nobody")
        if claims.azp not in (None, self._client.client_id) or (
            isinstance(claims.aud, list) and len(claims.aud) > 1 and claims.azp is None
        ):
            raise _refused("the ID token is for another client")
        return claims

    async def _verified(self, metadata: _Metadata, id_token: str) -> jwt.Token:
        """Return a token with a signature of the issuer's, whose keys may be new."""
        keys = await self._key_set(metadata, longest_s=_FRESH_S)
        try:
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except _NOT_UNDERSTOOD:
            # It may have been signed with a key that was made since.
            keys = await self._key_set(metadata, longest_s=_KEYS_FRESH_S)
            return jwt.decode(id_token, keys, algorithms=ALGORITHMS)

    async def _key_set(self, metadata: _Metadata, *, longest_s: float) -> KeySet:
        now = self._clock()
        if self._keys is not None and now - self._keys[0] < longest_s:
            return self._keys[1]
        keys = _understood(await self._web.get(metadata.jwks_uri))
        self._keys = (now, keys)
        return keys

    async def _asked(self, url: str, access_token: str, known: _Claims) -> _Claims:
        """Return what the issuer says when asked, about the same person."""
        body = await self._web.get(url, {"authorization": f"Bearer {access_token}"})
        try:
            claims = _userinfo.decode(body)
        except msgspec.MsgspecError as error:
            raise _refused("the issuer's answer is not understood") from error
        if claims.sub != known.sub:
            raise _refused("the issuer speaks of somebody else")
        return claims


def _understood(body: bytes) -> KeySet:
    """Return keys of an issuer; those of a kind nobody knows here are passed over.

    Raises:
        Unavailable: There are none.

    """
    keys: list[Key] = []
    try:
        for one in _keys.decode(body).keys:
            with suppress(*_NOT_UNDERSTOOD):
                keys.append(import_key(one))
    except msgspec.MsgspecError as error:
        raise Unavailable("the issuer's keys are not understood") from error
    if not keys:
        raise Unavailable("the issuer has no key that is understood")
    return KeySet(keys)


def _is_subject(text: str) -> bool:
    return 0 < len(text) <= MAX_SUBJECT_CHARS and text.isascii() and "\0" not in text


def _plain(text: str | None) -> str | None:
    """Return *text* without what cannot be stored, which JSON can say all the same."""
    if text is None:
        return None
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _is_private_talk(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in _LOOPBACK
    )


def _refused(reason: str) -> Rejected:
    _log.warning("sign-in refused", reason=reason)
    return Rejected("OIDC_REFUSED", "The issuer does not vouch for this sign-in")
