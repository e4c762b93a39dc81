"""Tokens for sockets: whole, unchanged and signed by us, or nothing."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.keys import derived_key
from api.domain.socket_token import Claims, read, sign

KEY = derived_key("secret", "socket token")
CLAIMS = Claims(UUID(int=1), UUID(int=2), UUID(int=3), 1_700_000_060)
TOKEN = sign(CLAIMS, KEY)


def test_what_was_signed_is_read() -> None:
    assert read(TOKEN, KEY) == CLAIMS


def test_it_has_the_form_that_the_contract_tells() -> None:
    version, payload, signature = TOKEN.split(".")
    assert version == "v1"
    assert "=" not in payload + signature


def test_another_key_reads_nothing() -> None:
    assert read(TOKEN, derived_key("secret", "another purpose")) is None
    assert read(TOKEN, derived_key("another secret", "socket token")) is None


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_no_character_may_differ(at: int) -> None:
    changed = "A" if TOKEN[at] != "A" else "B"
    assert read(TOKEN[:at] + changed + TOKEN[at + 1 :], KEY) is None


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "v1..", "v1.e30.", "v1.é.é", TOKEN + "=", TOKEN + "A", "v2."],
)
def test_what_is_no_token_is_nothing(token: str) -> None:
    assert read(token, KEY) is None


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    assert read(text, KEY) is None
    assert read(f"v1.{text}", KEY) is None
