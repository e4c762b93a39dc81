"""Every route, asked by its owner, by somebody else and by nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from litestar.routes import HTTPRoute

from api.bootstrap import application
from api.settings import Settings
from chassis.health import health_routes
from tests.support.backend import Backend

PROJECT_NOT_FOUND = (HTTPStatus.NOT_FOUND, "Project not found")
FILE_NOT_FOUND = (HTTPStatus.NOT_FOUND, "Project file not found")
UNAUTHORIZED = (HTTPStatus.UNAUTHORIZED, "Unauthorized")
NOTHING_OF_OTHERS = (HTTPStatus.OK, "[]")


@dataclass(frozen=True)
class Private:
    """A route behind a session: what others are told, and a body that fits."""

    to_others: tuple[HTTPStatus, str]
    body: dict[str, str] | None = None


PROJECT = "/api/projects/{project_id}"
FILES = "/api/project-files/{project_id}"
FILE = "/api/project-files/{project_id}/{file_id}"
PRIVATE = {
    ("GET", "/api/projects"): Private(NOTHING_OF_OTHERS),
    ("GET", PROJECT): Private(PROJECT_NOT_FOUND),
    ("PATCH", PROJECT): Private(PROJECT_NOT_FOUND, {"name": "Mine"}),
    ("GET", FILES): Private(NOTHING_OF_OTHERS),
    ("PUT", FILES): Private(FILE_NOT_FOUND, {"path": "a.txt", "content": "mine"}),
    ("GET", FILE): Private(FILE_NOT_FOUND),
    ("DELETE", PROJECT): Private(PROJECT_NOT_FOUND),
}
OF_ONESELF = {("POST", "/api/projects")}
"""Makes something of one's own: there is nothing of others to ask for."""
PUBLIC = {
    *(("GET", path) for path in ("/", "/{path}", "/assets/{path}", "/api/config")),
    *(("HEAD", path) for path in ("/", "/{path}", "/assets/{path}")),
    *(("GET", path) for path in ("/health", "/ready", "/metrics")),
    *(("POST", f"/api/auth/{what}/email") for what in ("sign-in", "sign-up")),
    ("POST", "/api/auth/sign-out"),
    ("GET", "/api/auth/get-session"),
}
REFUSING = {"/api", "/api/{_}", "/ws", "/ws/{_}", "/assets"}
"""Paths of ours at which there is nothing, whatever the method."""


def routes() -> set[tuple[str, str]]:
    """Return method and path of each route that the api has."""
    nothing = cast("Any", None)
    app = application(
        Settings(database_url="", nats_url=""),
        *(nothing, nothing, nothing),
        health_routes({}),
    )
    return {
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path_format not in REFUSING
        for method in route.methods
        if method != "OPTIONS"
    }


@dataclass(frozen=True)
class Cast:
    """The people of these tests, and what belongs to the first of them."""

    owner: httpx.Client
    other: httpx.Client
    nobody: httpx.Client
    project_id: str
    file_id: str

    def ask(self, who: httpx.Client, method: str, path: str) -> httpx.Response:
        """Ask for what is the owner's."""
        filled = path.format(project_id=self.project_id, file_id=self.file_id)
        return who.request(method, filled, json=PRIVATE[method, path].body)


@pytest.fixture
def people(backend: Backend) -> Iterator[Cast]:
    """Two people and a stranger, and a project with a file."""
    with backend.person() as owner, backend.person() as other:
        project = {"name": "Private", "description": "nobody else's"}
        project_id = owner.post("/api/projects", json=project).json()["id"]
        file = {"path": "secret.txt", "content": "theirs"}
        saved = owner.put(f"/api/project-files/{project_id}", json=file)
        with backend.client() as nobody:
            yield Cast(owner, other, nobody, project_id, saved.json()["id"])


def test_each_route_is_in_the_table() -> None:
    assert routes() == {*PRIVATE, *OF_ONESELF, *PUBLIC}


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_the_owner_is_answered(people: Cast, method: str, path: str) -> None:
    answer = people.ask(people.owner, method, path)
    assert answer.status_code == HTTPStatus.OK
    assert answer.json() or answer.json() == []


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_others_are_told_that_there_is_nothing(
    people: Cast, method: str, path: str
) -> None:
    answer = people.ask(people.other, method, path)
    assert (answer.status_code, answer.text) == PRIVATE[method, path].to_others


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_others_cannot_tell_a_foreign_project_from_none(
    people: Cast, method: str, path: str
) -> None:
    foreign = people.ask(people.other, method, path)
    nowhere = replace(people, project_id=str(uuid4()))
    none = nowhere.ask(people.other, method, path)
    assert (foreign.status_code, foreign.text) == (none.status_code, none.text)


@pytest.mark.parametrize(("method", "path"), {*PRIVATE, *OF_ONESELF})
def test_nobody_is_unauthorized(people: Cast, method: str, path: str) -> None:
    filled = path.format(project_id=people.project_id, file_id=people.file_id)
    answer = people.nobody.request(method, filled)
    assert (answer.status_code, answer.text) == UNAUTHORIZED


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_what_others_try_changes_nothing(people: Cast, method: str, path: str) -> None:
    people.ask(people.other, method, path)
    project = people.owner.get(f"/api/projects/{people.project_id}").json()
    files = people.owner.get(f"/api/project-files/{people.project_id}").json()
    assert project["name"] == "Private"
    assert [file["content"] for file in files] == ["theirs"]
