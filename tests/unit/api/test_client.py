"""As which client a request is counted."""

import pytest

from api.application.identity.accounts import Client


def counted(address: str) -> str:
    return Client(address, "").counted_as


def test_a_whole_64_of_ipv6_is_one_client() -> None:
    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff::9")
    assert counted("2001:db8:1:2::1") != counted("2001:db8:1:3::1")


@pytest.mark.parametrize("address", ["198.51.100.7", "unknown"])
def test_all_else_is_counted_as_it_is(address: str) -> None:
    assert counted(address) == address


def test_ipv4_within_ipv6_is_counted_as_ipv4() -> None:
    assert counted("::ffff:198.51.100.7") == "198.51.100.7"
