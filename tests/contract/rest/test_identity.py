"""Sessions, passwords, API tokens and socket tokens, as their person handles them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from contracts import codec, subjects
from contracts.requests import SessionAnswer, SessionRefused, SessionVerified
from eventcore.adapters.nats import NatsBus, open_bus
from tests.support.backend import PASSWORD, TODO, Backend

COOKIE = "better-auth.session_token"
OTHER_PASSWORD = "staple horse battery"  # noqa: S105 - of accounts that live for one run

_answers: msgspec.json.Decoder[SessionAnswer] = codec.decoder(SessionAnswer)


@pytest.fixture
def ada(backend: Backend) -> Iterator[httpx.Client]:
    with backend.person() as person:
        yield person


@pytest.fixture
def elsewhere(backend: Backend, ada: httpx.Client) -> Iterator[httpx.Client]:
    """The same person in another browser."""
    with backend.client() as http:
        http.post("/api/auth/sign-in/email", json=credentials(ada)).raise_for_status()
        yield http


def user(http: httpx.Client) -> Any:  # noqa: ANN401 - JSON
    return http.get("/api/auth/get-session").json()["user"]


def credentials(http: httpx.Client, password: str = PASSWORD) -> dict[str, str]:
    return {"email": user(http)["email"], "password": password}


def is_signed_in(http: httpx.Client) -> bool:
    return http.get("/api/auth/get-session").json() is not None


def test_a_person_sees_and_ends_a_session(
    ada: httpx.Client, elsewhere: httpx.Client
) -> None:
    newest, oldest = ada.get("/api/auth/list-sessions").json()
    answer = ada.post("/api/auth/revoke-session", json={"token": newest["token"]})
    assert answer.json() == {"status": True}
    assert (is_signed_in(ada), is_signed_in(elsewhere)) == (True, False)
    assert ada.get("/api/auth/list-sessions").json() == [oldest]


def test_what_is_listed_opens_nothing(ada: httpx.Client) -> None:
    session = ada.get("/api/auth/list-sessions").json()[0]
    assert session["token"] != ada.cookies[COOKIE]
    header = {"Authorization": f"Bearer {session['token']}", "Cookie": ""}
    assert ada.get("/api/projects", headers=header).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "00" * 32, "é", "0" * 10_000])
def test_ending_what_is_no_session_ends_nothing(ada: httpx.Client, token: str) -> None:
    answer = ada.post("/api/auth/revoke-session", json={"token": token})
    assert (answer.status_code, answer.json()) == (200, {"status": True})
    assert is_signed_in(ada)


def test_nobody_ends_the_session_of_another(
    backend: Backend, ada: httpx.Client
) -> None:
    token = ada.get("/api/auth/list-sessions").json()[0]["token"]
    with backend.person() as other:
        other.post("/api/auth/revoke-session", json={"token": token})
    assert is_signed_in(ada)


def test_all_other_sessions_end_at_once(
    ada: httpx.Client, elsewhere: httpx.Client
) -> None:
    ada.post("/api/auth/revoke-other-sessions")
    assert (is_signed_in(ada), is_signed_in(elsewhere)) == (True, False)


def test_signing_out_everywhere(ada: httpx.Client, elsewhere: httpx.Client) -> None:
    ada.post("/api/auth/revoke-sessions")
    assert (is_signed_in(ada), is_signed_in(elsewhere)) == (False, False)


def test_another_password_is_the_only_one_then(
    ada: httpx.Client, elsewhere: httpx.Client
) -> None:
    before, old = ada.cookies[COOKIE], credentials(ada)
    change = {
        "currentPassword": PASSWORD,
        "newPassword": OTHER_PASSWORD,
        "revokeOtherSessions": True,
    }
    answer = ada.post("/api/auth/change-password", json=change)
    assert answer.json()["token"]
    assert ada.cookies[COOKIE] != before
    assert (is_signed_in(ada), is_signed_in(elsewhere)) == (True, False)
    path = "/api/auth/sign-in/email"
    assert elsewhere.post(path, json=old).status_code == HTTPStatus.UNAUTHORIZED
    new = {**old, "password": OTHER_PASSWORD}
    assert elsewhere.post(path, json=new).status_code == HTTPStatus.OK


def made(http: httpx.Client, **changes: object) -> Any:  # noqa: ANN401 - JSON
    body = {"name": "CI", "scopes": ["projects:read"], **changes}
    answer = http.post("/api/tokens", json=body)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.json()


def test_a_token_works_until_it_is_revoked(backend: Backend, ada: httpx.Client) -> None:
    token = made(ada)
    assert token["token"].startswith("atl_")
    with backend.client(Authorization=f"Bearer {token['token']}") as program:
        assert program.get("/api/projects").json() == []
        assert ada.get("/api/tokens").json()[0]["lastUsedAt"]
        assert ada.delete(f"/api/tokens/{token['id']}").json() is True
        assert program.get("/api/projects").status_code == HTTPStatus.UNAUTHORIZED


def test_a_token_is_shown_once(ada: httpx.Client) -> None:
    token = made(ada)
    listed = ada.get("/api/tokens")
    assert [one["id"] for one in listed.json()] == [token["id"]]
    assert token["token"] not in listed.text


def test_a_token_ends_when_it_should(backend: Backend, ada: httpx.Client) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    token = made(ada, expiresAt=soon.isoformat())["token"]
    with backend.client(Authorization=f"Bearer {token}") as program:
        assert program.get("/api/projects").status_code == HTTPStatus.OK
        while datetime.now(UTC) < soon:
            program.get("/api/config")
        assert program.get("/api/projects").status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "changes",
    [
        *({"name": ""}, {"name": "x" * 101}, {"scopes": []}, {"scopes": ["all"]}),
        *(
            {"scopes": None},
            {"expiresAt": "soon"},
            {"expiresInDays": 7},
            {"expiresAt": "2030-01-01T00:00:00"},
        ),
        {"expiresAt": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_token_that_does_not_fit_is_not_made(
    ada: httpx.Client, changes: dict[str, object]
) -> None:
    body = {"name": "CI", "scopes": ["projects:read"], **changes}
    answer = ada.post("/api/tokens", json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert ada.get("/api/tokens").json() == []


def test_the_same_key_makes_one_token_and_shows_it_again(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    body = {"name": "CI", "scopes": ["projects:read"]}
    first = ada.post("/api/tokens", json=body, headers=key)
    again = ada.post("/api/tokens", json=body, headers=key)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(ada.get("/api/tokens").json()) == 1


def test_a_key_opens_nothing_for_others(backend: Backend, ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "shared"}
    body = {"name": "CI", "scopes": ["projects:read"]}
    ada.post("/api/tokens", json=body, headers=key)
    with backend.person() as other, backend.client() as nobody:
        theirs = other.post("/api/tokens", json=body, headers=key)
        nobodys = nobody.post("/api/tokens", json=body, headers=key)
    assert "idempotency-replayed" not in theirs.headers
    assert nobodys.status_code == HTTPStatus.UNAUTHORIZED


def test_what_failed_under_a_key_may_be_tried_again(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    missing = f"/api/projects/{uuid4()}/socket-token"
    for _ in range(2):
        answer = ada.post(missing, headers=key)
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert "idempotency-replayed" not in answer.headers


def test_a_sign_up_that_is_sent_twice_is_one(backend: Backend) -> None:
    email = f"{uuid4().hex}@example.org"
    body = {"name": "Ada", "email": email, "password": PASSWORD}
    key = {"Idempotency-Key": uuid4().hex}
    path = "/api/auth/sign-up/email"
    with backend.client() as one, backend.client() as two:
        first = one.post(path, json=body, headers=key)
        again = two.post(path, json=body, headers=key)
        assert (again.status_code, again.json()) == (200, first.json())
        assert is_signed_in(two)


async def verified(bus: NatsBus, **asked: object) -> SessionAnswer:
    body = codec.encode(asked)
    subject = subjects.AUTH_VERIFY_SOCKET
    answer = await bus.request(subject, body, timeout_s=10, traceparent=None)
    return _answers.decode(answer)


async def test_a_socket_token_is_for_one_project_and_ends_with_its_session(
    backend: Backend, ada: httpx.Client
) -> None:
    answer = await asyncio.to_thread(ada.post, "/api/projects", json=TODO)
    project = answer.json()["id"]
    path = f"/api/projects/{project}/socket-token"
    token = (await asyncio.to_thread(ada.post, path)).json()["token"]
    me, good = user(ada)["id"], {"token": token, "project_id": project}
    async with open_bus(backend.nats.url) as bus:
        verdict = await verified(bus, **good)
        assert isinstance(verdict, SessionVerified)
        assert str(verdict.user_id) == me
        for bad in (
            {**good, "project_id": str(uuid4())},
            {**good, "token": token[:-2] + ("AA" if token[-2:] != "AA" else "BB")},
            {**good, "token": "v1.e30.x"},
            {**good, "token": ""},
            {"project_id": project},
        ):
            assert await verified(bus, **bad) == SessionRefused()
        await asyncio.to_thread(ada.post, "/api/auth/sign-out")
        assert await verified(bus, **good, opened=True) == SessionRefused()


async def test_everybody_hears_that_sessions_have_ended(
    backend: Backend, ada: httpx.Client, elsewhere: httpx.Client
) -> None:
    heard: list[str] = []
    me = user(ada)["id"]
    token = made(ada)
    async with open_bus(backend.nats.url) as bus:
        await bus.listen(f"auth.ended.{me}", lambda subject, *_: heard.append(subject))
        await asyncio.to_thread(ada.post, "/api/auth/revoke-other-sessions")
        await asyncio.to_thread(ada.delete, f"/api/tokens/{token['id']}")
        await asyncio.to_thread(ada.post, "/api/auth/sign-out")
        await bus.check(5)
        await bus.check(5)
    assert elsewhere
    assert len(heard) == 3
