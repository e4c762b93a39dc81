"""The rules of addresses, passwords and sessions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.domain.account import (
    RENEW_AFTER,
    SESSION_LIFE,
    SHORT_SESSION_LIFE,
    NewSession,
    Session,
    digest,
    new_password,
    normal_email,
    normal_password,
)
from eventcore.errors import Rejected

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ID = UUID(int=1)


def session(*, remembered: bool) -> Session:
    return Session(
        *(ID, ID, b"", remembered, "", ""),
        created_at=NOON,
        updated_at=NOON,
        expires_at=NOON + SESSION_LIFE,
    )


@pytest.mark.parametrize(
    "email", ["a@b.org", "A.B+c'd_e-f@sub.example.museum", "1@2.de"]
)
def test_an_address_is_kept_in_small_letters(email: str) -> None:
    assert normal_email(email) == email.lower()


@pytest.mark.parametrize(
    "email", ["a@b", "a@b.org ", "a@b.org\n", "a..b@c.org", "a@-b.org"]
)
def test_what_the_client_would_refuse_is_refused(email: str) -> None:
    with pytest.raises(Rejected) as refused:
        normal_email(email)
    assert refused.value.code == "INVALID_EMAIL"


def test_an_address_takes_no_time_to_be_refused() -> None:
    with pytest.raises(Rejected):
        normal_email("a" * 240 + "@" + "b." * 5)


def test_equal_passwords_are_equal_however_they_are_typed() -> None:
    assert normal_password("cafe\u0301") == normal_password("caf\u00e9")


@pytest.mark.parametrize(
    ("length", "code"), [(7, "PASSWORD_TOO_SHORT"), (129, "PASSWORD_TOO_LONG")]
)
def test_a_new_password_has_bounds(length: int, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        new_password("x" * length)
    assert refused.value.code == code


def test_the_length_is_what_a_person_typed() -> None:
    assert len(new_password("\ufdfa" * 8)) > 128


def test_a_session_is_renewed_after_a_day_of_use() -> None:
    remembered = session(remembered=True)
    assert remembered.is_due(NOON + RENEW_AFTER)
    assert not remembered.is_due(NOON + RENEW_AFTER - timedelta(seconds=1))


def test_who_is_not_to_be_remembered_is_not_renewed() -> None:
    assert not session(remembered=False).is_due(NOON + timedelta(days=3))


@pytest.mark.parametrize(
    ("remembered", "life"), [(True, SESSION_LIFE), (False, SHORT_SESSION_LIFE)]
)
def test_how_long_a_new_session_lives(*, remembered: bool, life: timedelta) -> None:
    assert NewSession(ID, ID, b"", remembered, "", "").life == life


def test_any_text_has_a_digest() -> None:
    assert len(digest("\udcff not unicode")) == 32
    assert digest("a") != digest("b")
