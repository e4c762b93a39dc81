"""Signing up, in and out, and whose session a token is."""

from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from msgspec import Struct

from api.application.errors import LimitReached
from api.application.identity.admission import Admissions
from api.application.rate_limit import RateLimit
from api.domain.account import (
    SESSION_LIFE,
    Account,
    NewSession,
    Session,
    check_profile,
    digest,
    new_password,
    normal_email,
    normal_password,
)
from api.ports import Accounts, Passwords
from eventcore.errors import Rejected


class Client(Struct, frozen=True):
    """Where a request comes from, as far as it can be known."""

    address: str
    user_agent: str

    @property
    def counted_as(self) -> str:
        """For limits: of IPv6 one household or machine has a whole /64."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return self.address
        if not isinstance(address, IPv6Address):
            return self.address
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> 64:x}"


class Login(Struct, frozen=True):
    """What a new session needs: ids are made by whoever takes the request in."""

    session_id: UUID
    token: str
    """256 random bits; replaces the one that the client had."""
    client: Client
    at: datetime
    remembered: bool = True
    replaces: str | None = None
    """The token of the session that the client had before."""


class Profile(Struct, frozen=True):
    """Who somebody new is."""

    name: str
    email: str
    image: str | None = None


class SignedIn(Struct, frozen=True):
    """A valid session and whose it is."""

    session: Session
    account: Account
    renewed: bool = False
    """Its life was prolonged, which the browser has to be told."""


class SignInLimits(Struct, frozen=True):
    """Failed sign-ins for an account and for an address, and sign-ups."""

    account: RateLimit
    address: RateLimit
    sign_up: RateLimit


Ended = Callable[[UUID], None]
"""Told whose sessions have ended, so that what is kept open looks again."""


class Identity:
    """Accounts and sessions, through their ports."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        limits: SignInLimits,
        admissions: Admissions,
        ended: Ended,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._limits = limits
        self._admissions = admissions
        self._ended = ended

    async def sign_up(
        self,
        account_id: UUID,
        login: Login,
        profile: Profile,
        *,
        password: str,
        invitation: str | None = None,
    ) -> SignedIn:
        """Make an account and sign it in.

        Raises:
            Rejected: The address is taken, something does not fit, or nobody new may
                come in, which is said before anything else is looked at.
            LimitReached: Too many from this address.
            Unavailable: The database does not answer, or too many passwords wait.

        """
        address = normal_email(profile.email)
        chosen = new_password(password)
        check_profile(profile.name, profile.image)
        _take(self._limits.sign_up, login.client.counted_as)
        admission = await self._admissions.of(address, invitation)
        if await self._accounts.by_email(address) is not None:
            raise _taken()
        hashed = await self._passwords.hash(chosen)
        account = Account(
            id=account_id,
            email=address,
            name=profile.name,
            image=profile.image,
            email_verified=False,
            password_hash=hashed,
            created_at=login.at,
            updated_at=login.at,
        )
        added = await self._accounts.add(account, admission)
        if added is None:
            raise _taken()
        return await self.begin(added, login)

    async def sign_in(self, login: Login, *, email: str, password: str) -> SignedIn:
        """Begin a session under a new token.

        An unknown address and a wrong password look alike and take equally long.

        Raises:
            Rejected: They do not fit together, or the account is disabled.
            LimitReached: Too many failures for this account or from this address.
            Unavailable: The database does not answer, or too many passwords wait.

        """
        address = normal_email(email)
        given = normal_password(password)
        by_account = f"{address} {login.client.counted_as}"
        _take(self._limits.address, login.client.counted_as)
        _take(self._limits.account, by_account)
        account = await self._accounts.by_email(address)
        hashed = account.password_hash if account else None
        if not await self._passwords.verify(hashed, given) or account is None:
            raise Rejected("INVALID_EMAIL_OR_PASSWORD", "Invalid email or password")
        self._limits.address.give_back(login.client.counted_as)
        self._limits.account.give_back(by_account)
        if hashed is not None and self._passwords.is_outdated(hashed):
            newer = await self._passwords.hash(given)
            await self._accounts.set_password_hash(account.id, newer)
        return await self.begin(account, login)

    async def sign_out(self, token: str) -> None:
        """End the session, if there is one."""
        account_id = await self._accounts.end_session(digest(token))
        if account_id is not None:
            self._ended(account_id)

    async def signed_in(
        self, token: str, *, renew_at: datetime | None = None
    ) -> SignedIn | None:
        """Return whose session this is, if it is valid.

        One that is used at *renew_at* lives longer, where the client can be told.
        """
        found = await self._accounts.session(digest(token))
        if found is None:
            return None
        session, account = found
        if renew_at is None or not session.is_due(renew_at):
            return SignedIn(session, account)
        renewed = await self._accounts.renew_session(digest(token), SESSION_LIFE)
        return SignedIn(renewed, account, renewed=True) if renewed else None

    async def sessions(self, account_id: UUID) -> list[Session]:
        """Return the valid sessions of a person, the newest first."""
        return await self._accounts.sessions(account_id)

    async def revoke(
        self,
        account_id: UUID,
        *,
        only: bytes | None = None,
        spare: bytes | None = None,
    ) -> None:
        """End sessions of a person: all, *only* one, or all but the one to *spare*.

        Both are digests of tokens; somebody else's session is not there.
        """
        try:
            await self._accounts.end_sessions(account_id, only=only, spare=spare)
        finally:  # without an answer they may have ended, and once more ends none
            self._ended(account_id)

    async def change_password(
        self,
        signed_in: SignedIn,
        login: Login,
        *,
        current: str,
        new: str,
        everywhere: bool,
    ) -> SignedIn | None:
        """Set another password; return a new session where all others had to end.

        Whoever does not know the current one is slowed down as at the door.

        Raises:
            Rejected: The current password is wrong or there is none, or the new one
                does not fit.
            LimitReached: Too many failures.
            Unavailable: The database does not answer, or too many passwords wait.

        """
        account = signed_in.account
        chosen = new_password(new)
        given = normal_password(current)
        if account.password_hash is None:
            raise Rejected(
                "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found"
            )
        by_account = f"{account.email} {login.client.counted_as}"
        _take(self._limits.account, by_account)
        if not await self._passwords.verify(account.password_hash, given):
            raise Rejected("INVALID_PASSWORD", "Invalid password")
        self._limits.account.give_back(by_account)
        hashed = await self._passwords.hash(chosen)
        await self._accounts.set_password_hash(account.id, hashed)
        if not everywhere:
            return None
        spared = signed_in.session.token_sha256
        await self.revoke(account.id, spare=spared)
        return await self.begin(account, login)  # which ends the spared one too

    async def begin(self, account: Account, login: Login) -> SignedIn:
        """Begin a session of *account*, which has shown that it is who it is.

        Raises:
            Rejected: The account is disabled.
            Unavailable: The database does not answer.

        """
        if account.disabled_at is not None:
            raise Rejected("BANNED_USER", "This account is disabled")
        client = login.client
        session = NewSession(
            id=login.session_id,
            account_id=account.id,
            token_sha256=digest(login.token),
            remembered=login.remembered,
            ip_address=client.address[:64],
            user_agent=client.user_agent[:250],
        )
        replaces = digest(login.replaces) if login.replaces else None
        begun, replaced = await self._accounts.add_session(session, replaces)
        if replaced is not None:  # of this person, or of who was here before
            self._ended(replaced)
        return SignedIn(begun, account)


def _take(limit: RateLimit, name: str) -> None:
    wait_s = limit.take(name)
    if wait_s:
        raise LimitReached(wait_s)


def _taken() -> Rejected:
    return Rejected(
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "User already exists. Use another email.",
    )
