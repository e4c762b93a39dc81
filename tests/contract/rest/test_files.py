"""REST of project files, request by request."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.backend import Backend

FIELDS = {
    *("id", "projectId", "path", "content", "createdAt", "updatedAt"),
    *("encoding", "sha256"),
}
NOBODYS = "6d2f6f44-2b4f-4b0e-9a52-0d8a4f3f0c11"
MIB = 1024 * 1024
BOTH = {"If-None-Match": "*", "If-Match": "*"}
PNG = b"\x89PNG\r\n\x1a\n\0\xff"


class Files:
    """The files of one project, as its owner asks for them."""

    def __init__(self, owner: httpx.Client) -> None:
        project = {"name": "Files", "description": ""}
        self.owner = owner
        self.project_id = owner.post("/api/projects", json=project).json()["id"]
        self.path = f"/api/project-files/{self.project_id}"

    def put(self, path: object, content: object) -> httpx.Response:
        """Save a file."""
        return self.owner.put(self.path, json={"path": path, "content": content})

    def saved(self, path: str, content: str) -> dict[str, str]:
        """Save a file, which has to work."""
        answer = self.put(path, content)
        assert answer.status_code == HTTPStatus.OK, answer.text
        file: dict[str, str] = answer.json()
        return file

    def listed(self) -> list[dict[str, str]]:
        """Return all files."""
        files: list[dict[str, str]] = self.owner.get(self.path).json()
        return files


@pytest.fixture
def files(backend: Backend) -> Iterator[Files]:
    """A new project."""
    with backend.person() as owner:
        yield Files(owner)


def test_a_new_file_is_answered_as_it_is(files: Files) -> None:
    file = files.saved("src/main.ts", "let x = 1;\n")
    assert set(file) == FIELDS
    assert UUID(file["id"])
    assert file["projectId"] == files.project_id
    assert (file["path"], file["content"]) == ("src/main.ts", "let x = 1;\n")
    assert file["createdAt"] == file["updatedAt"]


def test_a_file_is_read_as_soon_as_it_was_written(files: Files) -> None:
    file = files.saved("a.txt", "a")
    assert files.owner.get(f"{files.path}/{file['id']}").json() == file
    assert files.listed() == [file]


def test_replacing_the_content_keeps_the_id(files: Files) -> None:
    before = files.saved("a.txt", "before")
    after = files.saved("a.txt", "after")
    new = {"content": "after", "sha256": sha256(b"after").hexdigest()}
    assert after == {**before, **new, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert files.listed() == [after]


def test_files_are_ordered_by_path(files: Files) -> None:
    paths = ["b.txt", "a/z.txt", "B.txt", "a.txt", "ä.txt"]
    for path in paths:
        files.saved(path, "")
    assert [file["path"] for file in files.listed()] == sorted(paths)


def test_a_path_is_kept_in_its_shortest_form(files: Files) -> None:
    one = files.saved("./src//main.ts", "1")
    two = files.saved("src/./main.ts", "2")
    assert one["path"] == two["path"] == "src/main.ts"
    assert one["id"] == two["id"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\0",
        "a\0b\x01\x1b",
        "\r\n\u2028\u0085",
        "漢字🎨",
        "\ufeffbom",
        "x" * 300_000,
    ],
)
def test_content_comes_back_character_by_character(files: Files, content: str) -> None:
    assert files.saved("a.txt", content)["content"] == content


def test_a_mebibyte_of_control_characters_fits(files: Files) -> None:
    content = "\x01" * MIB
    assert files.saved("big.txt", content)["content"] == content


@pytest.mark.parametrize("content", ["x" * (MIB + 1), "ä" * (MIB // 2 + 1)])
def test_more_than_a_mebibyte_is_too_large(files: Files, content: str) -> None:
    assert files.put("a", content).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert files.listed() == []


def test_a_body_that_no_file_needs_is_not_even_read(files: Files) -> None:
    answer = files.put("a", "\x01" * (MIB + 10_000))
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "path",
    [
        *("", "/etc/passwd", "../up.txt", "a/../../b", "a/", "C:x", "a\\b", "~/x"),
        *(".git/config", "a\0b", "a\nb", "nul", "x" * 1025, "\u202eexe", 3, None),
    ],
)
def test_a_path_that_no_file_may_have_is_refused(files: Files, path: object) -> None:
    answer = files.put(path, "x")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert files.listed() == []


@pytest.mark.parametrize(
    "body", [{}, {"path": "a"}, {"content": "a"}, [], {"path": "a", "content": 1}]
)
def test_a_body_that_does_not_fit_is_refused(files: Files, body: object) -> None:
    answer = files.owner.put(files.path, json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("file_id", [NOBODYS, "1", "a.txt"])
def test_what_is_no_file_is_not_found(files: Files, file_id: str) -> None:
    answer = files.owner.get(f"{files.path}/{file_id}")
    expected = (HTTPStatus.NOT_FOUND, "Project file not found")
    assert (answer.status_code, answer.text) == expected


@pytest.mark.parametrize("project_id", [NOBODYS, "1"])
def test_a_file_of_no_project_is_not_found(files: Files, project_id: str) -> None:
    body = {"path": "a.txt", "content": ""}
    answer = files.owner.put(f"/api/project-files/{project_id}", json=body)
    expected = (HTTPStatus.NOT_FOUND, "Project file not found")
    assert (answer.status_code, answer.text) == expected


def test_a_file_is_reached_through_its_own_project_alone(files: Files) -> None:
    file = files.saved("a.txt", "")
    elsewhere = Files(files.owner)
    answer = files.owner.get(f"{elsewhere.path}/{file['id']}")
    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_saving_a_file_touches_its_project(files: Files) -> None:
    file = files.saved("a.txt", "")
    project = files.owner.get(f"/api/projects/{files.project_id}").json()
    assert project["updatedAt"] == file["updatedAt"]


# --- bytes, conditions and the end of a file ----------------------------------------


def test_bytes_that_are_no_text_come_back_in_base64(files: Files) -> None:
    content = b64encode(PNG).decode()
    body = {"path": "logo.png", "content": content, "encoding": "base64"}
    file = files.owner.put(files.path, json=body).json()
    assert (file["content"], file["encoding"]) == (content, "base64")
    assert file["sha256"] == sha256(PNG).hexdigest()
    assert files.listed() == [file]


def test_what_is_no_base64_is_refused_in_a_sentence(files: Files) -> None:
    body = {"path": "logo.png", "content": "?", "encoding": "base64"}
    answer = files.owner.put(files.path, json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.text == "The content is not base64"


def test_more_than_four_mebibytes_of_other_bytes_are_too_large(files: Files) -> None:
    content = b64encode(bytes(4 * MIB + 1)).decode()
    body = {"path": "a.bin", "content": content, "encoding": "base64"}
    answer = files.owner.put(files.path, json=body)
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert answer.text == "A file may have at most 4 MiB that are not text"


def test_the_etag_of_a_file_lets_it_be_replaced_once(files: Files) -> None:
    first = files.put("a.txt", "one")
    condition = {"If-Match": first.headers["etag"]}
    body = {"path": "a.txt", "content": "two"}
    mine = files.owner.put(files.path, json=body, headers=condition)
    late = files.owner.put(
        files.path, json={**body, "content": "three"}, headers=condition
    )
    assert mine.status_code == HTTPStatus.OK
    assert late.status_code == HTTPStatus.CONFLICT
    told = late.json()
    assert told["theirs"] == mine.json()
    assert told["yours"]["content"] == "three"
    assert told["message"] == "a.txt was changed meanwhile: look again."
    assert files.listed() == [mine.json()]


def test_a_file_that_is_there_is_no_new_one(files: Files) -> None:
    there = files.saved("a.txt", "one")
    body = {"path": "a.txt", "content": "two"}
    answer = files.owner.put(files.path, json=body, headers={"If-None-Match": "*"})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert answer.json()["theirs"] == there


def test_the_same_key_under_another_condition_is_another_request(files: Files) -> None:
    etag = files.put("a.txt", "one").headers["etag"]
    body = {"path": "a.txt", "content": "two"}
    key = {"Idempotency-Key": uuid4().hex}
    answers = [
        files.owner.put(files.path, json=body, headers={**key, **condition})
        for condition in ({"If-None-Match": "*"}, {"If-Match": etag})
    ]
    assert [answer.status_code for answer in answers] == [409, 200]


@pytest.mark.parametrize("condition", ["abc", "", "W/", '"x', '*, "x"', '"x" y'])
def test_a_condition_that_nobody_understands_is_refused(
    files: Files, condition: str
) -> None:
    body = {"path": "a.txt", "content": "x"}
    answer = files.owner.put(files.path, json=body, headers={"If-Match": condition})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.text == "If-Match must be * or the ETags of files, in their quotes"


@pytest.mark.parametrize("condition", [{"If-None-Match": '"x"'}, BOTH])
def test_a_new_file_is_asked_for_in_one_way(
    files: Files, condition: dict[str, str]
) -> None:
    body = {"path": "a.txt", "content": "x"}
    answer = files.owner.put(files.path, json=body, headers=condition)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.text == "If-None-Match must be *, and without If-Match"


def test_a_condition_of_anything_wants_something(files: Files) -> None:
    body, any_ = {"path": "a.txt", "content": "two"}, {"If-Match": "*"}
    none = files.owner.put(files.path, json=body, headers=any_)
    assert (none.status_code, none.json()["theirs"]) == (409, None)
    there = files.saved("a.txt", "one")
    saved = files.owner.put(files.path, json=body, headers=any_)
    assert (saved.status_code, saved.json()["content"]) == (200, "two")
    gone = files.owner.delete(f"{files.path}/{there['id']}", headers=any_)
    assert (gone.status_code, files.listed()) == (200, [])


def test_one_of_several_tags_is_enough_unless_it_is_weak(files: Files) -> None:
    tag = files.put("a.txt", "one").headers["etag"]
    body = {"path": "a.txt", "content": "one"}
    zeros, statuses = '"' + "0" * 64 + '"', []
    for condition in (
        *(f"{zeros}, {tag}", f'{tag} ,W/"x", "y"', f",{tag}"),
        *(f"W/{tag}", '"x"', f'{zeros}, "x", "{"1" * 64}"'),
    ):
        answer = files.owner.put(files.path, json=body, headers={"If-Match": condition})
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 200, 409, 409, 409]


def test_a_condition_tells_nothing_of_somebody_elses_file(
    files: Files, backend: Backend
) -> None:
    there = files.put("a.txt", "one")
    body = {"path": "a.txt", "content": "x"}
    with backend.person() as eve:
        for condition in ("*", there.headers["etag"], '"x"', f'"{"1" * 64}", "x"'):
            answer = eve.put(files.path, json=body, headers={"If-Match": condition})
            assert (answer.status_code, answer.text) == (404, "Project file not found")


def test_who_has_a_file_already_is_told_so(files: Files) -> None:
    there = files.put("a.txt", "one")
    path, tag = f"{files.path}/{there.json()['id']}", there.headers["etag"]
    for known, status in (
        *((tag, 304), (f'"x", W/{tag}', 304), ("*", 304)),
        *(('"x"', 200), ("x", 200)),
    ):
        answer = files.owner.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.headers["etag"]) == (status, tag)


def test_a_deleted_file_is_gone_and_another_one_takes_its_place(files: Files) -> None:
    file = files.saved("a.txt", "one")
    answer = files.owner.delete(f"{files.path}/{file['id']}")
    assert (answer.status_code, answer.text) == (HTTPStatus.OK, "true")
    assert files.listed() == []
    assert files.owner.delete(f"{files.path}/{file['id']}").status_code == 404
    another = files.saved("a.txt", "two")
    assert another["id"] != file["id"]
    assert another["createdAt"] == another["updatedAt"]


def test_a_file_is_not_deleted_as_it_was_not_seen(files: Files) -> None:
    seen = files.put("a.txt", "one")
    there = files.saved("a.txt", "two")
    answer = files.owner.delete(
        f"{files.path}/{there['id']}", headers={"If-Match": seen.headers["etag"]}
    )
    assert answer.status_code == HTTPStatus.CONFLICT
    assert (answer.json()["yours"], answer.json()["theirs"]) == (None, there)
    assert files.listed() == [there]
