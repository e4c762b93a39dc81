"""What has been spent today, and what may be, from tables beside the log."""

from datetime import timedelta
from uuid import UUID

import asyncpg
from msgspec import structs
from typing_extensions import override

from agent.ports import Ledger, Reserved
from contracts.requests import SpendLimits
from eventcore.adapters.database import translated

_RESERVE = "SELECT own, everybody, granted FROM log.reserve($1, $2, $3, $4, $5, $6)"
_RELEASE = "DELETE FROM log.reservation WHERE project_id = $1"
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
_MARGIN_S = 60.0
"""For recording the end of a call that took as long as any may."""


class PostgresLedger(Ledger):
    """Triggers keep the tables in the transaction of each call's end."""

    def __init__(self, pool: asyncpg.Pool, call_s: float) -> None:
        """Hold nothing for much longer than *call_s*, as long as a call may take."""
        self._pool = pool
        self._ttl = timedelta(seconds=call_s + _MARGIN_S)

    @override
    async def reserve(
        self, project_id: UUID, owner_id: UUID, wanted_usd: float, limits: SpendLimits
    ) -> Reserved:
        with translated():
            row = await self._pool.fetchrow(
                *(_RESERVE, project_id, owner_id, wanted_usd),
                *(limits.user_day_usd, limits.day_usd, self._ttl),
            )
        return Reserved(row["own"], row["everybody"], row["granted"])

    @override
    async def release(self, project_id: UUID) -> None:
        with translated():
            await self._pool.execute(_RELEASE, project_id)

    @override
    async def limits(self) -> SpendLimits:
        with translated():
            row = await self._pool.fetchrow(_LIMITS)
        return SpendLimits(**row) if row else SpendLimits()

    @override
    async def set_limits(self, limits: SpendLimits, by: UUID) -> None:
        with translated():
            await self._pool.execute(_SET_LIMITS, by, *structs.astuple(limits))
