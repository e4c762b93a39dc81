"""What a token allows."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from api.domain.api_token import ApiToken
from api.domain.scope import Needs, Scope

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def token(*scopes: Scope) -> ApiToken:
    return ApiToken(
        *(UUID(int=1), UUID(int=2), b"", "CI", list(scopes), NOON, None, None)
    )


def test_who_writes_may_read_what_was_written() -> None:
    writer = token(Scope.PROJECTS_WRITE)
    assert writer.allows(Needs.READ)
    assert writer.allows(Needs.WRITE)


def test_who_reads_may_not_write() -> None:
    reader = token(Scope.PROJECTS_READ)
    assert reader.allows(Needs.READ)
    assert not reader.allows(Needs.WRITE)


@pytest.mark.parametrize("needs", [Needs.SESSION, Needs.ADMINISTRATOR])
def test_no_scope_makes_a_person_of_a_program(needs: Needs) -> None:
    assert not token(*Scope).allows(needs)
