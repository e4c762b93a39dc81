"""Accounts and sessions in schema ``identity``."""

from datetime import timedelta
from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming
from api.domain.account import Account, NewSession, Session
from api.ports import Accounts

_ACCOUNT = """
SELECT id, email, name, image, email_verified, password_hash, created_at, updated_at
  FROM identity.account
 WHERE email = $1
"""
_ADD_ACCOUNT = """
INSERT INTO identity.account (id, email, name, image, email_verified, password_hash,
                              created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (email) DO NOTHING
RETURNING id
"""
_SESSION = """
SELECT id, account_id, token_sha256, remembered, ip_address, user_agent, created_at,
       updated_at, expires_at
  FROM identity.session
 WHERE token_sha256 = $1 AND expires_at > now()
"""
_OWNER = """
SELECT id, email, name, image, email_verified, password_hash, created_at, updated_at
  FROM identity.account
 WHERE id = $1
"""
_ADD_SESSION = """
INSERT INTO identity.session (id, account_id, token_sha256, remembered, ip_address,
                              user_agent, created_at, updated_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now(), now(), now() + $7)
RETURNING id, account_id, token_sha256, remembered, ip_address, user_agent, created_at,
          updated_at, expires_at
"""
_RENEW = """
UPDATE identity.session
   SET updated_at = now(), expires_at = now() + $2
 WHERE token_sha256 = $1 AND expires_at > now()
RETURNING id, account_id, token_sha256, remembered, ip_address, user_agent, created_at,
          updated_at, expires_at
"""
_END = "DELETE FROM identity.session WHERE token_sha256 = $1"
_END_EXPIRED = (
    "DELETE FROM identity.session WHERE account_id = $1 AND expires_at <= now()"
)


class PostgresAccounts(Accounts):
    """Names the key of each row it asks for, as row security wants it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def add(self, account: Account) -> bool:
        async with naming(self._pool, email=account.email) as connection:
            added = await connection.fetchval(
                _ADD_ACCOUNT,
                *(account.id, account.email, account.name, account.image),
                *(account.email_verified, account.password_hash),
                *(account.created_at, account.updated_at),
            )
        return added is not None

    @override
    async def by_email(self, email: str) -> Account | None:
        async with naming(self._pool, email=email) as connection:
            row = await connection.fetchrow(_ACCOUNT, email)
        return Account(**row) if row else None

    @override
    async def set_password_hash(self, account_id: UUID, password_hash: str) -> None:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            await connection.execute(
                "UPDATE identity.account SET password_hash = $2 WHERE id = $1",
                account_id,
                password_hash,
            )

    @override
    async def add_session(self, session: NewSession, replaces: bytes | None) -> Session:
        keys = {"user_id": str(session.account_id)}
        if replaces is not None:
            keys["session"] = replaces.hex()
        async with naming(self._pool, **keys) as connection:
            if replaces is not None:
                await connection.execute(_END, replaces)
            await connection.execute(_END_EXPIRED, session.account_id)
            row = await connection.fetchrow(
                _ADD_SESSION,
                *(session.id, session.account_id, session.token_sha256),
                *(session.remembered, session.ip_address, session.user_agent),
                session.life,
            )
        return Session(**row)

    @override
    async def session(self, token_sha256: bytes) -> tuple[Session, Account] | None:
        async with naming(self._pool, session=token_sha256.hex()) as connection:
            row = await connection.fetchrow(_SESSION, token_sha256)
            if row is None:
                return None
            session = Session(**row)
            await connection.execute(
                "SELECT set_config('app.user_id', $1, true)", str(session.account_id)
            )
            owner = await connection.fetchrow(_OWNER, session.account_id)
        return (session, Account(**owner)) if owner else None

    @override
    async def renew_session(
        self, token_sha256: bytes, life: timedelta
    ) -> Session | None:
        async with naming(self._pool, session=token_sha256.hex()) as connection:
            row = await connection.fetchrow(_RENEW, token_sha256, life)
        return Session(**row) if row else None

    @override
    async def end_session(self, token_sha256: bytes) -> None:
        async with naming(self._pool, session=token_sha256.hex()) as connection:
            await connection.execute(_END, token_sha256)
