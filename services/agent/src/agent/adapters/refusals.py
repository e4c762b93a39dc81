"""What a provider's refusal means: ask again, or tell the person what to do."""

from http import HTTPStatus

from msgspec import Struct

from agent.adapters.completion import Problem
from agent.domain.forgetting import Suspect

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_CONTENT_TOO_LARGE = 413
_IN_FLIGHT = "openrouter_in_flight_budget"
"""The one refusal for want of money that passes by itself."""


class Refusal(Struct, frozen=True):
    """*sentence* is for a person; *hopeless* where only a person can change it."""

    sentence: str
    retryable: bool
    hopeless: bool
    suspect: Suspect | None = None
    """What of the request is refused, if it is the request."""
    certain: bool = False


_TOO_LARGE = (
    "The project has become too large for {model}: choose one with a larger context."
)
_FINAL: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: (
        "The language model's provider does not accept the key: check "
        "OPENROUTER_API_KEY and restart the agent."
    ),
    HTTPStatus.PAYMENT_REQUIRED: (
        "The language model's account has no credit left: add credit at the provider, "
        "then send a message to go on."
    ),
    HTTPStatus.FORBIDDEN: (
        "The provider refuses this request to {model} ({why}): change the request or "
        "choose another model."
    ),
    HTTPStatus.NOT_FOUND: (
        "The provider has no model {model} ({why}): choose another one, or check "
        "OPENROUTER_BASE_URL."
    ),
}
_NOT_UNDERSTOOD = (
    "The provider does not accept the request to {model} ({why}): choose another model."
)
_PASSING = "The provider of {model} is busy or down ({why})."


def explain(status: int, problem: Problem | None, model: str) -> Refusal:
    """Return what the refusal of a call to *model* means.

    *status* is that of HTTP, or the code of an error object inside an answer, 0 where
    it has none.
    """
    text = _PASSING
    retryable = status in _RETRYABLE or not 400 <= status < 500  # noqa: PLR2004 - HTTP
    if problem is not None and problem.limit_source == _IN_FLIGHT:
        retryable = True
    elif problem is not None and problem.type == "context_length_exceeded":
        text, retryable = _TOO_LARGE, False
    elif not retryable:
        text = _FINAL.get(status, _NOT_UNDERSTOOD)
    why = problem.message if problem else f"status {status}"
    sentence = text.format(model=model, why=why)
    if retryable:
        return Refusal(sentence, retryable=True, hopeless=False)
    return Refusal(
        sentence,
        retryable=False,
        hopeless=True,
        suspect=_suspect(status, is_large=text is _TOO_LARGE),
        certain=status == HTTPStatus.FORBIDDEN,
    )


def _suspect(status: int, *, is_large: bool) -> Suspect | None:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED):
        return None
    # No model of that name that sees, or no room for what is seen.
    only_pictures = is_large or status in (HTTPStatus.NOT_FOUND, _CONTENT_TOO_LARGE)
    return "pictures" if only_pictures else "anything"
