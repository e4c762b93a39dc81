"""Which limits hold here: those of the environment, then what administrators choose."""

from msgspec import structs

from agent.ports import Ledger
from contracts.requests import Limits, LimitsAnswer, Refused, SetLimits, SpendLimits

_FIXED = Refused("conflict", "This limit is set where Atelier was started.")


class HouseLimits:
    """Knows what calls of language models may cost."""

    def __init__(self, ledger: Ledger, fixed: SpendLimits) -> None:
        """Let *fixed*, what the environment says, go before what anybody chooses."""
        self._ledger = ledger
        self._fixed = {
            name: value
            for name, value in structs.asdict(fixed).items()
            if value is not None
        }

    async def current(self) -> SpendLimits:
        """Return the limits that hold.

        Raises:
            Unavailable: The database does not answer.

        """
        return structs.replace(await self._ledger.limits(), **self._fixed)

    async def answer(self) -> LimitsAnswer:
        """Return the same, and which of them nobody can change.

        Raises:
            Unavailable: The database does not answer.

        """
        return Limits(await self.current(), list(self._fixed))

    async def change(self, wanted: SetLimits) -> LimitsAnswer:
        """Let other limits hold, which drivers see before their next call of a model.

        Raises:
            Unavailable: The database does not answer.

        """
        for name, value in self._fixed.items():
            if getattr(wanted.limits, name) != value:
                return _FIXED
        await self._ledger.set_limits(wanted.limits, wanted.by)
        return await self.answer()
