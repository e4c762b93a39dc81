"""Whose will a request is, where it comes from, and what it shows."""

from typing import Any, cast

import pytest

from api.entrypoints.http.security import Security

NOBODY = cast("Any", None)


class Peer:
    """The other end of a connection."""

    def __init__(self, host: str) -> None:
        self.host = host


class Request:
    """As much of a request as matters here."""

    def __init__(
        self, method: str = "POST", peer: str = "127.0.0.1", **headers: str
    ) -> None:
        self.method = method
        self.client = Peer(peer)
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}
        self.cookies: dict[str, str] = {}


def security(public_url: str = "http://localhost:3000") -> Security:
    trusted = ("127.0.0.1", "172.30.0.0/24")
    return Security(NOBODY, NOBODY, public_url=public_url, trusted_proxies=trusted)


def is_own_will(method: str = "POST", **headers: str) -> bool:
    return security().is_own_will(cast("Any", Request(method, **headers)))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "https://localhost:3000"},
        {"origin": "http://localhost:3000.evil.example"},
        {"origin": "http://localhost"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "null", "host": ""},
        {"origin": "http://["},
        {"origin": "http://[::1]:3000:"},
        {"sec_fetch_site": "cross-site", "origin": "http://localhost:3000"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_another_page_is_not_our_will(headers: dict[str, str]) -> None:
    assert not is_own_will(**headers)
    assert is_own_will("GET", **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1:3000", "host": "127.0.0.1:3000"},
        {"sec_fetch_site": "same-origin", "origin": "http://anything.example"},
        {"sec_fetch_site": "none"},
    ],
)
def test_our_page_and_programs_are(headers: dict[str, str]) -> None:
    assert is_own_will(**headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "10.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("172.30.0.200", "198.51.100.7", "198.51.100.7"),
        ("172.30.1.200", "198.51.100.7", "172.30.1.200"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ("unknown", "198.51.100.7", "unknown"),
    ],
)
def test_only_the_door_says_who_is_before_it(
    peer: str, forwarded: str, address: str
) -> None:
    request = Request(peer=peer, x_forwarded_for=forwarded)
    assert security().client(cast("Any", request)).address == address


@pytest.mark.parametrize(
    ("public_url", "name"),
    [
        ("http://localhost:3000", "better-auth.session_token"),
        ("https://atelier.example", "__Secure-better-auth.session_token"),
    ],
)
def test_the_cookie_has_the_name_that_the_scheme_asks_for(
    public_url: str, name: str
) -> None:
    request = Request()
    request.cookies = {name: "token"}
    shown = security(public_url).credential(cast("Any", request))
    assert shown is not None
    assert (shown.token, shown.is_cookie) == ("token", True)


def test_a_bearer_comes_before_the_cookie() -> None:
    request = Request(authorization="bearer  token ")
    request.cookies = {"better-auth.session_token": "other"}
    shown = security().credential(cast("Any", request))
    assert shown is not None
    assert (shown.token, shown.is_cookie) == ("token", False)


def test_the_cookie_is_secure_on_https() -> None:
    assert security("https://atelier.example").no_cookie().secure
    assert not security().no_cookie().secure
