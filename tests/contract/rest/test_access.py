"""Every route, asked by its owner, by somebody else, by nobody and by programs.

What a route needs is said where it is made; here is what others are told, and a body
that fits. A route that is not in the tables fails the first test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.domain.scope import Needs, Scope
from tests.contract.rest.routes import (
    HOOK,
    NEEDS,
    Route,
)
from tests.support.backend import PASSWORD, Backend

PROJECT_NOT_FOUND = (HTTPStatus.NOT_FOUND, "Project not found")
FILE_NOT_FOUND = (HTTPStatus.NOT_FOUND, "Project file not found")
WEBHOOK_NOT_FOUND = (HTTPStatus.NOT_FOUND, "Webhook not found")
DELIVERY_NOT_FOUND = (HTTPStatus.NOT_FOUND, "Delivery not found")
NOTHING_OF_OTHERS = (HTTPStatus.OK, "[]")


@dataclass(frozen=True)
class Private:
    """A route about something of somebody: what others are told, and a body."""

    to_others: tuple[HTTPStatus, str]
    body: dict[str, Any] | None = None
    query: str = ""
    zipped: bytes | None = None
    """Another body than JSON."""


PROJECT = "/api/projects/{project_id}"
FILES = "/api/project-files/{project_id}"
FILE = "/api/project-files/{project_id}/{file_id}"
WEBHOOKS = f"{PROJECT}/webhooks"
WEBHOOK = f"{WEBHOOKS}/{{webhook_id}}"
GRANT = f"{PROJECT}/grants/{{service}}"
VARIABLE = f"{PROJECT}/variables/{{variable}}"
TOKEN = "/api/tokens/{token_id}"  # noqa: S105 - a path
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
REPOSITORY = {"url": "https://example.org/mine.git"}

PRIVATE: dict[Route, Private] = {
    ("GET", "/api/projects"): Private(NOTHING_OF_OTHERS),
    ("GET", PROJECT): Private(PROJECT_NOT_FOUND),
    ("PATCH", PROJECT): Private(PROJECT_NOT_FOUND, {"name": "Private"}),
    ("GET", FILES): Private(NOTHING_OF_OTHERS),
    ("PUT", FILES): Private(FILE_NOT_FOUND, {"path": "a.txt", "content": "mine"}),
    ("GET", FILE): Private(FILE_NOT_FOUND),
    ("GET", f"{PROJECT}/settings"): Private(PROJECT_NOT_FOUND),
    ("PATCH", f"{PROJECT}/settings"): Private(
        PROJECT_NOT_FOUND, {"lockedPaths": ["secret.txt"]}
    ),
    ("GET", f"{PROJECT}/variables"): Private(PROJECT_NOT_FOUND),
    ("PUT", VARIABLE): Private(PROJECT_NOT_FOUND, {"value": "hush"}),
    ("DELETE", VARIABLE): Private((HTTPStatus.NOT_FOUND, "Variable not found")),
    ("GET", f"{PROJECT}/export/zip"): Private(PROJECT_NOT_FOUND),
    ("GET", f"{PROJECT}/export/git"): Private(PROJECT_NOT_FOUND),
    ("PUT", f"{PROJECT}/assets"): Private(PROJECT_NOT_FOUND, query="?path=a.txt"),
    ("POST", f"{PROJECT}/import/zip"): Private(PROJECT_NOT_FOUND, zipped=EMPTY_ZIP),
    ("GET", f"{PROJECT}/usage"): Private(PROJECT_NOT_FOUND),
    ("DELETE", FILE): Private(FILE_NOT_FOUND),
    ("GET", f"{PROJECT}/events"): Private(PROJECT_NOT_FOUND),
    ("POST", f"{PROJECT}/socket-token"): Private(PROJECT_NOT_FOUND),
    ("GET", WEBHOOKS): Private(PROJECT_NOT_FOUND),
    ("POST", WEBHOOKS): Private(PROJECT_NOT_FOUND, HOOK),
    ("PATCH", WEBHOOK): Private(WEBHOOK_NOT_FOUND, {"enabled": True}),
    ("GET", f"{WEBHOOK}/deliveries"): Private(WEBHOOK_NOT_FOUND),
    ("DELETE", WEBHOOK): Private(WEBHOOK_NOT_FOUND),
    ("GET", f"{PROJECT}/grants"): Private(PROJECT_NOT_FOUND),
    ("PUT", GRANT): Private(PROJECT_NOT_FOUND, {"access": "read"}),
    ("DELETE", GRANT): Private(PROJECT_NOT_FOUND),
    ("GET", f"{PROJECT}/opening"): Private(PROJECT_NOT_FOUND),
    ("GET", "/api/tokens"): Private(NOTHING_OF_OTHERS),
    ("DELETE", TOKEN): Private((HTTPStatus.NOT_FOUND, "Token not found")),
    ("DELETE", PROJECT): Private(PROJECT_NOT_FOUND),
}
"""In an order in which the owner can ask for all of them."""
ELSEWHERE: dict[Route, Private] = {
    ("POST", f"{WEBHOOK}/deliveries/{{delivery_id}}"): Private(DELIVERY_NOT_FOUND),
    ("POST", f"{PROJECT}/import/git"): Private(PROJECT_NOT_FOUND, REPOSITORY),
    ("GET", f"{PROJECT}/screenshot"): Private(PROJECT_NOT_FOUND),
}
"""There has to be a delivery first, a repository, an app: `test_rest_webhooks`,
`test_rest_import` and `test_rest_screenshots` ask as the owner."""
OF_ONESELF: set[Route] = {
    ("GET", "/api/models"),
    ("GET", "/api/limits"),
    ("GET", "/api/usage"),
    ("POST", "/api/projects"),
    ("POST", "/api/tokens"),
    ("GET", "/api/auth/list-sessions"),
    ("POST", "/api/auth/revoke-session"),
    ("POST", "/api/auth/revoke-sessions"),
    ("POST", "/api/auth/revoke-other-sessions"),
    ("POST", "/api/auth/change-password"),
    ("POST", "/api/auth/link-social"),
}
"""About oneself alone: there is nothing of others to ask for."""
ADMINISTRATION: set[Route] = {
    ("GET", "/api/admin/users"),
    ("PATCH", "/api/admin/users/{user_id}"),
    ("GET", "/api/admin/sign-up"),
    ("PATCH", "/api/admin/sign-up"),
    ("PATCH", "/api/admin/limits"),
    ("GET", "/api/admin/invitations"),
    ("POST", "/api/admin/invitations"),
    ("DELETE", "/api/admin/invitations/{invitation_id}"),
}
PUBLIC: set[Route] = {
    *(("GET", path) for path in ("/", "/{path}", "/assets/{path}", "/api/config")),
    *(("HEAD", path) for path in ("/", "/{path}", "/assets/{path}")),
    *(("GET", path) for path in ("/health", "/ready", "/metrics")),
    *(("GET", f"/api/docs{path}") for path in ("", "/docs.js", "/docs.css")),
    ("GET", "/api/openapi.json"),
    *(("POST", f"/api/auth/{what}/email") for what in ("sign-in", "sign-up")),
    ("POST", "/api/auth/sign-in/social"),
    ("GET", "/api/auth/callback/oidc"),
    ("POST", "/api/auth/sign-out"),
    ("GET", "/api/auth/get-session"),
}


GUARDED = sorted(route for route, needs in NEEDS.items() if needs is not Needs.NOTHING)
SAFE = ("GET", "HEAD")
OF_PROJECTS = [*PRIVATE, *ELSEWHERE]
WRITING = sorted(route for route in GUARDED if NEEDS[route] is Needs.WRITE)
FOR_PEOPLE = sorted(
    route for route in GUARDED if NEEDS[route] in (Needs.SESSION, Needs.ADMINISTRATOR)
)


@dataclass(frozen=True)
class Cast:
    """The people of these tests, and what belongs to the first of them."""

    owner: httpx.Client
    other: httpx.Client
    nobody: httpx.Client
    ids: dict[str, str]

    def ask(self, who: httpx.Client, route: Route) -> httpx.Response:
        """Ask for what is the owner's."""
        method, path = route
        known = {**PRIVATE, **ELSEWHERE}.get(route, Private(NOTHING_OF_OTHERS, {}))
        url = path.format(**self.ids) + known.query
        if known.zipped is None:
            return who.request(method, url, json=known.body)
        kind = {"content-type": "application/zip"}
        return who.request(method, url, content=known.zipped, headers=kind)


def others_answer(route: Route) -> tuple[HTTPStatus, str]:
    return {**PRIVATE, **ELSEWHERE}[route].to_others


@contextmanager
def cast_of(backend: Backend) -> Iterator[Cast]:
    """Lend two people and a stranger, and a project with all that one can have."""
    with backend.person() as owner, backend.person() as other:
        project = {"name": "Private", "description": "nobody else's"}
        project_id = owner.post("/api/projects", json=project).json()["id"]
        file = {"path": "secret.txt", "content": "theirs"}
        saved = owner.put(f"/api/project-files/{project_id}", json=file)
        hooks = f"/api/projects/{project_id}/webhooks"
        token = {"name": "CI", "scopes": ["projects:read"]}
        ids = {
            "project_id": project_id,
            "file_id": saved.json()["id"],
            "webhook_id": owner.post(hooks, json=HOOK).json()["id"],
            "token_id": owner.post("/api/tokens", json=token).json()["id"],
            **dict.fromkeys(("delivery_id", "user_id", "invitation_id"), str(uuid4())),
            "service": "integration",
            "variable": "API_KEY",
        }
        with backend.client() as nobody:
            yield Cast(owner, other, nobody, ids)


@pytest.fixture
def people(backend: Backend) -> Iterator[Cast]:
    """People of whom the first does something."""
    with cast_of(backend) as cast:
        yield cast


@pytest.fixture(scope="module")
def strangers(backend: Backend) -> Iterator[Cast]:
    """Those of all tests in which only others try something, and nothing changes."""
    with cast_of(backend) as cast:
        yield cast


def program(backend: Backend, owner: httpx.Client, *scopes: Scope) -> httpx.Client:
    """Return somebody's program, with a token of these scopes."""
    body = {"name": "a program", "scopes": scopes}
    token = owner.post("/api/tokens", json=body).json()["token"]
    return backend.client(Authorization=f"Bearer {token}")


def test_each_route_is_in_a_table() -> None:
    tables = {*OF_PROJECTS, *OF_ONESELF, *ADMINISTRATION, *PUBLIC}
    assert set(NEEDS) == tables


def test_the_tables_agree_with_what_the_routes_say_that_they_need() -> None:
    administration = {one for one in NEEDS if NEEDS[one] is Needs.ADMINISTRATOR}
    public = {one for one in NEEDS if NEEDS[one] is Needs.NOTHING}
    assert (administration, public) == (ADMINISTRATION, PUBLIC)


def test_the_owner_is_answered(people: Cast) -> None:
    answers = {route: people.ask(people.owner, route) for route in PRIVATE}
    refused = {
        route: answer.text
        for route, answer in answers.items()
        if answer.status_code != HTTPStatus.OK
    }
    assert refused == {}


@pytest.mark.parametrize("route", OF_PROJECTS)
def test_others_are_told_that_there_is_nothing(strangers: Cast, route: Route) -> None:
    answer = strangers.ask(strangers.other, route)
    assert (answer.status_code, answer.text) == others_answer(route)


@pytest.mark.parametrize("route", OF_PROJECTS)
def test_others_cannot_tell_a_foreign_project_from_none(
    strangers: Cast, route: Route
) -> None:
    foreign = strangers.ask(strangers.other, route)
    nowhere = replace(strangers, ids={**strangers.ids, "project_id": str(uuid4())})
    none = nowhere.ask(strangers.other, route)
    assert (foreign.status_code, foreign.text) == (none.status_code, none.text)


@pytest.mark.parametrize("route", GUARDED)
def test_nobody_is_unauthorized(strangers: Cast, route: Route) -> None:
    answer = strangers.ask(strangers.nobody, route)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "nauthorized" in answer.text


def test_the_same_again_under_a_key_gets_the_same_answer(people: Cast) -> None:
    for route in [one for one in PRIVATE if one[0] in ("POST", "PUT", "PATCH")]:
        people.owner.headers["idempotency-key"] = uuid4().hex
        first, again = (people.ask(people.owner, route) for _ in range(2))
        assert (again.status_code, again.content) == (200, first.content), route
        assert again.headers["idempotency-replayed"] == "true", route


def test_another_site_does_nothing_with_the_cookie(people: Cast) -> None:
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    people.owner.headers.update(elsewhere)
    for route in [one for one in GUARDED if one[0] not in SAFE]:
        answer = people.ask(people.owner, route)
        assert answer.status_code == HTTPStatus.FORBIDDEN, route
    for name in elsewhere:
        del people.owner.headers[name]
    mine = people.owner.get(f"/api/projects/{people.ids['project_id']}").json()
    assert mine["name"] == "Private"


@pytest.mark.parametrize("route", sorted(ADMINISTRATION))
def test_administration_is_not_for_others(strangers: Cast, route: Route) -> None:
    answer = strangers.ask(strangers.other, route)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.text == "Only administrators may do this"


def test_a_program_that_reads_cannot_write(backend: Backend, people: Cast) -> None:
    with program(backend, people.owner, Scope.PROJECTS_READ) as reader:
        for route in WRITING:
            answer = people.ask(reader, route)
            assert answer.status_code == HTTPStatus.FORBIDDEN, route
            assert answer.text == "This token does not have the scope projects:write"


def test_a_program_does_nothing_that_only_people_do(
    backend: Backend, people: Cast
) -> None:
    with program(backend, people.owner, *Scope) as mighty:
        for route in FOR_PEOPLE:
            answer = people.ask(mighty, route)
            assert answer.status_code == HTTPStatus.FORBIDDEN, route
            assert "API tokens may not do this" in answer.text


def test_a_program_with_the_scopes_does_what_its_owner_does(
    backend: Backend, people: Cast
) -> None:
    with program(backend, people.owner, Scope.PROJECTS_WRITE) as mighty:
        for route in PRIVATE:
            is_for_programs = NEEDS[route] in (Needs.READ, Needs.WRITE)
            expected = HTTPStatus.OK if is_for_programs else HTTPStatus.FORBIDDEN
            assert people.ask(mighty, route).status_code == expected, route


@pytest.mark.parametrize("route", OF_PROJECTS)
def test_what_others_try_changes_nothing(strangers: Cast, route: Route) -> None:
    strangers.ask(strangers.other, route)
    base = f"/api/projects/{strangers.ids['project_id']}"
    files = strangers.owner.get(
        f"/api/project-files/{strangers.ids['project_id']}"
    ).json()
    hooks = strangers.owner.get(f"{base}/webhooks").json()
    assert strangers.owner.get(base).json()["name"] == "Private"
    assert [file["content"] for file in files] == ["theirs"]
    assert [hook["url"] for hook in hooks] == [HOOK["url"]]
    assert strangers.owner.get(f"{base}/grants").json() == []


def test_the_password_is_asked_for_again_before_it_is_changed(people: Cast) -> None:
    body = {"currentPassword": "not it", "newPassword": PASSWORD}
    answer = people.owner.post("/api/auth/change-password", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_PASSWORD")
