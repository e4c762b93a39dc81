"""The flow of a sign-in elsewhere, as the browser keeps it."""

import pytest

from api.domain.external import Flow

FLOW = Flow(
    state="state",
    nonce="nonce",
    verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    target="/",
    expires_at_s=100,
)


def test_the_challenge_is_that_of_the_specification() -> None:
    assert (
        FLOW.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )  # RFC 7636, B


@pytest.mark.parametrize(
    ("state", "at_s", "is_meant"),
    [
        *(("state", 99, True), ("state", 100, False), ("other", 99, False)),
        *(("", 0, False), ("st\ud800te", 0, False)),
    ],
)
def test_a_flow_means_its_own_state_for_a_while(
    state: str, at_s: float, *, is_meant: bool
) -> None:
    assert FLOW.is_meant_by(state, at_s) is is_meant
