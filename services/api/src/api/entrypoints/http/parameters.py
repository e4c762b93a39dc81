"""Parameters of a request, in its path and its query."""

from collections.abc import Iterable
from datetime import date
from http import HTTPStatus
from uuid import UUID

from api.entrypoints.http.errors import AnyRequest, HttpError, missing


def id_in_path(request: AnyRequest, text: str) -> UUID:
    """Return the id that a path names.

    Raises:
        HttpError: 404; what is not an id in its usual form names nothing.

    """
    try:
        found = UUID(text)
    except ValueError:
        raise missing(request) from None
    if str(found) != text.lower():
        raise missing(request)
    return found


def number(request: AnyRequest, name: str, default: int, low: int, high: int) -> int:
    """Return a parameter of the query.

    Raises:
        HttpError: 422, it is not a number from *low* to *high*.

    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdecimal() and len(text) <= len(str(high)):
        found = int(text)
        if low <= found <= high:
            return found
    raise _unfit(f"The parameter {name} must be a number from {low} to {high}")


def choice(request: AnyRequest, name: str, default: str, choices: Iterable[str]) -> str:
    """Return a parameter of the query.

    Raises:
        HttpError: 422, it is not one of *choices*.

    """
    found: str = request.query_params.get(name, default)
    if found not in choices:
        raise _unfit(f"The parameter {name} must be one of {', '.join(choices)}")
    return found


def words(request: AnyRequest, name: str, max_chars: int) -> str:
    """Return a parameter of the query; empty where there is none.

    Raises:
        HttpError: 422, it is too long, or holds NUL.

    """
    found: str = request.query_params.get(name, "")
    if len(found) > max_chars:
        raise _unfit(f"The parameter {name} may have at most {max_chars} characters")
    if "\0" in found:
        raise _unfit(f"The parameter {name} must not hold the character NUL")
    return found


def day(request: AnyRequest, name: str, default: date) -> date:
    """Return a parameter of the query.

    Raises:
        HttpError: 422, it is no day.

    """
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise _unfit(f"The parameter {name} must be a day, such as 2026-01-31")
    return found


def _unfit(sentence: str) -> HttpError:
    return HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
