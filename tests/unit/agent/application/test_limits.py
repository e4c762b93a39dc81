"""Which limits hold: the environment's, then those that administrators choose."""

from uuid import UUID, uuid4

from typing_extensions import override

from agent.application.limits import HouseLimits
from agent.ports import Ledger, Reserved
from contracts.requests import Limits, Refused, SetLimits, SpendLimits


class Choices(Ledger):
    """Remembers what was chosen."""

    def __init__(self) -> None:
        self.chosen = [SpendLimits()]

    @override
    async def limits(self) -> SpendLimits:
        return self.chosen[-1]

    @override
    async def set_limits(self, limits: SpendLimits, by: UUID) -> None:
        self.chosen.append(limits)

    @override
    async def reserve(
        self, project_id: UUID, owner_id: UUID, wanted_usd: float, limits: SpendLimits
    ) -> Reserved:
        return Reserved(0.0, 0.0, wanted_usd)

    @override
    async def release(self, project_id: UUID) -> None:
        """Nothing is held here."""


async def test_what_is_chosen_last_holds() -> None:
    limits = HouseLimits(Choices(), SpendLimits())
    assert await limits.current() == SpendLimits()
    for wanted in (SpendLimits(run_usd=1.0, day_usd=9.0), SpendLimits(run_usd=2.0)):
        answer = await limits.change(SetLimits(uuid4(), wanted))
        assert answer == Limits(wanted, fixed=[])
        assert await limits.current() == wanted


async def test_the_environment_goes_before_what_anybody_chooses() -> None:
    choices = Choices()
    limits = HouseLimits(choices, SpendLimits(day_usd=5.0))
    refused = await limits.change(SetLimits(uuid4(), SpendLimits(day_usd=50.0)))
    assert isinstance(refused, Refused)
    wanted = SpendLimits(day_usd=5.0, max_run_usd=1.0)
    assert await limits.change(SetLimits(uuid4(), wanted)) == Limits(
        wanted, fixed=["day_usd"]
    )
    choices.chosen.append(SpendLimits(day_usd=50.0))
    assert await limits.current() == SpendLimits(day_usd=5.0)
