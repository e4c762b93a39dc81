"""What calls of language models have come to."""

from datetime import date
from uuid import UUID

from msgspec import Struct

from contracts.project import Usage


class Spent(Struct, frozen=True, rename="camel"):
    """Calls, and what they used: as the models said, or else an estimate."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def and_call(self, usage: Usage, calls: int = 1) -> "Spent":
        """Return this and one more call, or 0 *calls*: more of the one before."""
        return Spent(
            self.calls + calls,
            self.prompt_tokens + (usage.prompt_tokens or 0),
            self.completion_tokens + (usage.completion_tokens or 0),
            self.cost_usd + (usage.cost_usd or 0.0),
        )


class SpentOnDay(Spent, frozen=True, rename="camel", kw_only=True):
    """What was spent on a day in UTC."""

    day: date


class SpentOnModel(Spent, frozen=True, rename="camel", kw_only=True):
    """What was spent on a model."""

    model: str


class SpentOnProject(Spent, frozen=True, rename="camel", kw_only=True):
    """What was spent on a project, which may be gone since: *name* is null then."""

    project_id: UUID
    name: str | None


class Report(Struct, frozen=True, rename="camel"):
    """What was spent, and on what."""

    total: Spent
    days: list[SpentOnDay]
    models: list[SpentOnModel]
    projects: list[SpentOnProject]
