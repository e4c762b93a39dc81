"""What language models have cost, from schema ``views``, as one user may see it."""

from datetime import date
from uuid import UUID

import asyncpg
from typing_extensions import override

from api.adapters.database import naming
from api.domain.usage import (
    Report,
    Spent,
    SpentOnDay,
    SpentOnModel,
    SpentOnProject,
)
from api.ports import UsageViews

_SUMS = """
SELECT kept.day, kept.model, kept.project_id, max(project.name) AS name,
       coalesce(sum(calls), 0)::bigint AS calls,
       coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,
       coalesce(sum(cost_usd), 0)::double precision AS cost_usd
  FROM views.usage AS kept
  LEFT JOIN views.project AS project ON project.id = kept.project_id
 WHERE kept.user_id = $1 AND kept.day BETWEEN $2 AND $3
   AND ($4::uuid IS NULL OR kept.project_id = $4)
 GROUP BY GROUPING SETS ((), (kept.day), (kept.model), (kept.project_id))
 ORDER BY kept.day, cost_usd DESC, kept.model, kept.project_id
"""


class PostgresUsageViews(UsageViews):
    """Sums under row security; the conditions say once more what it enforces."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @override
    async def of_user(self, user_id: UUID, first: date, last: date) -> Report:
        return await self._report(user_id, None, first, last)

    @override
    async def of_project(
        self, user_id: UUID, project_id: UUID, first: date, last: date
    ) -> Report:
        return await self._report(user_id, project_id, first, last)

    async def _report(
        self, user_id: UUID, project_id: UUID | None, first: date, last: date
    ) -> Report:
        async with naming(self._pool, user_id=str(user_id)) as connection:
            rows = await connection.fetch(_SUMS, user_id, first, last, project_id)
        report = Report(Spent(), [], [], [])
        total = report.total
        for row in rows:
            spent = {name: row[name] for name in Spent.__struct_fields__}
            if row["day"] is not None:
                report.days.append(SpentOnDay(**spent, day=row["day"]))
            elif row["model"] is not None:
                report.models.append(SpentOnModel(**spent, model=row["model"]))
            elif row["project_id"] is not None:
                project = {name: row[name] for name in ("project_id", "name")}
                report.projects.append(SpentOnProject(**spent, **project))
            else:
                total = Spent(**spent)
        return Report(total, report.days, report.models, report.projects)
