"""People and invitations in schema ``identity``, as administrators see them."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.adapters.identity.accounts import ACCOUNT_COLUMNS, invitation_keys
from api.domain.account import Account
from api.domain.admission import (
    INVITATION_LIFE,
    MAX_INVITATIONS,
    Admission,
    Invitation,
    NewInvitation,
    SignUp,
)
from api.ports import Administration
from eventcore.adapters.database import translated

_NOBODY = UUID(int=0)
_INVITATION_COLUMNS = "id, email, created_at, expires_at, used_by"

_USERS = sql(
    """
SELECT """,
    ACCOUNT_COLUMNS,
    """ FROM identity.account WHERE id > $1 ORDER BY id LIMIT 200
""",
)
_USER = sql("SELECT", ACCOUNT_COLUMNS, "FROM identity.account WHERE id = $1")
_DISABLE = """
UPDATE identity.account
   SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END
 WHERE id = $1
"""
_PROMOTE = """
INSERT INTO identity.administrator (account_id) SELECT id FROM identity.account
 WHERE id = $1 ON CONFLICT DO NOTHING
"""
_INVITATIONS = sql(
    """
SELECT """,
    _INVITATION_COLUMNS,
    """ FROM identity.invitation
 WHERE used_by IS NULL AND expires_at > now()
 ORDER BY created_at DESC, id
""",
)
_INVITE = sql(
    """
INSERT INTO identity.invitation (id, code_sha256, email, created_by, created_at,
                                 expires_at)
SELECT $1, $2, $3, $4, now(), now() + $5
 WHERE (SELECT count(*) FROM identity.invitation
         WHERE used_by IS NULL AND expires_at > now() AND id <> $1) < $6
ON CONFLICT (id) DO UPDATE SET code_sha256 = excluded.code_sha256
RETURNING """,
    _INVITATION_COLUMNS,
)
_IS_INVITED = """
SELECT EXISTS (SELECT FROM identity.invitation
                WHERE used_by IS NULL AND expires_at > now()
                  AND (email IS NULL OR email = $1)
                  AND (code_sha256 = $2 OR ($3 AND email = $1)))
"""


class PostgresAdministration(Administration):
    """Names the administrator, whom the database looks up before it shows a row."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def sign_up(self) -> SignUp | None:
        with translated():
            chosen = await self._pool.fetchval(
                "SELECT sign_up FROM identity.installation"
            )
        return SignUp(chosen) if chosen else None

    @override
    async def set_sign_up(self, administrator_id: UUID, sign_up: SignUp) -> None:
        async with naming(
            self._pool, administrator=str(administrator_id)
        ) as connection:
            await connection.execute(
                "UPDATE identity.installation SET sign_up = $1"
                " WHERE identity.administers()",
                str(sign_up),
            )

    @override
    async def is_claimed(self) -> bool:
        with translated():
            return bool(
                await self._pool.fetchval(
                    "SELECT claimed_by IS NOT NULL FROM identity.installation"
                )
            )

    @override
    async def is_invited(self, email: str, admission: Admission) -> bool:
        keys = invitation_keys(email, admission)
        async with naming(self._pool, **keys) as connection:
            return bool(
                await connection.fetchval(
                    _IS_INVITED, email, admission.code_sha256, admission.is_verified
                )
            )

    @override
    async def users(self, administrator_id: UUID, after: UUID | None) -> list[Account]:
        async with naming(
            self._pool, administrator=str(administrator_id)
        ) as connection:
            rows = await connection.fetch(_USERS, after or _NOBODY)
        return [Account(**row) for row in rows]

    @override
    async def change(
        self,
        administrator_id: UUID,
        account_id: UUID,
        *,
        disabled: bool | None,
        is_administrator: bool | None,
    ) -> Account | None:
        async with naming(
            self._pool, administrator=str(administrator_id)
        ) as connection:
            if disabled is not None:
                await connection.execute(_DISABLE, account_id, disabled)
            if disabled:
                await connection.execute(
                    "DELETE FROM identity.session WHERE account_id = $1", account_id
                )
            if is_administrator:
                await connection.execute(_PROMOTE, account_id)
            elif is_administrator is not None:
                await connection.execute(
                    "DELETE FROM identity.administrator WHERE account_id = $1",
                    account_id,
                )
            row = await connection.fetchrow(
                _USER,
                account_id,
            )
        return Account(**row) if row else None

    @override
    async def invitations(self, administrator_id: UUID) -> list[Invitation]:
        async with naming(
            self._pool, administrator=str(administrator_id)
        ) as connection:
            rows = await connection.fetch(_INVITATIONS)
        return [Invitation(**row) for row in rows]

    @override
    async def invite(self, invitation: NewInvitation) -> Invitation | None:
        async with naming(
            self._pool, administrator=str(invitation.created_by)
        ) as connection:
            row = await connection.fetchrow(
                _INVITE,
                *(invitation.id, invitation.code_sha256, invitation.email),
                *(invitation.created_by, INVITATION_LIFE, MAX_INVITATIONS),
            )
        return Invitation(**row) if row else None

    @override
    async def withdraw(self, administrator_id: UUID, invitation_id: UUID) -> bool:
        async with naming(
            self._pool, administrator=str(administrator_id)
        ) as connection:
            removed = await connection.fetchval(
                "DELETE FROM identity.invitation WHERE id = $1 AND used_by IS NULL"
                " RETURNING true",
                invitation_id,
            )
        return bool(removed)
