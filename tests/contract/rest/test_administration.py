"""The first person administers: people, invitations, and whether anybody may come."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from tests.support.backend import PASSWORD, Backend, backend_of, new_email
from tests.support.servers import PostgresServer, server_folder

SIGN_UP = "/api/auth/sign-up/email"
CLOSED = (HTTPStatus.FORBIDDEN, "SIGN_UP_CLOSED")
UNINVITED = (HTTPStatus.FORBIDDEN, "INVITATION_REQUIRED")


@pytest.fixture(scope="module")
def fresh(postgres_server: PostgresServer) -> Iterator[Backend]:
    """An installation that nobody has used yet."""
    with server_folder() as folder, backend_of(folder, postgres_server) as started:
        yield started


@pytest.fixture(scope="module")
def first(fresh: Backend) -> Iterator[httpx.Client]:
    """Whoever signed up first."""
    with fresh.person("First") as person:
        yield person


@pytest.fixture(autouse=True)
def _open(first: httpx.Client) -> Iterator[None]:
    yield
    first.patch("/api/admin/sign-up", json={"signUp": "open"}).raise_for_status()


def sign_up(backend: Backend, email: str, **more: str) -> tuple[int, str]:
    """Return status and code, "" for a success."""
    body = {"name": "Eve", "email": email, "password": PASSWORD, **more}
    with backend.client() as http:
        answer = http.post(SIGN_UP, json=body)
    return answer.status_code, answer.json().get("code", "")


def invited(first: httpx.Client, **body: str) -> Any:  # noqa: ANN401 - JSON
    first.patch("/api/admin/sign-up", json={"signUp": "invite"}).raise_for_status()
    answer = first.post("/api/admin/invitations", json=body)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.json()


def person_of(first: httpx.Client, email: str) -> Any:  # noqa: ANN401 - JSON
    users = first.get("/api/admin/users").json()
    return next(one for one in users if one["email"] == email)


def test_the_first_one_administers_and_the_second_does_not(
    fresh: Backend, first: httpx.Client
) -> None:
    email = new_email()
    sign_up(fresh, email)
    mine = first.get("/api/auth/get-session").json()["user"]["email"]
    assert person_of(first, mine)["isAdministrator"] is True
    assert person_of(first, email)["isAdministrator"] is False


def test_sign_up_can_be_closed_and_tells_nobody_who_is_there(
    fresh: Backend, first: httpx.Client
) -> None:
    known = first.get("/api/auth/get-session").json()["user"]["email"]
    answer = first.patch("/api/admin/sign-up", json={"signUp": "closed"})
    assert answer.json() == {"signUp": "closed", "isFixed": False}
    assert sign_up(fresh, new_email()) == CLOSED
    assert sign_up(fresh, known) == CLOSED


def test_an_invitation_lets_one_person_in(fresh: Backend, first: httpx.Client) -> None:
    code = invited(first)["code"]
    assert sign_up(fresh, new_email()) == UNINVITED
    assert sign_up(fresh, new_email(), invitation="guessed") == UNINVITED
    assert sign_up(fresh, new_email(), invitation=code) == (HTTPStatus.OK, "")
    assert sign_up(fresh, new_email(), invitation=code) == UNINVITED


def test_without_an_invitation_nobody_learns_who_is_there(
    fresh: Backend, first: httpx.Client
) -> None:
    invited(first)
    known = first.get("/api/auth/get-session").json()["user"]["email"]
    assert sign_up(fresh, known, invitation="guessed") == UNINVITED


def test_an_invitation_may_be_for_one_address(
    fresh: Backend, first: httpx.Client
) -> None:
    email = new_email()
    code = invited(first, email=email.upper())["code"]
    assert sign_up(fresh, new_email(), invitation=code) == UNINVITED
    assert sign_up(fresh, email, invitation=code) == (HTTPStatus.OK, "")


def test_an_invitation_can_be_withdrawn(fresh: Backend, first: httpx.Client) -> None:
    invitation = invited(first)
    path = f"/api/admin/invitations/{invitation['id']}"
    ids = [one["id"] for one in first.get("/api/admin/invitations").json()]
    assert invitation["id"] in ids
    assert first.delete(path).json() is True
    assert first.delete(path).status_code == HTTPStatus.NOT_FOUND
    answer = sign_up(fresh, new_email(), invitation=invitation["code"])
    assert answer == UNINVITED


def test_whoever_is_disabled_is_out_until_let_in_again(
    fresh: Backend, first: httpx.Client
) -> None:
    with fresh.person("Eve") as eve:
        email = eve.get("/api/auth/get-session").json()["user"]["email"]
        token = {"name": "CI", "scopes": ["projects:read"]}
        secret = eve.post("/api/tokens", json=token).json()["token"]
        path = f"/api/admin/users/{person_of(first, email)['id']}"
        assert first.patch(path, json={"disabled": True}).json()["disabled"] is True
        assert eve.get("/api/projects").status_code == HTTPStatus.UNAUTHORIZED
        header = {"Authorization": f"Bearer {secret}"}
        program = eve.get("/api/projects", headers=header)
        assert program.status_code == HTTPStatus.UNAUTHORIZED
        body = {"email": email, "password": PASSWORD}
        refused = eve.post("/api/auth/sign-in/email", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "BANNED_USER")
        wrong = eve.post("/api/auth/sign-in/email", json={**body, "password": "x" * 9})
        assert wrong.json()["code"] == "INVALID_EMAIL_OR_PASSWORD"
        first.patch(path, json={"disabled": False})
        again = eve.post("/api/auth/sign-in/email", json=body)
        assert again.status_code == HTTPStatus.OK


@pytest.mark.parametrize("change", [{"disabled": True}, {"isAdministrator": False}])
def test_an_administrator_cannot_lock_everybody_out(
    first: httpx.Client, change: dict[str, bool]
) -> None:
    mine = first.get("/api/auth/get-session").json()["user"]["id"]
    answer = first.patch(f"/api/admin/users/{mine}", json=change)
    assert answer.status_code == HTTPStatus.CONFLICT


def test_an_administrator_makes_and_unmakes_another(
    fresh: Backend, first: httpx.Client
) -> None:
    with fresh.person("Eve") as eve:
        mine = eve.get("/api/auth/get-session").json()["user"]["id"]
        path = f"/api/admin/users/{mine}"
        for is_one, status in ((True, HTTPStatus.OK), (False, HTTPStatus.FORBIDDEN)):
            first.patch(path, json={"isAdministrator": is_one})
            assert eve.get("/api/admin/users").status_code == status


def test_limits_are_seen_by_everybody_and_changed_by_administrators(
    fresh: Backend, first: httpx.Client
) -> None:
    path, wanted = "/api/admin/limits", {"maxRunUsd": 2.5, "runTokens": 9_000}
    assert first.patch(path, json=wanted).status_code == HTTPStatus.OK
    assert first.patch(path, json={"runTokens": None}).status_code == HTTPStatus.OK
    for unfit in ({"maxRunUsd": -1}, {"runTokens": 0}, {"dayUsd": "much"}):
        refused = first.patch(path, json=unfit)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with fresh.person("Eve") as eve:
        seen = eve.get("/api/limits").json()
        assert eve.patch(path, json=wanted).status_code == HTTPStatus.FORBIDDEN
    assert (seen["limits"]["maxRunUsd"], seen["limits"]["runTokens"]) == (2.5, None)
    assert seen["fixed"] == []


def test_the_environment_goes_before_the_page(
    postgres_server: PostgresServer,
) -> None:
    with (
        server_folder() as folder,
        backend_of(folder, postgres_server, SIGN_UP="closed") as closed,
        closed.person("First") as first,
    ):
        setting = first.get("/api/admin/sign-up").json()
        assert setting == {"signUp": "closed", "isFixed": True}
        refused = first.patch("/api/admin/sign-up", json={"signUp": "open"})
        assert refused.status_code == HTTPStatus.CONFLICT
        assert sign_up(closed, new_email()) == CLOSED
