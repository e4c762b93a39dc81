"""Signing in with an account of another server (OpenID Connect)."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from api.application.identity.accounts import Identity, Login, SignedIn
from api.application.identity.admission import Admissions
from api.domain.account import MAX_IMAGE_CHARS, MAX_NAME_CHARS, Account, normal_email
from api.domain.external import FLOW_LIFE_S, Flow, Person
from api.ports import Accounts, Issuer, NotOurs, Seal
from eventcore.errors import Rejected

_CONTEXT = b"oidc flow"
_flows = msgspec.json.Decoder(Flow)


class Chances(Struct, frozen=True):
    """Random texts, made by whoever takes the request in."""

    state: str
    nonce: str
    verifier: str


class Returned(Struct, frozen=True):
    """What a browser comes back with."""

    kept: bytes
    """What `ExternalSignIn.begin` gave it to keep."""
    state: str
    code: str
    account_id: UUID | None
    """Who is signed in there."""


class ExternalSignIn:
    """Sends browsers to the issuer, and takes in who comes back."""

    def __init__(
        self,
        issuer: Issuer,
        identity: Identity,
        accounts: Accounts,
        admissions: Admissions,
        seal: Seal,
        *,
        redirect_uri: str,
        clock: Callable[[], float],
    ) -> None:
        """*clock* is seconds since 1970."""
        self._issuer = issuer
        self._identity = identity
        self._accounts = accounts
        self._admissions = admissions
        self._seal = seal
        self._redirect_uri = redirect_uri
        self._clock = clock

    async def begin(
        self, chances: Chances, target: str, account_id: UUID | None
    ) -> tuple[str, bytes]:
        """Return where the browser goes, and what it keeps until it comes back.

        With *account_id* the login is added to that account.

        Raises:
            Unavailable: The issuer does not answer.

        """
        expires_at_s = int(self._clock()) + FLOW_LIFE_S
        flow = Flow(
            *(chances.state, chances.nonce, chances.verifier),
            *(target, expires_at_s, account_id),
        )
        url = await self._issuer.authorization_url(
            redirect_uri=self._redirect_uri,
            state=flow.state,
            nonce=flow.nonce,
            challenge=flow.challenge,
        )
        return url, self._seal.close(msgspec.json.encode(flow), _CONTEXT)

    async def finish(
        self, returned: Returned, *, account_id: UUID, login: Login
    ) -> tuple[str, SignedIn | None]:
        """Return where the browser goes, and its session where one begins.

        *account_id* is that of an account that may be made. A login is added to an
        account only where its person is still signed in: what a browser keeps may have
        been put there by somebody else.

        Raises:
            Rejected: The browser was not sent by us, the issuer does not vouch for it,
                or it may not come in.
            Unavailable: The issuer or the database does not answer.

        """
        flow = self._flow(returned.kept)
        if flow is None or not flow.is_meant_by(returned.state, self._clock()):
            raise Rejected("STATE_MISMATCH", "Sign in again: this took too long")
        if flow.account_id not in (None, returned.account_id):
            raise Rejected("STATE_MISMATCH", "Sign in again: you are somebody else now")
        person = await self._issuer.redeem(
            returned.code,
            redirect_uri=self._redirect_uri,
            verifier=flow.verifier,
            nonce=flow.nonce,
        )
        if flow.account_id is not None:
            if not await self._accounts.link(flow.account_id, person.login):
                raise Rejected("ALREADY_LINKED", "That login is somebody else's here")
            return flow.target, None
        account = await self._accounts.by_external(person.login)
        if account is None:
            account = await self._new(account_id, person, login.at)
        return flow.target, await self._identity.begin(account, login)

    def _flow(self, kept: bytes) -> Flow | None:
        try:
            return _flows.decode(self._seal.open(kept, _CONTEXT))
        except (NotOurs, msgspec.MsgspecError):
            return None

    async def _new(self, account_id: UUID, person: Person, at: datetime) -> Account:
        """Make an account for somebody who comes the first time.

        An account that has this address already is not entered: nobody has ever shown
        that whoever made it owns the address. Its person signs in and links the login.
        """
        if person.email is None or not person.email_verified:
            raise Rejected("EMAIL_NOT_VERIFIED", "The issuer vouches for no address")
        email = normal_email(person.email)
        admission = await self._admissions.of(email, None, is_verified=True)
        name = (person.name or email)[:MAX_NAME_CHARS]
        picture = person.picture or ""
        account = Account(
            id=account_id,
            email=email,
            name=name,
            image=picture if 0 < len(picture) <= MAX_IMAGE_CHARS else None,
            email_verified=True,
            password_hash=None,
            created_at=at,
            updated_at=at,
        )
        added = await self._accounts.add(account, admission, person.login)
        if added is None:  # the same person may have come in by another tab just now
            added = await self._accounts.by_external(person.login)
        if added is None:
            raise Rejected("ACCOUNT_NOT_LINKED", "Sign in with your password first")
        return added
