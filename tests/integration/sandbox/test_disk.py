"""A disk that is nearly full: what goes, what ends, and what comes back."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from contracts.sandbox import Failed, StartServer, SyncFiles
from sandbox.adapters.files import loops
from sandbox.adapters.files.disk import DiskGuard
from sandbox.adapters.files.images import Images, find_images, take_ground
from sandbox.adapters.files.layout import Layout
from sandbox.domain.limits import LIMITS
from tests.integration.sandbox.stage import sandbox_server, stage
from tests.support.polling import until

if TYPE_CHECKING:
    from sandbox.adapters.keeping.kept import Kept

MORE_THAN_ANYBODY_HAS = 1 << 60
PAGE: dict[str, str | bytes] = {"index.html": "<p>it is back</p>"}
SERVES: dict[str, str | bytes] = {
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "server.js": "require('http').createServer().listen(process.env.PORT)",
}


class Running:
    """A command, as far as the guard knows it."""

    def __init__(self) -> None:
        self.said = ""

    async def condemn(self, sentence: str) -> None:
        """Be ended."""
        self.said = sentence


def layout_with(root: Path, **sizes: int) -> tuple[Layout, dict[UUID, set[Running]]]:
    """Return folders of so many bytes, each with a command that runs."""
    layout = Layout(root)
    layout.make()
    running: dict[UUID, set[Running]] = {}
    for size in sizes.values():
        project_id = uuid4()
        box = layout.box(project_id)
        box.make(None)
        (box.app / "data").write_bytes(os.urandom(size))
        running[project_id] = {Running()}
    return layout, running


async def test_whoever_has_most_on_a_full_disk_is_ended(tmp_path: Path) -> None:
    layout, running = layout_with(tmp_path, little=10_000, much=1_000_000)
    limits = replace(LIMITS, spare_bytes=MORE_THAN_ANYBODY_HAS)
    guard = DiskGuard(layout, limits)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):  # the second look comes too soon to end another
            await guard.look(cast("dict[UUID, set[Kept]]", running), tasks)
    little, much = ([one.said for one in mine] for mine in running.values())
    assert little == [""]
    assert "nearly full" in much[0]


async def test_folders_that_nobody_uses_go_and_come_back() -> None:
    full = str(MORE_THAN_ANYBODY_HAS >> 20)
    with sandbox_server(SANDBOX_IDLE_S="0.5", SANDBOX_FREE_MIB=full) as server:
        async with stage(server) as world:
            page = world.add(PAGE)
            await world.ask(page, SyncFiles(1))
            file = world.folder_of(page) / "index.html"

            async def gone() -> bool:
                return not file.exists()

            await until(gone, "the folder is emptied")
            await world.sees(page, "it is back")
            app = world.add(SERVES)
            await world.ask(app, SyncFiles(1))
            answer = await world.ask(app, StartServer())
            assert isinstance(answer, Failed)
            assert "nearly full" in answer.reason


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path)
    layout.make()
    taken = take_ground(layout)
    if taken is None:
        pytest.skip("only root can mount disks of apps")
    yield layout
    taken.close()


async def images_in(layout: Layout, size: int = 8 << 20) -> Images:
    """Return what opens disks, as each instance of the service does for itself."""
    images = await find_images(layout, size)
    if images is None:
        pytest.skip("disks of apps need loop devices, ext4 and mkfs.ext4")
    return images


async def test_a_disk_is_found_again_only_if_it_was_left_in_order(
    ground: Layout,
) -> None:
    disk = ground.disk(uuid4())
    file = disk.files / "written"
    first = await images_in(ground)
    first.open(disk, make=True)
    file.touch()
    first.close(disk)
    assert not file.exists()

    async def left() -> bool:
        return not loops.are_attached(disk.path)

    await until(left, "nobody has it any more")
    again = await images_in(ground)
    again.open(disk, make=False)
    assert file.exists()
    after_a_crash = await images_in(ground)
    after_a_crash.open(disk, make=True)
    assert not file.exists()


@pytest.mark.parametrize("lock", ["another boot", ""])
async def test_a_disk_of_another_size_or_boot_is_made_anew(
    tmp_path: Path, lock: str
) -> None:
    layout = Layout(tmp_path)
    layout.make()
    disk = layout.disk(uuid4())
    file = disk.files / "written"
    for size in (8 << 20, 9 << 20 if not lock else 8 << 20):
        taken = take_ground(layout)
        if taken is None:
            pytest.skip("only root can mount disks of apps")
        try:
            (await images_in(layout, size)).open(disk, make=True)
            assert not file.exists()
            file.touch()
        finally:
            taken.close()
        if lock:
            (tmp_path / "disks.lock").write_text(lock)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes there."""
    words = ("mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", str(folder))
    made = subprocess.run(words, check=False, capture_output=True)
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)  # noqa: S607 - where root finds it


def fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))


async def test_a_disk_without_any_room_is_told_and_outlived(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path) as disk,
        sandbox_server(
            SANDBOX_DIR=str(disk), SANDBOX_FREE_MIB="4", SANDBOX_TEMPLATES="false"
        ) as server,
    ):
        async with stage(server) as world:
            known, fresh = world.add(PAGE), world.add(PAGE)
            await world.ask(known, SyncFiles(1))
            fill(disk / "rest")
            for project in (known, fresh):
                answer = await world.ask(project, SyncFiles(1), epoch=2)
                assert answer == Failed("There is no room left on the disk.")
            await world.sees(fresh, "There is no room left on the disk.")
            (disk / "rest").unlink()
            await world.sees(fresh, "it is back")
            await world.sees(known, "it is back")


async def test_with_room_nothing_goes(tmp_path: Path) -> None:
    layout, running = layout_with(tmp_path, much=1_000_000)
    guard = DiskGuard(layout, replace(LIMITS, spare_bytes=0))
    (project_id,) = running
    await guard.admit(project_id)
    async with asyncio.TaskGroup() as tasks:
        await guard.look(cast("dict[UUID, set[Kept]]", running), tasks)
    assert [one.said for one in running[project_id]] == [""]
