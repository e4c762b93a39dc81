"""What has been spent today, from the table that the log keeps of it."""

from uuid import UUID

import asyncpg
from typing_extensions import override

from agent.ports import Ledger, Spent
from eventcore.adapters.database import translated

_TODAY = """
SELECT coalesce(sum(cost_usd) FILTER (WHERE owner_id = $1), 0) AS own,
       coalesce(sum(cost_usd), 0) AS all_of_them
  FROM log.spend
 WHERE day = (clock_timestamp() AT TIME ZONE 'UTC')::date
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
