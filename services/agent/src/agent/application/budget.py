"""What a call may still cost, watched while its answer arrives."""

from collections.abc import Sequence

from msgspec import Struct

from agent.domain.prompt import Message
from agent.domain.run import limits_of
from agent.domain.run_state import Run
from agent.domain.state import Project
from contracts.requests import ModelInfo, SpendLimits

_CHARS_PER_TOKEN = 4
"""Of an answer: an estimate that errs towards too few tokens, so that nothing is cut
that would have fitted."""
_MILLION = 1_000_000


class Price(Struct, frozen=True):
    """Dollars for a token."""

    prompt: float
    completion: float


class Budget:
    """Counts an answer by its length, because usage comes only at its end."""

    def __init__(
        self,
        messages: Sequence[Message],
        *,
        tokens: int | None,
        usd: float | None,
        price: Price | None,
    ) -> None:
        """*tokens* and *usd* are what is left; None where there is no limit."""
        chars = sum(len(message.content) for message in messages)
        self._prompt_tokens = chars // _CHARS_PER_TOKEN
        self._chars = 0
        self._tokens = tokens
        self._usd = usd
        self._price = price

    def take(self, text: str) -> str | None:
        """Count more of the answer; return why it must end here, or None."""
        self._chars += len(text)
        answer = self._chars // _CHARS_PER_TOKEN
        if self._tokens is not None and self._prompt_tokens + answer > self._tokens:
            return _OVER.format(what="tokens")
        if self._usd is not None and self._price is not None:
            cost = self._prompt_tokens * self._price.prompt
            cost += answer * self._price.completion
            if cost > self._usd:
                return _OVER.format(what="money")
        return None


_OVER = (
    "The limit of {what} is reached in the middle of an answer: raise it in the "
    "project's settings, or wait for the next day, then send a message to go on."
)


def budget_of(
    project: Project,
    run: Run,
    limits: SpendLimits,
    messages: Sequence[Message],
    info: ModelInfo | None,
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
    return Budget(
        messages, tokens=tokens, usd=min(usd) if usd else None, price=_price(info)
    )


def _price(info: ModelInfo | None) -> Price | None:
    if info is None or info.completion_usd is None:
        return None
    return Price((info.prompt_usd or 0.0) / _MILLION, info.completion_usd / _MILLION)
