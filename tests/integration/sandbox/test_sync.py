"""Making a real folder equal a project, also after it was cut short."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace
from typing_extensions import override

from contracts.requests import FileDigest, Manifest, Variables
from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.layout import Layout
from sandbox.application import sync as syncing
from sandbox.application.sync import sync
from sandbox.ports import BadFolder, FolderState, ProjectFiles

PROJECT = UUID(int=1)


class CutShortError(Exception):
    """The service has ended."""


class Known(ProjectFiles):
    """A project whose files are known here."""

    def __init__(self, **files: str) -> None:
        self.files = {name.replace("_", "."): text for name, text in files.items()}

    @override
    async def manifest(self, project_id: UUID) -> Manifest:
        digests = [
            FileDigest(path, hashlib.sha256(text.encode()).hexdigest(), 0)
            for path, text in self.files.items()
        ]
        return Manifest(1, deleted=False, files=digests, packages=[])

    @override
    async def variables(self, project_id: UUID) -> Variables:
        return Variables({}, [])

    @override
    async def contents(
        self, project_id: UUID, paths: Sequence[str]
    ) -> dict[str, bytes]:
        return {path: self.files[path].encode() for path in paths}


class Place:
    """A folder, and what is on record of it."""

    def __init__(self, root: Path) -> None:
        self.app = Layout(root).box(PROJECT).app
        self.state = FolderState()
        self._folder = DiskFolders(Layout(root), own_users=False).open(PROJECT)

    async def sync(self, source: Known, *, records: int = 2) -> None:
        """Make it equal *source*; the service ends before more is recorded."""

        async def record(files: dict[str, str], version: int) -> None:
            nonlocal records
            if not records:
                raise CutShortError
            records -= 1
            self.state = replace(self.state, files=files, version=version)

        await sync(PROJECT, self._folder, self.state, source, record)

    @property
    def names(self) -> set[str]:
        """What lies there."""
        return (
            {path.name for path in self.app.iterdir()} if self.app.is_dir() else set()
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_nothing_is_written_that_is_not_on_record(place: Place) -> None:
    with pytest.raises(CutShortError):
        await place.sync(Known(a_txt="a"), records=0)
    assert place.names == set()
    with pytest.raises(CutShortError):
        await place.sync(Known(a_txt="a"), records=1)
    await place.sync(Known(b_txt="b"))
    assert place.names == {"b.txt"}


async def test_what_was_cut_short_is_written_again(place: Place) -> None:
    await place.sync(Known(a_txt="old"))
    with pytest.raises(CutShortError):
        await place.sync(Known(a_txt="new"), records=1)
    (place.app / "a.txt").write_text("half of it")
    await place.sync(Known(a_txt="new"))
    assert (place.app / "a.txt").read_text() == "new"


async def test_what_is_gone_comes_back_and_what_an_app_has_changed_stays(
    place: Place,
) -> None:
    await place.sync(Known(a_txt="a", b_txt="b"))
    (place.app / "a.txt").unlink()
    (place.app / "b.txt").write_text("mine")
    await place.sync(Known(a_txt="a", b_txt="b"))
    texts = [(place.app / name).read_text() for name in ("a.txt", "b.txt")]
    assert texts == ["a", "mine"]


async def test_packages_are_no_files_of_a_project(place: Place) -> None:
    source = Known(a_txt="a")
    source.files |= {"node_modules/x": "", ".venv/x": "", "src/node_modules/x": "x"}
    await place.sync(source)
    assert place.names == {"a.txt", "src"}


async def test_a_project_has_so_many_files_at_most(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "FILES", 2)
    await place.sync(Known(a_txt="", b_txt=""))
    assert place.names == {"a.txt", "b.txt"}
    with pytest.raises(BadFolder, match="more than 2 files"):
        await place.sync(Known(a_txt="", b_txt="", c_txt=""))
