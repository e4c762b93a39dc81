"""What a call may still cost, watched while its answer arrives."""

from agent.domain.estimate import Counted, dollars
from agent.domain.run import limits_of
from agent.domain.run_state import Run
from agent.domain.state import Project
from agent.ports import Unseen
from contracts.project import Price
from contracts.requests import SpendLimits


class Budget:
    """Counts an answer by its length, because usage comes only at its end."""

    def __init__(
        self,
        prompt_tokens: int,
        *,
        tokens: int | None,
        usd: float | None,
        price: Price | None,
    ) -> None:
        """*tokens* and *usd* are what is left; None where there is no limit."""
        self._prompt_tokens = prompt_tokens
        self._chars = 0
        self._lost = 0
        self._tokens = tokens
        self._usd = usd
        self._price = price

    @property
    def counted(self) -> Counted:
        """What the call had so far."""
        return Counted(self._prompt_tokens, self._chars, self._lost, self._price)

    def refusal(self) -> str | None:
        """Return why the call is not to be made at all, or None."""
        what = self._exceeded()
        return None if what is None else _NO_ROOM.format(what=what)

    def take(self, piece: str | Unseen) -> str | None:
        """Count more of the answer; return why it must end here, or None."""
        if isinstance(piece, Unseen):
            self._chars += piece.thoughts
            self._lost += piece.lost
        else:
            self._chars += len(piece)
        what = self._exceeded()
        return None if what is None else _OVER.format(what=what)

    def _exceeded(self) -> str | None:
        usage = self.counted.usage
        prompt, answer = usage.prompt_tokens or 0, usage.completion_tokens or 0
        if self._tokens is not None and prompt + answer > self._tokens:
            return "tokens"
        usd = dollars(self._price, prompt, answer)
        if self._usd is not None and usd is not None and usd > self._usd:
            return "money"
        return None


_OVER = (
    "The limit of {what} is reached in the middle of an answer: raise it in the "
    "project's settings, or wait for the next day, then send a message to go on."
)
_NO_ROOM = (
    "The limit of {what} leaves no room for another call: raise it in the project's "
    "settings, or wait for the next day, then send a message to go on."
)


def budget_of(
    project: Project,
    run: Run,
    limits: SpendLimits,
    prompt_tokens: int,
    price: Price | None,
    *,
    left_usd: float | None = None,
) -> Budget:
    """Return what the next call of *run* may still cost; *left_usd*: beside its own."""
    found = limits_of(project, limits)
    used = run.usage
    usd = [
        limit - spent
        for limit, spent in (
            (found.run_usd, used.cost_usd),
            (found.project_usd, project.usage.cost_usd),
        )
        if limit is not None
    ]
    if left_usd is not None:
        usd.append(left_usd)
    tokens = found.run_tokens
    if tokens is not None:
        tokens -= used.prompt_tokens + used.completion_tokens
    least = min(usd) if usd else None
    return Budget(prompt_tokens, tokens=tokens, usd=least, price=price)
