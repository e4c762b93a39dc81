"""People, their sessions and tokens, and what is kept of requests."""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from api.domain.account import Account, NewSession, Session
from api.domain.admission import Admission, Invitation, NewInvitation, SignUp
from api.domain.api_token import ApiToken, NewApiToken
from api.domain.external import ExternalLogin, Person


class NotOurs(Exception):
    """Bytes that this installation has not sealed."""


class Accounts(Protocol):
    """Accounts and sessions.

    Every method raises Unavailable when the database does not answer.
    """

    async def add(
        self,
        account: Account,
        admission: Admission,
        external: ExternalLogin | None = None,
    ) -> Account | None:
        """Store a new account; None when the address is taken.

        The first one becomes an administrator. An invitation is used up.

        Raises:
            Rejected: It was not the first, or the invitation is not good any more.

        """
        ...

    async def by_email(self, email: str) -> Account | None:
        """Return the account of an address."""
        ...

    async def by_external(self, external: ExternalLogin) -> Account | None:
        """Return the account of somebody whom an issuer knows."""
        ...

    async def link(self, account_id: UUID, external: ExternalLogin) -> bool:
        """Let an account be entered from an issuer too; False if another one is."""
        ...

    async def set_password_hash(self, account_id: UUID, password_hash: str) -> None:
        """Replace the hash of a password."""
        ...

    async def add_session(
        self, session: NewSession, replaces: bytes | None
    ) -> tuple[Session, UUID | None]:
        """Begin a session, and end the one whose token has the digest *replaces*.

        Return the new one, and whose the other one was, if there was one. Expired
        sessions of the account are removed on the way.
        """
        ...

    async def session(self, token_sha256: bytes) -> tuple[Session, Account] | None:
        """Return a session that is valid now, and whose it is."""
        ...

    async def sessions(self, account_id: UUID) -> list[Session]:
        """Return an account's sessions that are valid now, the newest first."""
        ...

    async def renew_session(
        self, token_sha256: bytes, life: timedelta
    ) -> Session | None:
        """Let a session that is valid now live for *life* from now on."""
        ...

    async def end_session(self, token_sha256: bytes) -> UUID | None:
        """End a session, if there is one; return whose it was."""
        ...

    async def end_sessions(
        self, account_id: UUID, *, only: bytes | None, spare: bytes | None
    ) -> None:
        """End sessions of an account."""
        ...


class Logins(Protocol):
    """What sockets were opened with."""

    async def is_alive(self, login_id: UUID, account_id: UUID) -> bool:
        """Tell whether a session or an API token of this account is valid now.

        Raises:
            Unavailable: The database does not answer.

        """
        ...


class Administration(Protocol):
    """People and invitations, as administrators see them.

    What an administrator sees and changes is empty for everybody else: the database
    looks whether *administrator_id* is one. Every method raises Unavailable when the
    database does not answer.
    """

    async def sign_up(self) -> SignUp | None:
        """Return what administrators have chosen; None: nothing."""
        ...

    async def set_sign_up(self, administrator_id: UUID, sign_up: SignUp) -> None:
        """Keep what an administrator has chosen."""
        ...

    async def is_claimed(self) -> bool:
        """Tell whether there has ever been an account."""
        ...

    async def is_invited(self, email: str, admission: Admission) -> bool:
        """Tell whether there is an invitation for this address that is good."""
        ...

    async def users(self, administrator_id: UUID, after: UUID | None) -> list[Account]:
        """Return a page of all accounts in the order of their ids."""
        ...

    async def change(
        self,
        administrator_id: UUID,
        account_id: UUID,
        *,
        disabled: bool | None,
        is_administrator: bool | None,
    ) -> Account | None:
        """Change what is not None; sessions of whoever is disabled end with it."""
        ...

    async def invitations(self, administrator_id: UUID) -> list[Invitation]:
        """Return the invitations that can still be used, the newest first."""
        ...

    async def invite(self, invitation: NewInvitation) -> Invitation | None:
        """Store an invitation; None where there are too many.

        The same id again gets another code.
        """
        ...

    async def withdraw(self, administrator_id: UUID, invitation_id: UUID) -> bool:
        """Remove an invitation; False where there is none."""
        ...


class Tokens(Protocol):
    """API tokens.

    Every method raises Unavailable when the database does not answer.
    """

    async def all(self, account_id: UUID) -> list[ApiToken]:
        """Return an account's tokens, the newest first."""
        ...

    async def add(self, token: NewApiToken, limit: int) -> ApiToken | None:
        """Store a token; None where the account has *limit* others.

        The same id again gets another secret.
        """
        ...

    async def remove(self, account_id: UUID, token_id: UUID) -> bool:
        """Remove a token; False where there is none of this account."""
        ...

    async def use(self, token_sha256: bytes) -> tuple[ApiToken, Account] | None:
        """Return a token that is valid now, and whose it is; note its use."""
        ...


class Answers(Protocol):
    """Answers to requests with a key, for a day.

    Every method raises Unavailable when the database does not answer.
    """

    async def claim(self, key: bytes, request: bytes) -> bool:
        """Tell whether *key* is that of *request*, which it becomes by this."""
        ...

    async def begin(self, request: bytes) -> tuple[bool, bytes | None]:
        """Tell whether the request is the caller's to answer, or else its answer.

        The answer is None while another one makes it; one that has not come after half
        a minute is not going to.
        """
        ...

    async def begin_anew(self, request: bytes) -> bool:
        """Forget the answer: it is the caller's to make again; False if there is none.

        Of those who ask at the same time one alone is told True.
        """
        ...

    async def keep(
        self, request: bytes, answer: bytes, project_id: UUID | None
    ) -> None:
        """Store the answer; it goes with the project, if it tells of one."""
        ...

    async def forget(self, request: bytes, key: bytes | None) -> None:
        """Remove a request that came to nothing; *key* may be that of another one."""
        ...


class Seal(Protocol):
    """Encryption with a key that only the processes of the api have."""

    def close(self, content: bytes, context: bytes) -> bytes:
        """Return *content* encrypted; it opens in the same *context* alone."""
        ...

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            NotOurs: It was changed, or sealed elsewhere or for another context.

        """
        ...


class Issuer(Protocol):
    """A server of OpenID Connect that knows people."""

    async def authorization_url(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        """Return where a browser goes to be recognized.

        Raises:
            Unavailable: The issuer does not answer, or not as it should.

        """
        ...

    async def redeem(
        self, code: str, *, redirect_uri: str, verifier: str, nonce: str
    ) -> Person:
        """Return whom the issuer has recognized.

        Raises:
            Rejected: The code is not good, or what came for it is not to be believed.
            Unavailable: The issuer does not answer.

        """
        ...


class Passwords(Protocol):
    """Hashing that is slow on purpose, a bounded number at a time."""

    async def hash(self, password: str) -> str:
        """Return a salted hash.

        Raises:
            Unavailable: Too many are waiting.

        """
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password fits; takes as long when there is no hash.

        Raises:
            Unavailable: Too many are waiting.

        """
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Tell whether today's parameters would give another hash."""
        ...
