"""Accounts and sessions in schema ``identity``."""

from datetime import timedelta
from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.application.errors import uninvited
from api.domain.account import Account, NewSession, Session
from api.domain.admission import Admission, SignUp
from api.domain.external import ExternalLogin
from api.ports import Accounts, Logins

ACCOUNT_COLUMNS = """
       id, email, name, image, email_verified, password_hash, created_at, updated_at,
       disabled_at, EXISTS (SELECT FROM identity.administrator a
                             WHERE a.account_id = account.id) AS is_administrator
"""
_SESSION_COLUMNS = """
       id, account_id, token_sha256, remembered, ip_address, user_agent, created_at,
       updated_at, expires_at
"""
_BY_EMAIL = sql("SELECT", ACCOUNT_COLUMNS, "FROM identity.account WHERE email = $1")
_BY_ID = sql("SELECT", ACCOUNT_COLUMNS, "FROM identity.account WHERE id = $1")
_ADD_ACCOUNT = """
INSERT INTO identity.account (id, email, name, image, email_verified, password_hash,
                              created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (email) DO NOTHING
RETURNING id
"""
_CLAIM = """
UPDATE identity.installation SET claimed_by = $1
 WHERE claimed_by IS NULL
RETURNING true
"""
_USE_INVITATION = """
UPDATE identity.invitation SET used_by = $1
 WHERE id = (SELECT id FROM identity.invitation
              WHERE used_by IS NULL AND expires_at > now()
                AND (email IS NULL OR email = $2)
                AND (code_sha256 = $3 OR ($4 AND email = $2))
              ORDER BY email IS NULL LIMIT 1 FOR UPDATE)
RETURNING true
"""
_LINK = """
INSERT INTO identity.external_login (issuer, subject, account_id, created_at)
VALUES ($1, $2, $3, now())
ON CONFLICT (issuer, subject) DO NOTHING
"""
_BY_EXTERNAL = """
SELECT account_id FROM identity.external_login WHERE issuer = $1 AND subject = $2
"""
_SESSION = sql(
    """
SELECT """,
    _SESSION_COLUMNS,
    """ FROM identity.session
 WHERE token_sha256 = $1 AND expires_at > now()
""",
)
_SESSIONS = sql(
    """
SELECT """,
    _SESSION_COLUMNS,
    """ FROM identity.session
 WHERE account_id = $1 AND expires_at > now()
 ORDER BY created_at DESC, id
""",
)
_ADD_SESSION = sql(
    """
INSERT INTO identity.session (id, account_id, token_sha256, remembered, ip_address,
                              user_agent, created_at, updated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now(), now(), now() + $7)
RETURNING """,
    _SESSION_COLUMNS,
)
_RENEW = sql(
    """
UPDATE identity.session
   SET updated_at = now(), expires_at = now() + $2
 WHERE token_sha256 = $1 AND expires_at > now()
RETURNING """,
    _SESSION_COLUMNS,
)
_END = "DELETE FROM identity.session WHERE token_sha256 = $1 RETURNING account_id"
_END_SEVERAL = """
DELETE FROM identity.session
 WHERE account_id = $1
   AND ($2::bytea IS NULL OR token_sha256 = $2)
   AND ($3::bytea IS NULL OR token_sha256 <> $3)
"""
_END_EXPIRED = (
    "DELETE FROM identity.session WHERE account_id = $1 AND expires_at <= now()"
)
_IS_ALIVE = """
SELECT EXISTS (SELECT FROM identity.account WHERE id = $2 AND disabled_at IS NULL)
   AND (EXISTS (SELECT FROM identity.session
                 WHERE id = $1 AND account_id = $2 AND expires_at > now())
        OR EXISTS (SELECT FROM identity.api_token
                    WHERE id = $1 AND account_id = $2
                      AND (expires_at IS NULL OR expires_at > now())))
"""


class PostgresAccounts(Accounts, Logins):
    """Names the key of each row it asks for, as row security wants it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def add(
        self,
        account: Account,
        admission: Admission,
        external: ExternalLogin | None = None,
    ) -> Account | None:
        keys = invitation_keys(account.email, admission)
        keys |= {"user_id": str(account.id), "email": account.email}
        async with naming(self._pool, **keys) as connection:
            added = await connection.fetchval(
                _ADD_ACCOUNT,
                *(account.id, account.email, account.name, account.image),
                *(account.email_verified, account.password_hash),
                *(account.created_at, account.updated_at),
            )
            if added is None:
                return None
            await _admit(connection, account, admission)
            if external is not None:
                login = (external.issuer, external.subject, account.id)
                await connection.execute(_LINK, *login)
            row = await connection.fetchrow(_BY_ID, account.id)
        return Account(**row)

    @override
    async def by_email(self, email: str) -> Account | None:
        async with naming(self._pool, email=email) as connection:
            row = await connection.fetchrow(_BY_EMAIL, email)
        return Account(**row) if row else None

    @override
    async def by_external(self, external: ExternalLogin) -> Account | None:
        keys = {"issuer": external.issuer, "subject": external.subject}
        async with naming(self._pool, **keys) as connection:
            account_id = await connection.fetchval(_BY_EXTERNAL, *keys.values())
            if account_id is None:
                return None
            return await _account(connection, account_id)

    @override
    async def link(self, account_id: UUID, external: ExternalLogin) -> bool:
        keys = {"issuer": external.issuer, "subject": external.subject}
        async with naming(self._pool, user_id=str(account_id), **keys) as connection:
            await connection.execute(_LINK, *keys.values(), account_id)
            owner = await connection.fetchval(_BY_EXTERNAL, *keys.values())
        return bool(owner == account_id)

    @override
    async def set_password_hash(self, account_id: UUID, password_hash: str) -> None:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            await connection.execute(
                "UPDATE identity.account SET password_hash = $2 WHERE id = $1",
                account_id,
                password_hash,
            )

    @override
    async def add_session(
        self, session: NewSession, replaces: bytes | None
    ) -> tuple[Session, UUID | None]:
        keys = {"user_id": str(session.account_id)}
        if replaces is not None:
            keys["session"] = replaces.hex()
        async with naming(self._pool, **keys) as connection:
            replaced: UUID | None = None
            if replaces is not None:
                replaced = await connection.fetchval(_END, replaces)
            await connection.execute(_END_EXPIRED, session.account_id)
            row = await connection.fetchrow(
                _ADD_SESSION,
                *(session.id, session.account_id, session.token_sha256),
                *(session.remembered, session.ip_address, session.user_agent),
                session.life,
            )
        return Session(**row), replaced

    @override
    async def session(self, token_sha256: bytes) -> tuple[Session, Account] | None:
        async with naming(self._pool, session=token_sha256.hex()) as connection:
            row = await connection.fetchrow(_SESSION, token_sha256)
            if row is None:
                return None
            session = Session(**row)
            owner = await _account(connection, session.account_id)
        is_open = owner is not None and owner.disabled_at is None
        return (session, owner) if owner and is_open else None

    @override
    async def sessions(self, account_id: UUID) -> list[Session]:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            rows = await connection.fetch(_SESSIONS, account_id)
        return [Session(**row) for row in rows]

    @override
    async def renew_session(
        self, token_sha256: bytes, life: timedelta
    ) -> Session | None:
        async with naming(self._pool, session=token_sha256.hex()) as connection:
            row = await connection.fetchrow(_RENEW, token_sha256, life)
        return Session(**row) if row else None

    @override
    async def end_session(self, token_sha256: bytes) -> UUID | None:
        async with naming(self._pool, session=token_sha256.hex()) as connection:
            owner: UUID | None = await connection.fetchval(_END, token_sha256)
        return owner

    @override
    async def end_sessions(
        self, account_id: UUID, *, only: bytes | None, spare: bytes | None
    ) -> None:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            await connection.execute(_END_SEVERAL, account_id, only, spare)

    @override
    async def is_alive(self, login_id: UUID, account_id: UUID) -> bool:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            return bool(await connection.fetchval(_IS_ALIVE, login_id, account_id))


def invitation_keys(email: str, admission: Admission) -> dict[str, str]:
    """Return the keys under which an invitation for *email* can be seen."""
    keys: dict[str, str] = {}
    if admission.code_sha256 is not None:
        keys["code"] = admission.code_sha256.hex()
    if admission.is_verified:
        keys["invited"] = email
    return keys


async def _admit(
    connection: asyncpg.Connection, account: Account, admission: Admission
) -> None:
    """Make the first one an administrator; use up the invitation of another one."""
    if await connection.fetchval(_CLAIM, account.id):
        await connection.execute(
            "INSERT INTO identity.administrator (account_id) VALUES ($1)", account.id
        )
        return
    if admission.only_if_first:
        raise uninvited()
    if admission.mode is SignUp.INVITE and not await connection.fetchval(
        _USE_INVITATION,
        *(account.id, account.email, admission.code_sha256, admission.is_verified),
    ):
        raise uninvited()


async def _account(connection: asyncpg.Connection, account_id: UUID) -> Account | None:
    """Return an account that the transaction has found the way to."""
    await connection.execute(
        "SELECT set_config('app.user_id', $1, true)", str(account_id)
    )
    row = await connection.fetchrow(_BY_ID, account_id)
    return Account(**row) if row else None
