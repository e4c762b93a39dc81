"""API tokens in schema ``identity``."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.adapters.identity.accounts import ACCOUNT_COLUMNS
from api.domain.account import Account
from api.domain.api_token import ApiToken, NewApiToken
from api.domain.scope import Scope
from api.ports import Tokens

_COLUMNS = """
       id, account_id, token_sha256, name, scopes, created_at, expires_at, last_used_at
"""
_ALL = sql(
    """
SELECT """,
    _COLUMNS,
    """ FROM identity.api_token
 WHERE account_id = $1
 ORDER BY created_at DESC, id
""",
)
_ADD = sql(
    """
INSERT INTO identity.api_token (id, account_id, token_sha256, name, scopes, expires_at,
                                created_at)
SELECT $1, $2, $3, $4, $5, $6, now()
 WHERE (SELECT count(*) FROM identity.api_token WHERE account_id = $2 AND id <> $1) < $7
ON CONFLICT (id) DO UPDATE SET token_sha256 = excluded.token_sha256
RETURNING """,
    _COLUMNS,
)
_VALID = sql(
    """
SELECT """,
    _COLUMNS,
    """ FROM identity.api_token
 WHERE token_sha256 = $1 AND (expires_at IS NULL OR expires_at > now())
""",
)
# Once a minute is exact enough, and does not make each request a write.
_NOTE_USE = """
UPDATE identity.api_token SET last_used_at = now()
 WHERE token_sha256 = $1
   AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
_OWNER = sql(
    """
SELECT """,
    ACCOUNT_COLUMNS,
    """ FROM identity.account WHERE id = $1 AND disabled_at IS NULL
""",
)


class PostgresTokens(Tokens):
    """Finds a token by its digest, and its person by the token."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def all(self, account_id: UUID) -> list[ApiToken]:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            rows = await connection.fetch(_ALL, account_id)
        return [_token(row) for row in rows]

    @override
    async def add(self, token: NewApiToken, limit: int) -> ApiToken | None:
        async with naming(self._pool, user_id=str(token.account_id)) as connection:
            row = await connection.fetchrow(
                _ADD,
                *(token.id, token.account_id, token.token_sha256, token.name),
                *([str(scope) for scope in token.scopes], token.expires_at, limit),
            )
        return _token(row) if row else None

    @override
    async def remove(self, account_id: UUID, token_id: UUID) -> bool:
        async with naming(self._pool, user_id=str(account_id)) as connection:
            removed = await connection.fetchval(
                "DELETE FROM identity.api_token WHERE account_id = $1 AND id = $2"
                " RETURNING true",
                account_id,
                token_id,
            )
        return bool(removed)

    @override
    async def use(self, token_sha256: bytes) -> tuple[ApiToken, Account] | None:
        async with naming(self._pool, token=token_sha256.hex()) as connection:
            row = await connection.fetchrow(_VALID, token_sha256)
            if row is None:
                return None
            await connection.execute(_NOTE_USE, token_sha256)
            await connection.execute(
                "SELECT set_config('app.user_id', $1, true)", str(row["account_id"])
            )
            owner = await connection.fetchrow(_OWNER, row["account_id"])
        return (_token(row), Account(**owner)) if owner else None


def _token(row: asyncpg.Record) -> ApiToken:
    known = set(Scope)
    scopes = [Scope(text) for text in row["scopes"] if text in known]
    return ApiToken(**{**row, "scopes": scopes})
