"""Projects on their way out, opened as people open them."""

import io
import shutil
import subprocess
import zipfile
from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from dulwich.bundle import read_bundle
from dulwich.objects import Commit
from dulwich.repo import MemoryRepo

PNG = b"\x89PNG\r\n\x1a\n\0\xff"


@pytest.fixture
def project(ada: httpx.Client) -> dict[str, str]:
    """A project with a text, a picture, and a file that is gone."""
    body = {"name": "Tödo: <list>", "description": "things"}
    made: dict[str, str] = ada.post("/api/projects", json=body).json()
    files = f"/api/project-files/{made['id']}"
    png = {"encoding": "base64", "content": b64encode(PNG).decode()}
    ada.put(files, json={"path": "src/ünï.txt", "content": "one\r\n"})
    ada.put(files, json={"path": "src/ünï.txt", "content": "two\r\n"})
    ada.put(files, json={"path": "img/logo.png", **png})
    gone = ada.put(files, json={"path": "gone.txt", "content": "x"}).json()
    ada.delete(f"{files}/{gone['id']}")
    return made


@pytest.fixture
def bundle(ada: httpx.Client, project: dict[str, str], tmp_path: Path) -> Path:
    """Its history, as it is saved by a browser."""
    answer = ada.get(f"/api/projects/{project['id']}/export/git")
    assert answer.headers["content-type"] == "application/x-git-bundle"
    named = 'attachment; filename="todo-list.bundle"'
    assert answer.headers["content-disposition"] == named
    path = tmp_path / "todo-list.bundle"
    path.write_bytes(answer.content)
    return path


def test_a_zip_has_the_files_byte_for_byte(
    ada: httpx.Client, project: dict[str, str]
) -> None:
    answer = ada.get(f"/api/projects/{project['id']}/export/zip")
    assert answer.headers["content-disposition"].endswith('"todo-list.zip"')
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    files = {name: archive.read(name) for name in archive.namelist()}
    assert files == {
        "todo-list/img/logo.png": PNG,
        "todo-list/src/ünï.txt": b"two\r\n",
    }


def head_of(bundle: bytes) -> tuple[MemoryRepo, Commit]:
    """Return what is in a bundle, and the commit that a clone shows."""
    repo = MemoryRepo()
    with read_bundle(io.BytesIO(bundle)) as read:
        read.store_objects(repo.object_store)
        assert set(read.references) == {b"HEAD", b"refs/heads/main"}
        (head,) = set(read.references.values())
    commit = repo[head]
    assert isinstance(commit, Commit)
    return repo, commit


def test_a_bundle_has_a_commit_for_each_edit(bundle: Path) -> None:
    repo, head = head_of(bundle.read_bytes())
    walked = [entry.commit for entry in repo.get_walker(include=[head.id])]
    titles = [one.message.decode().splitlines()[0] for one in reversed(walked)]
    assert titles == [
        "Begin Tödo: <list>",
        *("Add src/ünï.txt", "Edit src/ünï.txt", "Add img/logo.png"),
        *("Add gone.txt", "Delete gone.txt"),
    ]
    assert {one.author.partition(b" <")[0] for one in walked} == {b"Ada"}
    assert all(b"@example.org>" in one.author for one in walked)
    assert b"\n\nthings\n\nAtelier-Seq: 1\n" in walked[-1].message


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_git_clones_it_in_one_command(bundle: Path, tmp_path: Path) -> None:
    words = ("git", "clone", "-q", str(bundle), str(tmp_path / "clone"))
    subprocess.run(words, check=True, capture_output=True)
    clone = tmp_path / "clone"
    assert (clone / "img/logo.png").read_bytes() == PNG
    assert (clone / "src/ünï.txt").read_bytes() == b"two\r\n"
    strict = ("git", "-C", str(clone), "fsck", "--strict", "--full")
    subprocess.run(strict, check=True, capture_output=True)
    said = ("git", "-C", str(clone), "log", "--format=%an|%ae|%aI|%s")
    log = subprocess.run(said, check=True, capture_output=True, text=True).stdout
    name, email, _, title = log.splitlines()[0].split("|")
    assert (name, title) == ("Ada", "Delete gone.txt")
    assert email.endswith("@example.org")


def test_a_project_without_files_is_one_commit(ada: httpx.Client) -> None:
    body = {"name": "☃", "description": ""}
    project_id = ada.post("/api/projects", json=body).json()["id"]
    answer = ada.get(f"/api/projects/{project_id}/export/git")
    assert answer.headers["content-disposition"].endswith('"project.bundle"')
    _, commit = head_of(answer.content)
    assert commit.message == "Begin ☃\n\nAtelier-Seq: 1\n".encode()
