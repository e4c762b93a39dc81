"""The queue of webhooks in schema ``hooks``: filled with the fold, emptied by couriers.

An event is queued in the transaction that folds it, once: a webhook keeps up to which
version its events are queued, which never goes back, not even when all is folded anew.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import asyncpg
import msgspec
from typing_extensions import override

from api.adapters.database import projecting
from api.domain.webhook import (
    AT_ONCE_OF_USER,
    AT_ONCE_OF_WEBHOOK,
    DELIVERIES_KEPT,
    MAX_BODY_BYTES,
    MAX_PENDING,
    DeliveryState,
    DueDelivery,
)
from api.ports import DeliveryQueue
from contracts import codec, public
from contracts.envelope import Recorded
from contracts.project import ProjectDeleted, ProjectErased

_Row: TypeAlias = tuple[object, ...]

_DELETED = str(ProjectDeleted.__struct_config__.tag)
_ERASED = str(ProjectErased.__struct_config__.tag)

_LISTENING = """
SELECT id, project_id, user_id, events, queued_seq,
       (SELECT count(*) FROM hooks.delivery d
         WHERE d.webhook_id = webhook.id AND d.state = 'pending') AS pending
  FROM hooks.webhook
 WHERE project_id = ANY($1) AND enabled AND ended_at IS NULL
 ORDER BY id FOR UPDATE
"""
_QUEUE = """
INSERT INTO hooks.delivery (id, webhook_id, user_id, seq, type, body, state, last_error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_NOTE = "UPDATE hooks.webhook SET queued_seq = greatest(queued_seq, $2) WHERE id = $1"
_END = """
UPDATE hooks.webhook SET ended_at = clock_timestamp()
 WHERE project_id = ANY($1) AND ended_at IS NULL
"""
# A window of what is due longest, without those who have all their places: whoever
# floods it has them with the next claim, and leaves it to the others.
_CLAIM = """
WITH due AS (
  SELECT q.id, q.webhook_id, q.user_id, q.due_at
    FROM hooks.delivery q
    JOIN hooks.webhook v ON v.id = q.webhook_id AND v.enabled
   WHERE q.state = 'pending' AND q.due_at <= clock_timestamp()
     AND q.webhook_id <> ALL($6) AND q.user_id <> ALL($7)
   ORDER BY q.due_at LIMIT 256
), places AS (
  SELECT id, user_id, due_at,
         row_number() OVER (PARTITION BY webhook_id ORDER BY due_at, id)
           + cardinality(array_positions($4::uuid[], webhook_id)) AS place
    FROM due
), turns AS (
  SELECT id, due_at, place,
         row_number() OVER (PARTITION BY user_id ORDER BY place, due_at, id)
           + cardinality(array_positions($5::uuid[], user_id)) AS turn
    FROM places WHERE place <= $2
), chosen AS (
  SELECT q.id FROM hooks.delivery q JOIN turns t ON t.id = q.id
   WHERE t.turn <= $3 AND q.state = 'pending' AND q.due_at <= clock_timestamp()
   ORDER BY t.turn, t.place, t.due_at
   LIMIT $1 FOR UPDATE OF q SKIP LOCKED
)
UPDATE hooks.delivery AS d
   SET due_at = clock_timestamp() + $8
  FROM hooks.webhook w
 WHERE w.id = d.webhook_id AND d.id IN (SELECT id FROM chosen)
RETURNING d.id, d.webhook_id, d.user_id, w.url, w.secret, d.body, d.attempts
"""
_SETTLE = """
UPDATE hooks.delivery
   SET state = $2, attempts = attempts + 1, tried_at = clock_timestamp(),
       due_at = clock_timestamp() + $3, last_status = $4, last_error = $5
 WHERE id = $1
"""
_DISABLE = """
UPDATE hooks.webhook SET enabled = false, updated_at = clock_timestamp() WHERE id = $1
"""
_ERASE = "DELETE FROM hooks.webhook WHERE project_id = ANY($1)"
_FORGET = """
DELETE FROM hooks.delivery
 WHERE state <> 'pending' AND created_at < clock_timestamp() - $1::interval
"""
_FORGET_ENDED = """
DELETE FROM hooks.webhook w
 WHERE w.ended_at IS NOT NULL AND NOT EXISTS (
   SELECT FROM hooks.delivery d WHERE d.webhook_id = w.id AND d.state = 'pending')
"""


async def enqueue(connection: asyncpg.Connection, events: Sequence[Recorded]) -> None:
    """Queue *events* for the webhooks that want them, in the fold's transaction."""
    project_ids = list({one.project_id for one in events})
    for webhook in await connection.fetch(_LISTENING, project_ids):
        newer = [
            one
            for one in events
            if one.project_id == webhook["project_id"]
            and one.seq > webhook["queued_seq"]
        ]
        if newer:
            await connection.executemany(_QUEUE, _rows(webhook, newer))
            await connection.execute(_NOTE, webhook["id"], newer[-1].seq)
    if ended := [one.project_id for one in events if one.type == _DELETED]:
        await connection.execute(_END, ended)
    if erased := [one.project_id for one in events if one.type == _ERASED]:
        await connection.execute(_ERASE, erased)


def _rows(webhook: asyncpg.Record, events: Sequence[Recorded]) -> list[_Row]:
    rows: list[_Row] = []
    room = MAX_PENDING - webhook["pending"]
    for recorded in events:
        message = public.message(public.event_of(recorded), recorded.seq)
        type_ = codec.tag(message)
        if type_ not in webhook["events"]:
            continue
        has_room = len(rows) < room
        rows.append(
            (
                *(uuid4(), webhook["id"], webhook["user_id"], recorded.seq, type_),
                _body(recorded, message),
                "pending" if has_room else "failed",
                None if has_room else "too many deliveries were waiting",
            )
        )
    return rows


def _body(recorded: Recorded, message: msgspec.Struct) -> bytes:
    told = {
        "type": codec.tag(message),
        "timestamp": recorded.at,
        "projectId": recorded.project_id,
        "seq": recorded.seq,
        "data": getattr(message, "data", {}),
    }
    body = codec.encode(told)
    if len(body) <= MAX_BODY_BYTES:
        return body
    return codec.encode({**told, "data": {}, "omitted": True})


class PostgresDeliveryQueue(DeliveryQueue):
    """Claims by putting off: what is not settled in time is due again."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def claim(
        self,
        limit: int,
        busy: Collection[DueDelivery],
        hold_s: float,
        *,
        at_once: int = AT_ONCE_OF_USER,
        passed_over: Collection[UUID] = (),
    ) -> list[DueDelivery]:
        webhooks = Counter(one.webhook_id for one in busy)
        users = Counter(one.user_id for one in busy)
        async with projecting(self._pool) as connection:
            rows = await connection.fetch(
                _CLAIM,
                *(limit, AT_ONCE_OF_WEBHOOK, at_once),
                *([*webhooks.elements()], [*users.elements()]),
                [one for one in webhooks if webhooks[one] >= AT_ONCE_OF_WEBHOOK],
                [*passed_over, *(one for one in users if users[one] >= at_once)],
                timedelta(seconds=hold_s),
            )
        return [DueDelivery(**row) for row in rows]

    @override
    async def settle(
        self,
        delivery: DueDelivery,
        *,
        state: DeliveryState,
        after: timedelta | None,
        status: int | None,
        error: str | None,
    ) -> None:
        async with projecting(self._pool) as connection:
            await connection.execute(
                _SETTLE,
                *(delivery.id, state, after or timedelta(0), status),
                error[:200] if error else None,
            )

    @override
    async def disable(self, webhook_id: UUID) -> None:
        async with projecting(self._pool) as connection:
            await connection.execute(_DISABLE, webhook_id)

    @override
    async def tidy(self) -> None:
        async with projecting(self._pool) as connection:
            await connection.execute(_FORGET, DELIVERIES_KEPT)
            await connection.execute(_FORGET_ENDED)
