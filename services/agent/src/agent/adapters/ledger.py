"""What has been spent today, and what may be, from two tables beside the log."""

from uuid import UUID

import asyncpg
from msgspec import structs
from typing_extensions import override

from agent.ports import Ledger, Spent
from contracts.requests import SpendLimits
from eventcore.adapters.database import translated

_TODAY = """
SELECT coalesce(sum(cost_usd) FILTER (WHERE owner_id = $1), 0) AS own,
       coalesce(sum(cost_usd), 0) AS all_of_them
  FROM log.spend
 WHERE day = (clock_timestamp() AT TIME ZONE 'UTC')::date
"""
_LIMITS = """
SELECT run_usd, max_run_usd, project_usd, max_project_usd, run_tokens, max_run_tokens,
       user_day_usd, day_usd
  FROM log.limits
 ORDER BY id DESC
 LIMIT 1
"""
_SET_LIMITS = """
INSERT INTO log.limits (chosen_by, run_usd, max_run_usd, project_usd, max_project_usd,
                        run_tokens, max_run_tokens, user_day_usd, day_usd)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


class PostgresLedger(Ledger):
    """A trigger adds to the table in the transaction of each call's end."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def today(self, owner_id: UUID) -> Spent:
        with translated():
            row = await self._pool.fetchrow(_TODAY, owner_id)
        return Spent(row["own"], row["all_of_them"])

    @override
    async def limits(self) -> SpendLimits:
        with translated():
            row = await self._pool.fetchrow(_LIMITS)
        return SpendLimits(**row) if row else SpendLimits()

    @override
    async def set_limits(self, limits: SpendLimits, by: UUID) -> None:
        with translated():
            await self._pool.execute(_SET_LIMITS, by, *structs.astuple(limits))
