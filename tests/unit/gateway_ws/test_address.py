"""Who is counted as one address, and that nobody chooses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_ws.domain.address import counted_as

PEER = "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded_for", "counted"),
    [
        (None, PEER),
        ("", PEER),
        ("no address", PEER),
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_the_last_one_counts_which_our_proxy_has_set(
    forwarded_for: str | None, counted: str
) -> None:
    assert counted_as(forwarded_for, PEER) == counted


def test_a_whole_network_of_version_six_is_one() -> None:
    one, other, foreign = (
        counted_as(address, PEER)
        for address in ("2001:db8:1:2::1", "[2001:db8:1:2:ffff::9]", "2001:db8:1:3::1")
    )
    assert one == other != foreign


@given(st.text())
def test_no_header_crashes(text: str) -> None:
    counted_as(text, PEER)
