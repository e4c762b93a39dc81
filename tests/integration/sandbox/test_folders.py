"""Files in a folder whose contents are hostile."""

import asyncio
import itertools
import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest

from sandbox.adapters.files.beneath import Beneath
from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.ports import BadFolder, FolderState
from tests.support.polling import until

PROJECT = UUID(int=1)
KEPT = "a secret of somebody else"


class Hostile:
    """A folder full of traps, and a file outside that must stay as it is."""

    def __init__(self, root: Path) -> None:
        self.outside = root / "outside"
        self.app, staging = root / "app", root / "staging"
        for folder in (self.outside, self.app, staging):
            folder.mkdir()
        (self.outside / "file").write_text(KEPT)
        (self.app / "up").symlink_to("..")
        (self.app / "out").symlink_to(self.outside)
        (self.app / "file").symlink_to(self.outside / "file")
        (self.app / "loop").symlink_to("loop")
        (self.app / "root").symlink_to("/")
        (self.app / "self").symlink_to("/proc/self/cwd")
        (self.app / "dir").mkdir()
        (self.app / "dir" / "out").symlink_to(self.outside)
        os.mkfifo(self.app / "pipe")
        self.files = Beneath(self.app, staging, None)

    def is_intact(self) -> bool:
        """Tell whether nothing outside was touched."""
        names = [path.name for path in self.outside.iterdir()]
        return names == ["file"] and (self.outside / "file").read_text() == KEPT


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path)


NAMES = [
    *("up", "out", "file", "loop", "root", "self", "dir", "pipe", "new", "other"),
    *("..", ".", "", "...", "outside", "etc", "tmp", "app", "staging", "~", "é", " "),
]
EVERY = [
    "/".join(parts)
    for length in (1, 2, 3)
    for parts in itertools.product(NAMES, repeat=length)
]
"""More than 10,000 paths; the order spreads those that meet the same trap."""
STEP = 211


@pytest.mark.parametrize("offset", range(STEP))
def test_no_path_leads_out(hostile: Hostile, offset: int) -> None:
    for path in EVERY[offset::STEP]:
        assert hostile.files.read(path, 1000) in (None, b"mine")
        hostile.files.delete(path)
        with suppress(OSError):
            hostile.files.write(path, b"mine")
    assert hostile.is_intact()


@pytest.mark.parametrize("path", ["file", "pipe", "loop", "out", "dir"])
def test_what_stands_in_the_way_of_a_file_is_replaced(
    hostile: Hostile, path: str
) -> None:
    hostile.files.write(path, b"mine")
    assert (hostile.app / path).read_bytes() == b"mine"
    assert not (hostile.app / path).is_symlink()
    assert hostile.is_intact()


@pytest.mark.parametrize("path", ["file/x", "pipe/x", "out/x", "up/x", "dir/out/x"])
def test_what_stands_in_the_way_of_a_folder_is_replaced(
    hostile: Hostile, path: str
) -> None:
    hostile.files.write(path, b"mine")
    assert (hostile.app / path).read_bytes() == b"mine"
    assert hostile.is_intact()


@pytest.mark.parametrize("path", ["file", "pipe", "out/file", "dir", "loop", "missing"])
def test_only_regular_files_are_read(hostile: Hostile, path: str) -> None:
    assert hostile.files.read(path, 1000) is None
    assert not hostile.files.is_file(path)


def test_a_file_that_is_too_large_is_not_read(hostile: Hostile) -> None:
    hostile.files.write("large", b"12345")
    assert hostile.files.read("large", 4) is None
    assert hostile.files.read("large", 5) == b"12345"


def test_a_file_that_grows_while_it_is_read_is_not(tmp_path: Path) -> None:
    # Its size is said to be nothing.
    files = Beneath(Path(f"/proc/{os.getpid()}"), tmp_path, None)
    assert files.is_file("status")
    assert files.read("status", 10) is None


def test_deleting_removes_the_folders_that_it_empties(hostile: Hostile) -> None:
    hostile.files.write("a/b/c", b"")
    hostile.files.write("a/d", b"")
    hostile.files.delete("a/b/c")
    assert [path.name for path in (hostile.app / "a").iterdir()] == ["d"]


def test_an_open_file_stays_whole_while_it_is_replaced(hostile: Hostile) -> None:
    hostile.files.write("page", b"old")
    with (hostile.app / "page").open("rb") as reader:
        hostile.files.write("page", b"new")
        assert reader.read() == b"old"


# --- whole folders --------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> DiskFolders:
    return DiskFolders(Layout(tmp_path), own_users=False)


async def test_a_state_is_found_again(folders: DiskFolders) -> None:
    state = FolderState(epoch=3, version=7, files={"a": "b"}, installed="x")
    await folders.open(PROJECT).save(state)
    assert await folders.open(PROJECT).state() == state
    assert folders.list_own() == [PROJECT]


async def test_a_state_is_on_the_disk_before_it_is_in_place(
    folders: DiskFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        steps.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    def replaced(path: Path, target: Path) -> Path:
        steps.append(f"{path.name} to {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    await folders.open(PROJECT).save(FolderState())
    assert steps == ["state.new", "state.new to state.json", str(PROJECT)]


async def test_who_is_cancelled_waits_for_what_is_being_written(
    folders: DiskFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        begun.set()
        may_end.wait()

    monkeypatch.setattr(os, "fsync", slow)
    saving = asyncio.ensure_future(folders.open(PROJECT).save(FolderState(version=7)))
    await asyncio.to_thread(begun.wait)
    saving.cancel()
    try:
        for _ in range(3):
            await asyncio.sleep(0)
        assert not saving.done()
    finally:
        may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert (await folders.open(PROJECT).state()).version == 7


async def test_a_damaged_state_is_none(folders: DiskFolders, tmp_path: Path) -> None:
    await folders.open(PROJECT).save(FolderState(version=7))
    (tmp_path / "boxes" / str(PROJECT) / "state.json").write_text("{")
    assert await folders.open(PROJECT).state() == FolderState()


async def test_a_tree_of_any_depth_is_removed(
    folders: DiskFolders, tmp_path: Path
) -> None:
    folder = folders.open(PROJECT)
    await folder.apply({"a": b""}, ())
    handle = os.open(Layout(tmp_path).box(PROJECT).app, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=handle)
        deeper = os.open("deep", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = deeper
    os.close(handle)
    await folder.remove()
    assert folders.list_own() == []
    assert list((tmp_path / "trash").iterdir()) == []


async def test_packages_that_are_laid_anew_leave_nothing_of_those_before(
    folders: DiskFolders, tmp_path: Path
) -> None:
    (tmp_path / "templates" / "react" / "node_modules" / "vite").mkdir(parents=True)
    folder, box = folders.open(PROJECT), Layout(tmp_path).box(PROJECT)
    for _ in range(2):
        await folder.lay("react", ())
        (box.app / "node_modules" / "vite" / "own").touch(exist_ok=False)

    async def deleted() -> bool:
        return list(box.trash.iterdir()) == []

    await until(deleted, "what was there before is deleted")
    assert list(box.staging.iterdir()) == []


async def test_a_name_that_no_disk_takes_is_told(folders: DiskFolders) -> None:
    with pytest.raises(BadFolder, match="cannot be written"):
        await folders.open(PROJECT).apply({"x" * 300: b""}, ())


async def test_a_screenshot_is_the_last_one_and_ends_with_the_folder(
    tmp_path: Path,
) -> None:
    folder = DiskFolders(Layout(tmp_path), own_users=False).open(PROJECT)
    await folder.save(FolderState())
    await folder.keep_screenshot(b"first")
    await folder.keep_screenshot(b"second")
    assert await folder.screenshot(6) == b"second"
    assert await folder.screenshot(5) is None
    await folder.remove()
    await folder.keep_screenshot(b"late")
    assert await folder.screenshot(6) is None
    assert list((tmp_path / "boxes").iterdir()) == []


def test_a_layer_has_the_bundles_of_what_is_seen_and_what_these_load(
    tmp_path: Path,
) -> None:
    layers = Layers(Layout(tmp_path), None, mounted_elsewhere=True)
    bundles = layers.modules("x") / ".vite" / "deps"
    bundles.mkdir(parents=True)
    seen = {"a.js": "import './both.js'; import('./late.js')", "a.js.map": ""}
    seen |= {"both.js": "", "late.js": ""}
    for name, text in {**seen, "b.js": "import './both.js'", "b.js.map": ""}.items():
        (bundles / name).write_text(text)
    made = {name: {"file": f"{name}.js"} for name in ("a", "b")}
    (bundles / "_metadata.json").write_text(json.dumps({"optimized": made}))
    layers.prepare(tmp_path / "layer", "x", ["b"], None)
    own = tmp_path / "layer" / "upper" / ".vite" / "deps"
    assert {path.name for path in own.iterdir()} == {*seen, "_metadata.json"}
    assert list(json.loads((own / "_metadata.json").read_text())["optimized"]) == ["a"]
