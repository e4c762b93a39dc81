"""The npm package `better-auth`: its client signs up, in and out, unchanged."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import npm
from tests.support.backend import PASSWORD, Backend, new_email

SCRIPT = Path(__file__).with_name("client.mjs")
ORIGIN = "http://localhost:3000"
COOKIE = "better-auth.session_token"
TIMEOUT_S = 60

Step = dict[str, Any]


@pytest.fixture(scope="module")
def email() -> str:
    """The address with which the client signs up."""
    return new_email()


@pytest.fixture(scope="module")
def steps(backend: Backend, email: str) -> dict[str, Step]:
    """What the client answered, by step."""
    # Beside the packages, because that is where node looks for what a script imports.
    script = shutil.copy(SCRIPT, npm.installed() / SCRIPT.name)
    account = {"name": "Ada", "email": email, "password": PASSWORD}
    outcome = subprocess.run(
        [str(npm.NODE), str(script)],
        env={
            **npm.node_environ(),
            "BASE_URL": backend.api.url,
            "PAGE_ORIGIN": ORIGIN,
            "ACCOUNT": json.dumps(account),
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    lines = [json.loads(line) for line in outcome.stdout.splitlines()]
    return {line["step"]: line for line in lines}


def test_whoever_is_signed_out_has_no_session(steps: dict[str, Step]) -> None:
    for step in ("signed out at first", "session after sign-out"):
        assert steps[step]["data"] is None
        assert steps[step]["error"] is None


def test_signing_up_signs_in(steps: dict[str, Step], email: str) -> None:
    signed_up = steps["sign up"]
    assert signed_up["error"] is None
    assert signed_up["data"]["user"]["email"] == email
    assert signed_up["cookies"] == [COOKIE]
    session = steps["session after sign-up"]["data"]
    assert session["user"] == signed_up["data"]["user"]
    assert session["session"]["token"] == signed_up["data"]["token"]


def test_signing_out_removes_the_cookie(steps: dict[str, Step]) -> None:
    assert steps["sign out"]["data"] == {"success": True}
    assert steps["sign out"]["cookies"] == []


def test_signing_in_begins_another_session(steps: dict[str, Step]) -> None:
    signed_in = steps["sign in"]
    assert signed_in["error"] is None
    assert signed_in["data"]["redirect"] is False
    assert signed_in["data"]["token"] != steps["sign up"]["data"]["token"]
    session = steps["session after sign-in"]["data"]
    assert session["user"] == signed_in["data"]["user"]


def test_refusals_reach_the_client_as_codes(steps: dict[str, Step]) -> None:
    taken, wrong = steps["sign up again"]["error"], steps["wrong password"]["error"]
    assert (taken["status"], taken["code"]) == (
        422,
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
    )
    assert (wrong["status"], wrong["code"]) == (401, "INVALID_EMAIL_OR_PASSWORD")


def test_dates_reach_the_client_as_dates(steps: dict[str, Step]) -> None:
    assert steps["dates"]["data"] == {"areDates": True}
