"""The table from refusals to statuses."""

from typing import Any, ClassVar, cast, get_args

import pytest
from litestar.exceptions import (
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from api.application.errors import LimitReached
from api.entrypoints.http.errors import STATUS, HttpError, read
from contracts.requests import RefusalCode
from eventcore.errors import Rejected, Unavailable


class Route:
    """A route that says what is missing."""

    opt: ClassVar = {"missing": "Project not found"}


class Request:
    """As much of a request as errors look at."""

    route_handler = Route()


def told(error: Exception) -> HttpError:
    return read(cast("Any", Request()), error)


def test_each_refusal_of_the_agent_has_a_status() -> None:
    assert set(STATUS) == set(get_args(RefusalCode))


@pytest.mark.parametrize("code", ["project_access_denied", "project_not_found"])
def test_a_foreign_project_is_told_as_none(code: str) -> None:
    answer = told(Rejected(code, "This project is not yours."))
    assert (answer.status, answer.sentence) == (404, "Project not found")


def test_what_a_person_can_change_is_told_in_the_agents_words() -> None:
    answer = told(Rejected("invalid_message_data", "A project holds 500 files."))
    assert (answer.status, answer.sentence) == (422, "A project holds 500 files.")


@pytest.mark.parametrize("code", ["internal_error", "a_code_of_tomorrow"])
def test_what_nobody_can_change_is_500_without_details(code: str) -> None:
    answer = told(Rejected(code, "KeyError in line 5"))
    assert answer.status == 500
    assert "KeyError" not in answer.sentence


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Unavailable("nobody listens on cmd.x"), 503, "1"),
        (LimitReached(7), 429, "7"),
        (Rejected("rate_limited", ""), 429, "1"),
        (Rejected("unavailable", ""), 503, "1"),
    ],
)
def test_what_passes_says_when(error: Exception, status: int, retry_after: str) -> None:
    answer = told(error)
    assert (answer.status, answer.headers) == (status, {"retry-after": retry_after})
    assert "cmd." not in answer.sentence


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundException("/secret"), 404),
        (MethodNotAllowedException("PUT"), 405),
        (ValidationException("in module x"), 400),
        (InternalServerException("in module x"), 500),
        (RuntimeError("in module x"), 500),
    ],
)
def test_the_text_of_the_framework_is_never_told(error: Exception, status: int) -> None:
    answer = told(error)
    assert answer.status == status
    assert str(error) not in answer.sentence
