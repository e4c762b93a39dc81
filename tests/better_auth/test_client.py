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


def test_sessions_are_listed_and_ended(steps: dict[str, Step], email: str) -> None:
    assert email
    listed = steps["sessions"]["data"]
    assert {one["userId"] for one in listed} == {listed[0]["userId"]}
    assert steps["end of the others"]["data"] == {"status": True}
    assert steps["sessions left"]["data"] == {"count": 1, "isDated": True}
    assert steps["end of this session"]["data"] == {"status": True}
    assert steps["session after its end"]["data"] is None


def test_a_password_is_changed_and_the_session_goes_on(steps: dict[str, Step]) -> None:
    changed = steps["change of password"]
    assert changed["error"] is None
    assert changed["data"]["token"]
    session = steps["session after the change"]["data"]
    assert session["session"]["token"] == changed["data"]["token"]
    wrong = steps["wrong change"]["error"]
    assert (wrong["status"], wrong["code"]) == (400, "INVALID_PASSWORD")


def test_without_an_issuer_there_is_no_other_sign_in(steps: dict[str, Step]) -> None:
    error = steps["sign in elsewhere"]["error"]
    assert (error["status"], error["code"]) == (404, "PROVIDER_NOT_FOUND")
