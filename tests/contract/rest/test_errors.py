"""Everything that may go wrong is a status and one plain sentence."""

import asyncio
import json
from http import HTTPStatus
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.backend import TODO, Backend

JSON = {"Content-Type": "application/json"}
MAX_SENTENCE_CHARS = 300


def assert_sentence(answer: httpx.Response, status: HTTPStatus) -> None:
    """Check that the answer has *status* and says why in plain words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert 0 < len(answer.text) <= MAX_SENTENCE_CHARS
    for word in ("Traceback", "litestar", "asyncpg", "{", "<"):
        assert word not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/api"), ("GET", "/api/nothing"), ("POST", "/api/projects/a/b")),
        *(("DELETE", "/api/nothing"), ("GET", "/ws"), ("GET", "/ws/some-project")),
        *(("GET", "/assets"), ("GET", "/assets/no.js"), ("GET", "/api/auth/nothing")),
        *(("GET", "/api/project-files"), ("GET", "/assets/%2e%2e/settings.py")),
    ],
)
def test_what_is_not_there_is_404(backend: Backend, method: str, path: str) -> None:
    with backend.client() as nobody:
        assert_sentence(nobody.request(method, path), HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/projects", {"GET", "POST"}),
        ("POST", "/api/projects/some-id", {"GET", "PATCH", "DELETE"}),
        ("DELETE", "/api/project-files/some-id", {"GET", "PUT"}),
        ("GET", "/api/auth/sign-out", {"POST"}),
        ("POST", "/api/config", {"GET"}),
        ("DELETE", "/", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_405_and_the_right_ones_are_named(
    backend: Backend, method: str, path: str, allowed: set[str]
) -> None:
    with backend.client() as nobody:
        answer = nobody.request(method, path)
    assert_sentence(answer, HTTPStatus.METHOD_NOT_ALLOWED)
    assert set(answer.headers["allow"].split(", ")) - {"OPTIONS"} == allowed


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"not json", b'{"name": "x"', b"\xff\xfe", b"\0"),
        b'{"name": "\xff", "description": ""}',
        b'{"name": "\\ud800", "description": ""}',
        b'{"name": "x", "description": "", "more": ' + b"[" * 9000 + b"]" * 9000 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_422(ada: httpx.Client, body: bytes) -> None:
    answer = ada.post("/api/projects", content=body, headers=JSON)
    assert_sentence(answer, HTTPStatus.UNPROCESSABLE_ENTITY)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""],
)
def test_json_must_say_that_it_is(ada: httpx.Client, content_type: str) -> None:
    body = json.dumps(TODO).encode()
    headers = {"Content-Type": content_type}
    answer = ada.post("/api/projects", content=body, headers=headers)
    assert_sentence(answer, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert ada.get("/api/projects").json() == []


def test_json_may_name_its_charset(ada: httpx.Client) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    body = json.dumps(TODO).encode()
    answer = ada.post("/api/projects", content=body, headers=headers)
    assert answer.status_code == HTTPStatus.OK


def test_a_large_body_is_413(ada: httpx.Client) -> None:
    body = {"name": "x", "description": "", "more": "x" * 300_000}
    answer = ada.post("/api/projects", json=body)
    assert_sentence(answer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def test_a_large_body_that_does_not_say_so_is_413(ada: httpx.Client) -> None:
    chunks = (b" " * 10_000 for _ in range(30))
    answer = ada.post("/api/projects", content=chunks, headers=JSON)
    assert_sentence(answer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@pytest.mark.parametrize(
    "credential",
    [
        {"Authorization": "Bearer no-such-token"},
        {"Authorization": "Basic YWRhOnNlY3JldA=="},
        {"Cookie": "better-auth.session_token=no-such-token"},
        {"Cookie": "better-auth.session_token="},
        {"Cookie": "__Secure-better-auth.session_token=other-name"},
        {"Authorization": "Bearer " + "x" * 5000},
    ],
)
def test_no_valid_session_is_401(backend: Backend, credential: dict[str, str]) -> None:
    with backend.client() as nobody:
        answer = nobody.get("/api/projects", headers=credential)
    assert_sentence(answer, HTTPStatus.UNAUTHORIZED)
    assert answer.text == "Unauthorized"


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://app.preview.localhost:3000"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_site_cannot_act_with_the_cookie(
    ada: httpx.Client, method: str, headers: dict[str, str]
) -> None:
    project_id = ada.post("/api/projects", json=TODO).json()["id"]
    path = {
        "POST": "/api/projects",
        "PUT": f"/api/project-files/{project_id}",
    }.get(method, f"/api/projects/{project_id}")
    answer = ada.request(method, path, headers=headers)
    assert_sentence(answer, HTTPStatus.FORBIDDEN)
    assert len(ada.get("/api/projects").json()) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_page_and_programs_act_with_the_cookie(
    ada: httpx.Client, headers: dict[str, str]
) -> None:
    answer = ada.post("/api/projects", json=TODO, headers=headers)
    assert answer.status_code == HTTPStatus.OK


def test_a_bearer_acts_from_anywhere(backend: Backend, ada: httpx.Client) -> None:
    token = ada.cookies["better-auth.session_token"]
    with backend.client(Authorization=f"Bearer {token}") as program:
        answer = program.post(
            "/api/projects", json=TODO, headers={"Origin": "http://evil.example"}
        )
    assert answer.status_code == HTTPStatus.OK


def test_without_an_agent_it_is_503_and_the_same_request_works_later(
    backend: Backend, ada: httpx.Client
) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    backend.agent.kill()
    try:
        refused = ada.post("/api/projects", json=TODO, headers=key)
        read = ada.get("/api/projects")
    finally:
        backend.agent.start()
    assert_sentence(refused, HTTPStatus.SERVICE_UNAVAILABLE)
    assert int(refused.headers["retry-after"]) > 0
    assert read.status_code == HTTPStatus.OK
    accepted = ada.post("/api/projects", json=TODO, headers=key)
    assert accepted.status_code == HTTPStatus.OK


def test_a_bug_is_500_and_tells_nothing(backend: Backend, ada: httpx.Client) -> None:
    _execute(backend.dsn, "ALTER TABLE views.project RENAME TO hidden")
    try:
        answer = ada.get("/api/projects")
    finally:
        _execute(backend.dsn, "ALTER TABLE views.hidden RENAME TO project")
    assert_sentence(answer, HTTPStatus.INTERNAL_SERVER_ERROR)
    assert "views" not in answer.text
    assert ada.get("/api/projects").status_code == HTTPStatus.OK


def _execute(dsn: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


@pytest.mark.parametrize(
    "path", ["/api/projects", "/api/nothing", "/api/auth/get-session", "/health", "/"]
)
def test_every_answer_has_an_id_and_what_browsers_should_obey(
    backend: Backend, path: str
) -> None:
    with backend.client() as nobody:
        headers = nobody.get(path).headers
    assert headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_what_the_api_answers_is_kept_by_no_cache(ada: httpx.Client) -> None:
    for path in ("/api/projects", "/api/auth/get-session", "/api/config"):
        assert ada.get(path).headers["cache-control"] == "no-store"


def test_requests_are_counted_by_route_and_not_by_path(ada: httpx.Client) -> None:
    ada.get(f"/api/projects/{uuid4()}")
    text = ada.get("/metrics").text
    assert 'route="/api/projects/{project_id}",status="404"' in text
