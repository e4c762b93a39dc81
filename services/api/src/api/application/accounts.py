"""Signing up, in and out, and whose session a token is."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from api.application.errors import LimitReached
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


class Identity:
    """Accounts and sessions, through their ports."""

    def __init__(
        self, accounts: Accounts, passwords: Passwords, limits: SignInLimits
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._limits = limits

    async def sign_up(
        self,
        account_id: UUID,
        login: Login,
        *,
        name: str,
        email: str,
        password: str,
        image: str | None = None,
    ) -> SignedIn:
        """Make an account and sign it in.

        Raises:
            Rejected: The address is taken or something does not fit.
            LimitReached: Too many from this address.
            Unavailable: The database does not answer, or too many passwords wait.

        """
        address = normal_email(email)
        chosen = new_password(password)
        check_profile(name, image)
        _take(self._limits.sign_up, login.client.address)
        if await self._accounts.by_email(address) is not None:
            raise _taken()
        hashed = await self._passwords.hash(chosen)
        account = Account(
            id=account_id,
            email=address,
            name=name,
            image=image,
            email_verified=False,
            password_hash=hashed,
            created_at=login.at,
            updated_at=login.at,
        )
        if not await self._accounts.add(account):
            raise _taken()
        return await self._begin(account, login)

    async def sign_in(self, login: Login, *, email: str, password: str) -> SignedIn:
        """Begin a session under a new token.

        An unknown address and a wrong password look alike and take equally long.

        Raises:
            Rejected: They do not fit together.
            LimitReached: Too many failures for this account or from this address.
            Unavailable: The database does not answer, or too many passwords wait.

        """
        address = normal_email(email)
        given = normal_password(password)
        by_account = f"{address} {login.client.address}"
        _take(self._limits.address, login.client.address)
        _take(self._limits.account, by_account)
        account = await self._accounts.by_email(address)
        hashed = account.password_hash if account else None
        if not await self._passwords.verify(hashed, given) or account is None:
            raise Rejected("INVALID_EMAIL_OR_PASSWORD", "Invalid email or password")
        self._limits.address.give_back(login.client.address)
        self._limits.account.give_back(by_account)
        if self._passwords.is_outdated(account.password_hash):
            newer = await self._passwords.hash(given)
            await self._accounts.set_password_hash(account.id, newer)
        return await self._begin(account, login)

    async def sign_out(self, token: str) -> None:
        """End the session, if there is one."""
        await self._accounts.end_session(digest(token))

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

    async def _begin(self, account: Account, login: Login) -> SignedIn:
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
        return SignedIn(await self._accounts.add_session(session, replaces), account)


def _take(limit: RateLimit, name: str) -> None:
    wait_s = limit.take(name)
    if wait_s:
        raise LimitReached(wait_s)


def _taken() -> Rejected:
    return Rejected(
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "User already exists. Use another email.",
    )
