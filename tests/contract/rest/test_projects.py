"""REST of projects, request by request."""

from base64 import urlsafe_b64encode
from datetime import datetime
from http import HTTPStatus
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.backend import TODO, Backend

FIELDS = {
    *("id", "name", "description", "status", "previewUrl", "sandboxId", "userId"),
    *("createdAt", "updatedAt"),
}
NOBODYS = "6d2f6f44-2b4f-4b0e-9a52-0d8a4f3f0c11"


def created(who: httpx.Client, **changes: object) -> dict[str, str]:
    answer = who.post("/api/projects", json={**TODO, **changes})
    assert answer.status_code == HTTPStatus.OK, answer.text
    project: dict[str, str] = answer.json()
    return project


def test_a_new_project_is_answered_as_it_is(ada: httpx.Client) -> None:
    project = created(ada)
    user = ada.get("/api/auth/get-session").json()["user"]
    assert set(project) == FIELDS
    assert UUID(project["id"])
    assert project["userId"] == user["id"]
    assert project["status"] == "idle"
    assert project["previewUrl"] is None
    assert project["sandboxId"] is None
    assert datetime.fromisoformat(project["createdAt"]).tzinfo
    assert project["updatedAt"] == project["createdAt"]


def test_a_project_is_read_as_soon_as_it_was_written(ada: httpx.Client) -> None:
    for _ in range(20):
        project = created(ada)
        assert ada.get(f"/api/projects/{project['id']}").json() == project


def test_projects_are_listed_newest_first(ada: httpx.Client) -> None:
    names = ["one", "two", "three"]
    for name in names:
        created(ada, name=name)
    listed = ada.get("/api/projects").json()
    assert [project["name"] for project in listed] == names[::-1]


def test_whoever_has_no_project_gets_an_empty_array(ada: httpx.Client) -> None:
    assert ada.get("/api/projects").json() == []


@pytest.mark.parametrize(
    "change",
    [{"name": "New"}, {"description": "other"}, {"name": "N", "description": ""}],
)
def test_a_change_leaves_the_rest_as_it_was(
    ada: httpx.Client, change: dict[str, str]
) -> None:
    before = created(ada)
    after = ada.patch(f"/api/projects/{before['id']}", json=change).json()
    assert after == {**before, **change, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert ada.get(f"/api/projects/{before['id']}").json() == after


def test_a_change_of_nothing_answers_with_the_project(ada: httpx.Client) -> None:
    project = created(ada)
    assert ada.patch(f"/api/projects/{project['id']}", json={}).json() == project


def test_what_clients_may_not_set_is_ignored(ada: httpx.Client) -> None:
    project = created(ada, id=str(uuid4()), userId=str(uuid4()), status="complete")
    change = {"name": "New", "userId": str(uuid4()), "previewUrl": "http://x"}
    after = ada.patch(f"/api/projects/{project['id']}", json=change).json()
    user = ada.get("/api/auth/get-session").json()["user"]
    assert (after["userId"], after["status"]) == (user["id"], "idle")
    assert after["previewUrl"] is None


def test_a_deleted_project_is_gone(ada: httpx.Client) -> None:
    project = created(ada)
    path = f"/api/projects/{project['id']}"
    files = f"/api/project-files/{project['id']}"
    ada.put(files, json={"path": "a.txt", "content": ""})
    answer = ada.delete(path)
    assert (answer.status_code, answer.text) == (HTTPStatus.OK, "true")
    assert ada.get(path).status_code == HTTPStatus.NOT_FOUND
    assert ada.get("/api/projects").json() == []
    assert ada.get(files).json() == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "project_id", [NOBODYS, "1", "{0}", "..%2f..", "0" * 32, "a" * 300]
)
def test_what_is_no_project_is_not_found(
    ada: httpx.Client, method: str, project_id: str
) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    answer = ada.request(method, f"/api/projects/{project_id}", json=body)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.text in ("Project not found", "Not found")


def test_a_deleted_project_cannot_be_changed(ada: httpx.Client) -> None:
    path = f"/api/projects/{created(ada)['id']}"
    ada.delete(path)
    for answer in (ada.patch(path, json={"name": "x"}), ada.delete(path)):
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert answer.text == "Project not found"


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"name": "x"}, {"description": "x"}, [], None, "text", 3),
        *({"name": 1, "description": ""}, {"name": None, "description": ""}),
        {"name": "", "description": "nameless"},
        {"name": "x" * 201, "description": ""},
        {"name": "x", "description": "x" * 20_001},
        {"name": "a\0b", "description": ""},
        {"name": "x", "description": "a\0b"},
    ],
)
def test_a_body_that_does_not_fit_makes_no_project(
    ada: httpx.Client, body: object
) -> None:
    answer = ada.post("/api/projects", json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert ada.get("/api/projects").json() == []


@pytest.mark.parametrize("change", [{"name": None}, {"name": ""}, {"description": 1}])
def test_a_change_that_does_not_fit_changes_nothing(
    ada: httpx.Client, change: dict[str, object]
) -> None:
    project = created(ada)
    path = f"/api/projects/{project['id']}"
    answer = ada.patch(path, json=change)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert ada.get(path).json() == project


def test_text_of_any_script_comes_back_as_it_was(ada: httpx.Client) -> None:
    name, description = "Ärger 🎨 \u2028", '"\\ 漢字\n\t\x01'
    project = created(ada, name=name, description=description)
    assert (project["name"], project["description"]) == (name, description)


def test_the_same_key_twice_makes_one_project(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = ada.post("/api/projects", json=TODO, headers=key).json()
    second = ada.post("/api/projects", json=TODO, headers=key).json()
    assert first == second
    assert len(ada.get("/api/projects").json()) == 1


def test_the_same_key_of_two_people_makes_two_projects(backend: Backend) -> None:
    key = {"Idempotency-Key": "shared"}
    with backend.person() as one, backend.person() as two:
        first = one.post("/api/projects", json=TODO, headers=key).json()
        second = two.post("/api/projects", json=TODO, headers=key).json()
    assert first["id"] != second["id"]


def test_a_key_beyond_reason_is_refused(ada: httpx.Client) -> None:
    key = {"Idempotency-Key": "k" * 201}
    answer = ada.post("/api/projects", json=TODO, headers=key)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


# --- what is said of names, and lists in parts --------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " \t"}, "The name of a project must not be blank"),
        ({"name": "a\0"}, "The name of a project must not hold the character NUL"),
        (
            {"description": "\0"},
            "The description of a project must not hold the character NUL",
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_one_sentence(
    ada: httpx.Client, change: dict[str, str], sentence: str
) -> None:
    path = f"/api/projects/{created(ada)['id']}"
    for answer in (
        ada.post("/api/projects", json={**TODO, **change}),
        ada.patch(path, json=change),
    ):
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert answer.text == sentence


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == HTTPStatus.OK, answer.text
    return [project["name"] for project in answer.json()]


def test_pages_follow_each_other_by_their_links(ada: httpx.Client) -> None:
    for name in ("one", "two", "three", "four", "five"):
        created(ada, name=name)
    found: list[str] = []
    next_page: str | None = "/api/projects?limit=2"
    while next_page:
        answer = ada.get(next_page)
        assert answer.headers["x-total-count"] == "5"
        found += names(answer)
        next_page = answer.links.get("next", {}).get("url")
    assert found == ["five", "four", "three", "two", "one"]


@pytest.mark.parametrize(
    "sort", ["-created", "created", "-updated", "updated", "-name", "name"]
)
def test_pages_miss_and_repeat_nothing_that_stays_as_it_is(
    ada: httpx.Client, sort: str
) -> None:
    """Between two pages the last one shown goes, and others come at either end."""
    for name in ("b", "B", "c", "É", "d", "b"):
        created(ada, name=name)
    path = f"/api/projects?sort={sort}"
    whole = [one["id"] for one in ada.get(path).json()]
    found: list[str] = []
    next_page: str | None = f"{path}&limit=2"
    while next_page:
        answer = ada.get(next_page)
        found += [one["id"] for one in answer.json()]
        next_page = answer.links.get("next", {}).get("url")
        if len(found) < len(whole):
            ada.delete(f"/api/projects/{found[-1]}")
            for name in ("a", "z"):
                created(ada, name=name)
    assert [one for one in found if one in whole] == whole


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["alpha", "Beta", "gamma"]),
        ("-name", ["gamma", "Beta", "alpha"]),
        ("created", ["gamma", "alpha", "Beta"]),
        ("-updated", ["gamma", "Beta", "alpha"]),
    ],
)
def test_projects_come_in_the_order_that_is_asked_for(
    ada: httpx.Client, sort: str, expected: list[str]
) -> None:
    first, *_ = [created(ada, name=name) for name in ("gamma", "alpha", "Beta")]
    ada.patch(f"/api/projects/{first['id']}", json={"description": "touched"})
    assert names(ada.get("/api/projects", params={"sort": sort})) == expected


@pytest.mark.parametrize("words", ["GROCER", "with due", "%", "_"])
def test_a_search_finds_names_and_descriptions(ada: httpx.Client, words: str) -> None:
    created(ada, name="Groceries", description="things With Due dates, 100%_sure")
    created(ada, name="Other", description="nothing of that kind")
    found = ada.get("/api/projects", params={"search": words})
    assert names(found) == ["Groceries"]
    assert found.headers["x-total-count"] == "1"


def test_a_page_beyond_the_last_one_knows_how_many_there_are(ada: httpx.Client) -> None:
    created(ada)
    answer = ada.get("/api/projects", params={"limit": 5, "offset": 7})
    assert (answer.json(), answer.headers["x-total-count"]) == ([], "1")


def placed(at: str) -> str:
    """Return the query of a page after a place that nobody gave."""
    place = f'["{at}","a\\u0000","{UUID(int=1)}"]'
    return f"after={urlsafe_b64encode(place.encode()).decode().rstrip('=')}"


def test_a_place_of_ones_own_leads_somewhere(ada: httpx.Client) -> None:
    created(ada)
    for at, count in (("9999-12-31T23:59:59Z", 1), ("0001-01-01T00:00:00Z", 0)):
        assert len(ada.get(f"/api/projects?{placed(at)}").json()) == count


@pytest.mark.parametrize(
    "query",
    [
        *(placed("2026-01-01T12:00:00"), placed("0001-01-01T00:00:00+14:00")),
        *("limit=0", "limit=201", "limit=x", "offset=-1", "sort=colour", "search=%00"),
        "search=" + "x" * 201,
        *(
            "after=x",
            "after=%C3%A9",
            "after=WyIyMD",
            "after=e30",
            "after=" + "W" * 4001,
        ),
    ],
)
def test_a_list_that_nobody_can_make_is_refused(ada: httpx.Client, query: str) -> None:
    answer = ada.get(f"/api/projects?{query}")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.text.startswith("The parameter ")
