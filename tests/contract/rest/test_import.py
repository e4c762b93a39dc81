"""Projects on their way in, also those that nobody means well."""

import io
import stat
import zipfile
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

import httpx
import pytest

from tests.support.backend import Backend, backend_of
from tests.support.repositories import FILE, FOLDER, LINK, OTHER, Host, hosting
from tests.support.servers import PostgresServer, server_folder

PNG = b"\x89PNG\r\n\x1a\n\0\xff"
MIB = 1 << 20
ZIP = {"content-type": "application/zip"}


@dataclass(frozen=True)
class Importer:
    """Somebody with a new project."""

    http: httpx.Client
    project_id: str

    def zip(self, data: bytes, **headers: str) -> httpx.Response:
        """Send a zip."""
        path = f"/api/projects/{self.project_id}/import/zip"
        return self.http.post(path, content=data, headers={**ZIP, **headers})

    def git(self, url: str, ref: str | None = None) -> httpx.Response:
        """Send the address of a repository."""
        path = f"/api/projects/{self.project_id}/import/git"
        return self.http.post(path, json={"url": url, "ref": ref})

    def files(self) -> dict[str, bytes]:
        """Return what the project has."""
        listed = self.http.get(f"/api/project-files/{self.project_id}").json()
        return {
            one["path"]: b64decode(one["content"])
            if one["encoding"] == "base64"
            else one["content"].encode()
            for one in listed
        }


@pytest.fixture(scope="module")
def trusting(postgres_server: PostgresServer) -> Iterator[tuple[Backend, Host]]:
    """A backend that fetches from a host on this machine, and that host."""
    with server_folder() as folder, hosting(folder) as host:
        allowed = {
            "IMPORTS_FROM_PRIVATE_ADDRESSES": "true",
            "IMPORTS_PER_MINUTE": "1000",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
            "SIGN_UP": "open",
        }
        with backend_of(folder, postgres_server, **allowed) as backend:
            yield backend, host


@pytest.fixture
def host(trusting: tuple[Backend, Host]) -> Host:
    return trusting[1]


@pytest.fixture
def ada(trusting: tuple[Backend, Host]) -> Iterator[Importer]:
    """Somebody whom that backend knows."""
    with trusting[0].person() as http:
        yield new_project(http)


@pytest.fixture
def eve(backend: Backend) -> Iterator[Importer]:
    """Somebody of the installation that fetches nothing from this machine."""
    with backend.person() as http:
        yield new_project(http)


def new_project(http: httpx.Client) -> Importer:
    body = {"name": "Imported", "description": ""}
    return Importer(http, http.post("/api/projects", json=body).json()["id"])


def zipped(files: Mapping[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.text
    return answer.text


# --- zips ---------------------------------------------------------------------------


def test_a_zip_becomes_files_byte_for_byte(ada: Importer) -> None:
    data = zipped({"src/a.txt": b"\xc3\xa4\r\n", "img/logo.png": PNG, "empty": b""})
    answer = ada.zip(data)
    assert answer.json() == {"files": 3, "leftOut": []}
    expected = {"src/a.txt": b"\xc3\xa4\r\n", "img/logo.png": PNG, "empty": b""}
    assert ada.files() == expected


def test_what_goes_out_as_a_zip_comes_in_again(ada: Importer) -> None:
    ada.zip(zipped({"app/a.txt": b"a", "app/b/c.png": PNG}))
    out = ada.http.get(f"/api/projects/{ada.project_id}/export/zip").content
    again = new_project(ada.http)
    again.zip(out)
    assert again.files() == ada.files() == {"a.txt": b"a", "b/c.png": PNG}


def test_an_import_is_one_thing_that_a_person_did(ada: Importer) -> None:
    ada.zip(zipped({"a.txt": b"a", "b.txt": b"b"}))
    bundle = ada.http.get(f"/api/projects/{ada.project_id}/export/git").content
    events = ada.http.get(f"/api/projects/{ada.project_id}/events").json()
    assert len(events) == 3
    assert b"PACK" in bundle


def test_the_same_key_imports_once(ada: Importer) -> None:
    data = zipped({"a.txt": b"a"})
    key = {"Idempotency-Key": uuid4().hex}
    first, second = (ada.zip(data, **key) for _ in range(2))
    assert first.json() == second.json()
    events = ada.http.get(f"/api/projects/{ada.project_id}/events").json()
    assert [one["type"] for one in events] == ["project_created", "file_end"]


def test_what_is_no_source_is_left_out_with_the_reason(ada: Importer) -> None:
    files: dict[str | zipfile.ZipInfo, bytes] = {
        "app/a.txt": b"a",
        "app/.git/config": b"x",
        "app/node_modules/x/index.js": b"x",
        "app/node_modules/y/index.js": b"x",
        "__MACOSX/app/._a.txt": b"x",
    }
    left_out = ada.zip(zipped(files)).json()["leftOut"]
    assert ada.files() == {"a.txt": b"a"}
    assert {one["path"] for one in left_out} == {".git", "node_modules", "__MACOSX"}


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\x", "a\\..\\..\\b", "x\ny"],
)
def test_a_path_that_leads_elsewhere_leads_nowhere(ada: Importer, path: str) -> None:
    answer = ada.zip(zipped({"good.txt": b"good", path: b"evil"}))
    assert answer.status_code == HTTPStatus.OK
    assert ada.files() == {"good.txt": b"good"}
    (left_out,) = answer.json()["leftOut"]
    assert left_out["reason"].startswith("Its path is refused: ")


def test_a_link_is_not_followed(ada: Importer) -> None:
    answer = ada.zip(zipped({"a.txt": b"a", link("passwd"): b"/etc/passwd"}))
    assert answer.json()["leftOut"][0]["reason"] == "It is a link, or no file at all"
    assert ada.files() == {"a.txt": b"a"}


def test_a_file_that_no_project_holds_is_left_out(ada: Importer) -> None:
    answer = ada.zip(zipped({"a.txt": b"a", "big.bin": bytes(4 * MIB + 1)}))
    expected = [{"path": "big.bin", "reason": "It is larger than 4 MiB"}]
    assert answer.json() == {"files": 1, "leftOut": expected}


def test_a_size_that_lies_is_looked_through(ada: Importer) -> None:
    data = zipped({"a.bin": bytes(64 * MIB)})
    honest, lie = (64 * MIB).to_bytes(4, "little"), (10).to_bytes(4, "little")
    refused(ada.zip(data.replace(honest, lie)))
    assert ada.files() == {}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({f"{n}.bin": bytes(4 * MIB) for n in range(6)}, "larger than 20 MiB"),
        ({f"{n}.txt": b"" for n in range(501)}, "more than 500 files"),
        ({f"{n}/a": b"" for n in range(20_001)}, "more than 20,000 files"),
    ],
)
def test_more_than_a_project_holds_is_refused(
    ada: Importer, files: dict[str | zipfile.ZipInfo, bytes], sentence: str
) -> None:
    assert sentence in refused(ada.zip(zipped(files)))
    assert ada.files() == {}


@pytest.mark.parametrize(
    "data",
    [b"", b"no zip", zipped({"a": b"a"})[:-10], zipped({"a": b"a"})[10:]],
    ids=["nothing", "no zip", "no end", "no beginning"],
)
def test_what_is_no_zip_is_refused(ada: Importer, data: bytes) -> None:
    assert "zip" in refused(ada.zip(data))


def test_a_zip_says_that_it_is_one(ada: Importer) -> None:
    answer = ada.zip(zipped({"a": b"a"}), **{"content-type": "text/plain"})
    assert refused(answer).startswith("The body must be a zip")


def test_a_zip_beyond_reason_is_not_even_read(ada: Importer) -> None:
    answer = ada.zip(bytes(32 * MIB + 1))
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


# --- repositories -------------------------------------------------------------------


def test_a_repository_becomes_files(ada: Importer, host: Host) -> None:
    hosted = host.new("todo")
    inner = hosted.tree(
        {"a.txt": (FILE, hosted.blob(b"a")), "p": (FILE, hosted.blob(PNG))}
    )
    hosted.commit(hosted.tree({"old.txt": (FILE, hosted.blob(b"old"))}))
    hosted.commit(hosted.tree({"src": (FOLDER, inner), "b": (FILE, hosted.blob(b"b"))}))
    answer = ada.git(f"{host.url}/todo.git")
    assert answer.json() == {"files": 3, "leftOut": []}, answer.text
    assert ada.files() == {"src/a.txt": b"a", "src/p": PNG, "b": b"b"}


def test_a_branch_can_be_named(ada: Importer, host: Host) -> None:
    hosted = host.new("branches")
    for branch in ("main", "other"):
        blob = hosted.blob(branch.encode())
        hosted.commit(hosted.tree({"a.txt": (FILE, blob)}), branch)
    assert ada.git(f"{host.url}/branches.git", "other").json()["files"] == 1
    assert ada.files() == {"a.txt": b"other"}
    none = refused(ada.git(f"{host.url}/branches.git", "none"))
    assert none == "The repository has no branch and no tag none"


def test_links_and_other_repositories_are_left_out(ada: Importer, host: Host) -> None:
    hosted = host.new("links")
    blob = hosted.blob(b"/etc/passwd")
    tree = {"a": (FILE, blob), "l": (LINK, blob), "sub": (OTHER, blob)}
    hosted.commit(hosted.tree(tree))
    answer = ada.git(f"{host.url}/links.git").json()
    assert [one["path"] for one in answer["leftOut"]] == ["l", "sub"]
    assert list(ada.files()) == ["a"]


def test_a_tree_that_holds_itself_a_million_times_is_refused(
    ada: Importer, host: Host
) -> None:
    hosted = host.new("bomb")
    tree = hosted.tree({str(n): (FILE, hosted.blob(b"x")) for n in range(10)})
    for _ in range(8):
        tree = hosted.tree({str(number): (FOLDER, tree) for number in range(10)})
    hosted.commit(tree)
    assert "more than" in refused(ada.git(f"{host.url}/bomb.git"))
    assert ada.files() == {}


def test_a_file_that_expands_beyond_all_measure_is_refused(
    ada: Importer, host: Host
) -> None:
    hosted = host.new("large")
    blobs = [hosted.blob(bytes([number]) * (40 * MIB)) for number in range(3)]
    tree = {str(number): (FILE, blob) for number, blob in enumerate(blobs)}
    hosted.commit(hosted.tree(tree))
    assert refused(ada.git(f"{host.url}/large.git")) == "The repository is too large"


def test_what_is_no_repository_is_said_to_be_none(ada: Importer, host: Host) -> None:
    host.new("empty")
    assert "no repository" in refused(ada.git(f"{host.url}/nothing.git"))
    assert refused(ada.git(f"{host.url}/empty.git"))


REFS = b"003f" + b"0" * 40 + b" HEAD\0side-band-64k shallow"
ADVERTISED = f"{len(REFS):04x}".encode() + REFS[4:] + b"0000"


@pytest.mark.parametrize(
    ("refs", "pack"),
    [
        *((b"", b""), (b"<html>", b""), (b"zzzz", b""), (b"0005", b""), (b"-001", b"")),
        *((b"ffff" + b"x", b""), (b"000cgit\0side", b""), (b"\xff" * 100, b"")),
        *((ADVERTISED, b""), (ADVERTISED, b"<html>"), (ADVERTISED, b"0009\x03no!")),
        *((ADVERTISED, b"0009\x01PACK"), (ADVERTISED, b"0011\x01PACK" + b"\xff" * 8)),
        (ADVERTISED, b"000cERR away"),
    ],
)
def test_whatever_a_server_says_the_answer_is_a_sentence(
    ada: Importer, host: Host, refs: bytes, pack: bytes
) -> None:
    host.said = {"/evil/info/refs": refs, "/evil/git-upload-pack": pack}
    assert " " in refused(ada.git(f"{host.url}/evil"))
    assert ada.files() == {}


def test_a_server_that_sends_without_end_is_left(ada: Importer, host: Host) -> None:
    host.said = {"/evil/info/refs": bytes(9 * MIB)}
    assert "sends more than 8 MiB" in refused(ada.git(f"{host.url}/evil"))


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/a.git", "ssh://git@example.org/a", "file:///etc"),
        *("git://example.org/a", "https://u:p@example.org/a", "https://", "a.git"),
        *("https://example.org/a?b", "https://example.org:22/a", "/etc/passwd", ""),
    ],
)
def test_only_public_https_is_fetched(eve: Importer, url: str) -> None:
    assert refused(eve.git(url)).startswith("The url")


@pytest.mark.parametrize(
    "name",
    [
        *("127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104 - to be refused
        *("2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"),
    ],
)
def test_addresses_of_ones_own_network_are_not_fetched(
    eve: Importer, name: str
) -> None:
    told = refused(eve.git(f"https://{name}:8443/a.git"))
    assert told.startswith("The repository cannot be reached: ")


# --- assets -------------------------------------------------------------------------


def test_an_asset_is_kept_byte_for_byte(eve: Importer) -> None:
    path = f"/api/projects/{eve.project_id}/assets"
    answer = eve.http.put(path, params={"path": "img/a.png"}, content=PNG)
    assert (answer.status_code, answer.json()["encoding"]) == (200, "base64")
    text = eve.http.put(path, params={"path": "a.txt"}, content="ä".encode())
    assert (text.json()["content"], text.json()["encoding"]) == ("ä", "utf-8")
    assert eve.files() == {"img/a.png": PNG, "a.txt": "ä".encode()}


def test_an_asset_replaces_what_was_seen_and_nothing_else(eve: Importer) -> None:
    path = f"/api/projects/{eve.project_id}/assets?path=a.bin"
    first = eve.http.put(path, content=PNG)
    seen = {"If-Match": first.headers["etag"]}
    assert eve.http.put(path, content=PNG + PNG, headers=seen).status_code == 200
    late = eve.http.put(path, content=b"late", headers=seen)
    assert late.status_code == HTTPStatus.CONFLICT
    assert late.json()["yours"]["content"] == "late"


def test_an_asset_has_four_mebibytes_and_a_path(eve: Importer) -> None:
    path = f"/api/projects/{eve.project_id}/assets"
    large = eve.http.put(f"{path}?path=a", content=bytes(4 * MIB + 1))
    assert large.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert eve.http.put(f"{path}?path=a", content=bytes(4 * MIB)).status_code == 200
    for query in ("", "?path=", "?path=../a", "?path=a%00b"):
        refused(eve.http.put(path + query, content=b"x"))
