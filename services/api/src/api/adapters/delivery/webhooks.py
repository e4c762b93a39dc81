"""Webhooks and their log in schema ``hooks``, as one user may see them."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming, sql
from api.domain.webhook import MAX_WEBHOOKS, Delivery, NewWebhook, Webhook
from api.ports import Webhooks

_COLUMNS = "id, project_id, url, events, enabled, created_at, updated_at"
_DELIVERY_COLUMNS = """
id, webhook_id, seq, type, state, attempts, due_at, created_at, tried_at, last_status,
last_error
"""
_ALL = sql(
    "SELECT",
    _COLUMNS,
    """FROM hooks.webhook
 WHERE user_id = $1 AND project_id = $2 AND ended_at IS NULL
 ORDER BY created_at, id""",
)
_ADD = sql(
    """
INSERT INTO hooks.webhook (id, project_id, user_id, url, events, secret, queued_seq)
SELECT $1, $2, $3, $4, $5, $6,
       coalesce((SELECT seq FROM views.position WHERE project_id = $2), 0)
 WHERE (SELECT count(*) FROM hooks.webhook
         WHERE project_id = $2 AND ended_at IS NULL AND id <> $1) < $7
ON CONFLICT (id) DO UPDATE SET secret = excluded.secret
RETURNING""",
    _COLUMNS,
)
_CHANGE = sql(
    """
UPDATE hooks.webhook
   SET url = coalesce($4, url), events = coalesce($5, events),
       enabled = coalesce($6, enabled), updated_at = clock_timestamp()
 WHERE user_id = $1 AND project_id = $2 AND id = $3 AND ended_at IS NULL
RETURNING""",
    _COLUMNS,
)
_REMOVE = """
DELETE FROM hooks.webhook WHERE user_id = $1 AND project_id = $2 AND id = $3
RETURNING true
"""
_IS_THERE = """
SELECT true FROM hooks.webhook WHERE user_id = $1 AND project_id = $2 AND id = $3
"""
_DELIVERIES = sql(
    "SELECT",
    _DELIVERY_COLUMNS,
    """FROM hooks.delivery
 WHERE user_id = $1 AND webhook_id = $2
 ORDER BY created_at DESC, seq DESC LIMIT 100""",
)
_AGAIN = sql(
    """
UPDATE hooks.delivery
   SET state = 'pending', attempts = 0, due_at = clock_timestamp()
 WHERE user_id = $1 AND webhook_id = $2 AND id = $3
RETURNING""",
    _DELIVERY_COLUMNS,
)


class PostgresWebhooks(Webhooks):
    """Works under row security; the conditions say once more what it enforces."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def all(self, user_id: UUID, project_id: UUID) -> list[Webhook]:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            rows = await connection.fetch(_ALL, user_id, project_id)
        return [Webhook(**row) for row in rows]

    @override
    async def add(self, webhook: NewWebhook) -> Webhook | None:
        async with naming(self._pool, user_id=str(webhook.user_id)) as connection:
            row = await connection.fetchrow(
                _ADD,
                *(webhook.id, webhook.project_id, webhook.user_id, webhook.url),
                *(webhook.events, webhook.secret, MAX_WEBHOOKS),
            )
        return Webhook(**row) if row else None

    @override
    async def change(
        self,
        user_id: UUID,
        place: tuple[UUID, UUID],
        *,
        url: str | None,
        events: list[str] | None,
        enabled: bool | None,
    ) -> Webhook | None:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            row = await connection.fetchrow(
                _CHANGE, user_id, *place, url, events, enabled
            )
        return Webhook(**row) if row else None

    @override
    async def remove(self, user_id: UUID, place: tuple[UUID, UUID]) -> bool:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            return bool(await connection.fetchval(_REMOVE, user_id, *place))

    @override
    async def deliveries(
        self, user_id: UUID, place: tuple[UUID, UUID]
    ) -> list[Delivery] | None:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            if not await connection.fetchval(_IS_THERE, user_id, *place):
                return None
            rows = await connection.fetch(_DELIVERIES, user_id, place[1])
        return [Delivery(**row) for row in rows]

    @override
    async def try_again(
        self, user_id: UUID, place: tuple[UUID, UUID], delivery_id: UUID
    ) -> Delivery | None:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            if not await connection.fetchval(_IS_THERE, user_id, *place):
                return None
            row = await connection.fetchrow(_AGAIN, user_id, place[1], delivery_id)
        return Delivery(**row) if row else None
