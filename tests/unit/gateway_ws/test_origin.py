"""Only our own page opens sockets with the cookies of a browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_ws.domain.origin import is_own_page

OURS = "https://atelier.example:8443"


@pytest.mark.parametrize(
    ("origin", "public_url"),
    [
        (None, OURS),
        (OURS, OURS),
        (OURS, f"{OURS}/"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:3000", "http://localhost:3000"),
        ("https://atelier.example", "https://Atelier.example:443"),
        ("http://atelier.example", "http://atelier.example:80/"),
    ],
)
def test_our_page_and_what_is_no_page_may(origin: str | None, public_url: str) -> None:
    assert is_own_page(origin, public_url)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://atelier.example:8443",
        "https://atelier.example",
        "https://atelier.example:8443.evil.example",
        "https://evil.example:8443",
        "https://x.atelier.example:8443",
        "https://atelier.example:notaport",
        "https://[",
        "https://atelier.example:0",
        "https://atelier.example:443",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not is_own_page(origin, OURS)


def test_a_preview_is_another_page() -> None:
    assert not is_own_page("http://x.preview.localhost:3000", "http://localhost:3000")


@given(st.text())
def test_no_origin_crashes(origin: str) -> None:
    is_own_page(origin, OURS)
