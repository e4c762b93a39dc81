"""What calls cost where their provider does not say: counted by characters.

Usage comes only at the end of an answer, and not at all when a call is cut off, stopped
or orphaned. Limits would be worth nothing if such calls were free.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from contracts.project import Image, Price, Usage

CHARS_PER_TOKEN = 4
"""An estimate that errs towards too few tokens, so that nothing is cut that would
have fitted."""
IMAGE_TOKENS = 1_000
"""Of one picture, about."""
_MILLION = 1_000_000


class Counted(Struct, frozen=True):
    """What one call had, as its driver saw it go by."""

    prompt_tokens: int
    answer_chars: int = 0
    lost: int = 0
    """Requests before the one that answered, each of which had the prompt."""
    price: Price | None = None

    @property
    def usage(self) -> Usage:
        """What that comes to."""
        prompt = self.prompt_tokens * (1 + self.lost)
        completion = self.answer_chars // CHARS_PER_TOKEN
        usd = dollars(self.price, prompt, completion)
        return Usage(prompt, completion, usd, estimated=True)


def tokens_of(texts: Iterable[str], images: Iterable[Image] = ()) -> int:
    """Return about how many tokens a prompt has."""
    chars = sum(len(text) for text in texts)
    return chars // CHARS_PER_TOKEN + IMAGE_TOKENS * sum(1 for _ in images)


def dollars(price: Price | None, prompt: int, completion: int) -> float | None:
    """Return what so many tokens cost; None where there is no price."""
    if price is None:
        return None
    spent = prompt * price.prompt_usd + completion * price.completion_usd
    return spent / _MILLION


def filled(told: Usage, counted: Counted) -> Usage:
    """Return what the provider told, and *counted* where it told nothing.

    Requests that were lost on the way are added: no provider tells of them.
    """
    guess = counted.usage
    if told.prompt_tokens is None and told.completion_tokens is None:
        cost = guess.cost_usd if told.cost_usd is None else told.cost_usd
        return replace(guess, cost_usd=cost)
    lost = counted.lost * counted.prompt_tokens
    prompt = (told.prompt_tokens or 0) + lost
    completion = told.completion_tokens or 0
    if told.cost_usd is None:
        usd = dollars(counted.price, prompt, completion)
    else:
        usd = told.cost_usd + (dollars(counted.price, lost, 0) or 0.0)
    if lost == 0 and usd == told.cost_usd:
        return told
    return Usage(prompt, completion, usd, estimated=True)


def beyond(counted: Counted, recorded: Usage) -> Usage | None:
    """Return what *counted* has more than was recorded, or None if nothing."""
    usage = counted.usage
    prompt = max(0, (usage.prompt_tokens or 0) - (recorded.prompt_tokens or 0))
    completion = max(
        0, (usage.completion_tokens or 0) - (recorded.completion_tokens or 0)
    )
    if not prompt and not completion:
        return None
    usd = dollars(counted.price, prompt, completion)
    return Usage(prompt, completion, usd, estimated=True)
