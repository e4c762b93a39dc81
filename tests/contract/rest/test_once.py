"""The Idempotency-Key: for whom an answer is kept, and that it is the same one."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from uuid import uuid4

import pytest

from api.domain.scope import Needs
from tests.contract.rest.routes import NEEDS, Route
from tests.support.backend import PASSWORD, TODO, Backend, partial

TOKEN = {"name": "CI", "scopes": ["projects:write"]}
LARGE = 300 * 1024
KEYED = sorted(
    route
    for route, needs in NEEDS.items()
    if route[0] in ("POST", "PUT", "PATCH") and needs is not Needs.NOTHING
)


def filled(path: str) -> str:
    """Return a path with something in the place of each parameter."""
    return path.replace("{", "").replace("}", "")


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


def test_a_session_that_has_ended_is_given_no_answer_again(backend: Backend) -> None:
    with backend.person() as ada:
        cookies = dict(ada.cookies)
        once = key()
        first = ada.post("/api/tokens", json=TOKEN, headers=once)
        ada.post("/api/auth/sign-out")
    with backend.client() as thief:
        thief.cookies.update(cookies)
        again = thief.post("/api/tokens", json=TOKEN, headers=once)
    assert first.status_code == HTTPStatus.OK
    assert (again.status_code, again.text) == (401, "Unauthorized")


def test_a_token_that_was_revoked_is_given_no_answer_again(backend: Backend) -> None:
    with backend.person() as ada:
        token = ada.post("/api/tokens", json=TOKEN).json()
        with backend.client(Authorization=f"Bearer {token['token']}") as program:
            once = key()
            first = program.post("/api/projects", json=TODO, headers=once)
            same = program.post("/api/projects", json=TODO, headers=once)
            ada.delete(f"/api/tokens/{token['id']}")
            again = program.post("/api/projects", json=TODO, headers=once)
    assert same.headers["idempotency-replayed"] == "true"
    assert same.json() == first.json()
    assert (again.status_code, again.text) == (401, "Unauthorized")


def test_a_large_answer_is_given_again_as_it_was(backend: Backend) -> None:
    with backend.person() as ada:
        project = ada.post("/api/projects", json=TODO).json()["id"]
        path, once = f"/api/project-files/{project}", key()
        body = {"path": "a.txt", "content": secrets.token_hex(LARGE)}
        first = ada.put(path, json=body, headers=once)
        ada.put(path, json={"path": "a.txt", "content": "newer"})
        again = ada.put(path, json=body, headers=once)
        now = ada.get(path).json()
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotency-replayed"] == "true"
    assert [file["content"] for file in now] == ["newer"]


def test_a_key_is_that_of_one_request(backend: Backend) -> None:
    with backend.person() as ada, backend.person() as eve:
        once = key()
        first = ada.post("/api/projects", json=TODO, headers=once)
        other = ada.post("/api/projects", json={**TODO, "name": "B"}, headers=once)
        again = ada.post("/api/projects", json=TODO, headers=once)
        theirs = eve.post("/api/projects", json={**TODO, "name": "C"}, headers=once)
        path = f"/api/projects/{first.json()['id']}"
        elsewhere = ada.patch(path, json={"name": "D"}, headers=once)
        assert len(ada.get("/api/projects").json()) == 1
    assert other.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert other.text == "This Idempotency-Key is that of another request"
    assert again.json() == first.json()
    assert theirs.status_code == elsewhere.status_code == HTTPStatus.OK


def test_a_key_is_free_again_when_its_request_came_to_nothing(backend: Backend) -> None:
    with backend.person() as ada:
        once = key()
        bad = ada.post("/api/projects", json={**TODO, "name": " "}, headers=once)
        good = ada.post("/api/projects", json=TODO, headers=once)
    assert [bad.status_code, good.status_code] == [422, 200]


@pytest.mark.parametrize("route", KEYED)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer atl_forged"}])
def test_nobody_is_refused_before_the_body_is_read(
    backend: Backend, route: Route, headers: dict[str, str]
) -> None:
    method, path = route
    with partial(backend, method, filled(path), {**headers, **key()}) as upload:
        assert upload.status() == HTTPStatus.UNAUTHORIZED


def test_without_a_key_too_nobodys_body_is_not_read(backend: Backend) -> None:
    for method, path in KEYED:
        with partial(backend, method, filled(path), {}) as upload:
            assert upload.status() == HTTPStatus.UNAUTHORIZED, path


def test_another_site_is_given_no_answer_again(backend: Backend) -> None:
    with backend.person() as ada:
        once = key()
        ada.post("/api/projects", json=TODO, headers=once)
        foreign = {**once, "Origin": "http://evil.example"}
        again = ada.post("/api/projects", json=TODO, headers=foreign)
    assert again.status_code == HTTPStatus.FORBIDDEN


def test_signing_in_again_never_gives_a_session_that_is_over(backend: Backend) -> None:
    path, once = "/api/auth/sign-in/email", key()
    with backend.person() as ada, backend.client() as again, backend.client() as later:
        user = ada.get("/api/auth/get-session").json()["user"]
        body = {"email": user["email"], "password": PASSWORD}
        with backend.client() as first:
            first.post(path, json=body, headers=once)
            same = again.post(path, json=body, headers=once)
            assert dict(first.cookies) == dict(again.cookies)
            first.post("/api/auth/sign-out")
        anew = later.post(path, json=body, headers=once)
        assert later.get("/api/auth/get-session").json()["user"] == user
    assert same.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in anew.headers


def test_of_many_at_the_same_time_one_acts(backend: Backend) -> None:
    once = key()
    with backend.person() as ada, ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(ada.post, "/api/tokens", json=TOKEN, headers=once)
            for _ in range(8)
        ]
        answers = [one.result() for one in asked]
        made = ada.get("/api/tokens").json()
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({one.text for one in answers if one.status_code == HTTPStatus.OK}) == 1
    assert len(made) == 1


def test_what_is_refused_in_codes_is_refused_so_with_a_key(backend: Backend) -> None:
    body = {"newPassword": "x" * 9, "currentPassword": "y" * 9}
    with backend.client() as nobody:
        refused = nobody.post("/api/auth/change-password", json=body, headers=key())
    assert refused.json()["code"] == "UNAUTHORIZED"
