"""Answers to requests with a key, in schema ``identity``."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming
from api.ports import Answers

# A row without an answer is being worked on, unless whoever did it is gone.
_BEGIN = """
INSERT INTO identity.answered (request) VALUES ($1)
ON CONFLICT (request) DO UPDATE SET at = clock_timestamp()
 WHERE answered.answer IS NULL AND answered.at < now() - interval '30 seconds'
RETURNING true
"""
# A key is a row as well, whose answer is the request that it belongs to.
_CLAIM = """
INSERT INTO identity.answered (request, answer) VALUES ($1, $2)
ON CONFLICT (request) DO NOTHING
"""
_ANSWER = "SELECT answer FROM identity.answered WHERE request = $1"
_BEGIN_ANEW = """
UPDATE identity.answered SET answer = NULL, at = clock_timestamp()
 WHERE request = $1 AND answer IS NOT NULL
RETURNING true
"""
_KEEP = """
UPDATE identity.answered SET answer = $2, project_id = $3 WHERE request = $1
"""
_FORGET_OLD = "DELETE FROM identity.answered WHERE at < now() - interval '1 day'"


class PostgresAnswers(Answers):
    """One row for each request, which goes after a day."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def claim(self, key: bytes, request: bytes) -> bool:
        async with naming(self._pool, request=key.hex()) as connection:
            await connection.execute(_CLAIM, key, request)
            return bool(await connection.fetchval(_ANSWER, key) == request)

    @override
    async def begin(self, request: bytes) -> tuple[bool, bytes | None]:
        async with naming(self._pool, request=request.hex()) as connection:
            await connection.execute(_FORGET_OLD)
            if await connection.fetchval(_BEGIN, request):
                return True, None
            answer: bytes | None = await connection.fetchval(_ANSWER, request)
        return False, answer

    @override
    async def begin_anew(self, request: bytes) -> bool:
        async with naming(self._pool, request=request.hex()) as connection:
            return bool(await connection.fetchval(_BEGIN_ANEW, request))

    @override
    async def keep(
        self, request: bytes, answer: bytes, project_id: UUID | None
    ) -> None:
        async with naming(self._pool, request=request.hex()) as connection:
            await connection.execute(_KEEP, request, answer, project_id)

    @override
    async def forget(self, request: bytes, key: bytes | None) -> None:
        async with naming(self._pool, request=request.hex()) as connection:
            await connection.execute(
                "DELETE FROM identity.answered WHERE request = $1 AND answer IS NULL",
                request,
            )
        if key is None:
            return
        async with naming(self._pool, request=key.hex()) as connection:
            await connection.execute(
                "DELETE FROM identity.answered WHERE request = $1 AND answer = $2",
                *(key, request),
            )
