"""Control groups of apps, where this machine has them, and where it would."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.adapters.containers.weight import group_of_ours
from sandbox.adapters.keeping.keeper import parent_of
from sandbox.adapters.processes import groups
from sandbox.adapters.processes.groups import Group, Groups, find_bounds
from sandbox.adapters.processes.leftovers import mark_of
from sandbox.domain.limits import Limits
from tests.support.polling import until

FOLDER = Path("/sandboxes")


async def test_a_command_begins_in_its_group_and_leaves_nothing(tmp_path: Path) -> None:
    bounds = await find_bounds(tmp_path, Limits(processes=50))
    if bounds.groups is None:
        pytest.skip("no control groups can be made here")
    group = bounds.groups.make("one")
    try:
        process = await asyncio.create_subprocess_exec(
            *(*group.entry, "cat"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"here\n")
        try:
            assert await process.stdout.readline() == b"here\n"
            for folder in group.folders:
                members = (folder / "cgroup.procs").read_text()
                assert members.split() == [str(process.pid)]
        finally:
            process.kill()
            await process.wait()
        assert group.kills == 0
        for name, value in bounds.groups.settings.items():
            files = [folder / name for folder in group.folders]
            found = [file.read_text() for file in files if file.exists()]
            assert {one.strip() for one in found} <= {value}
    finally:
        bounds.groups.discard(group)
        bounds.groups.close()
    assert not any(folder.parent.exists() for folder in group.folders)


async def test_what_got_away_from_its_keeper_ends_with_its_group(
    tmp_path: Path,
) -> None:
    made = (await find_bounds(tmp_path)).groups
    if made is None:
        pytest.skip("no control groups can be made here")
    group = made.make("one")
    words = (*group.entry, "/bin/sh", "-c", "sleep 1000 & echo $!; exec sleep 1000")
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, start_new_session=True, env={}
    )
    assert process.stdout is not None
    child = (await process.stdout.readline()).decode().strip()
    assert parent_of(child) == process.pid
    made.sweep()  # as the next service does
    assert await process.wait() == -signal.SIGKILL
    await until(lambda: parent_of(child) is None, "its child has ended too")

    async def is_gone() -> bool:
        made.discard()
        return not any(folder.exists() for folder in group.folders)

    await until(is_gone, "the group is gone")
    made.close()


async def test_a_processor_is_kept_from_apps_only_where_there_are_more(
    tmp_path: Path,
) -> None:
    for processors, count in ((0.5, 3), (4096.0, 2)):
        limits = Limits(processors=processors)
        bounds = await find_bounds(tmp_path / str(count), limits)
        if bounds.groups is None:
            pytest.skip("no control groups can be made here")
        group = bounds.groups.make("one")
        hierarchies = {folder.parents[1] for folder in group.folders}
        bounds.groups.discard(group)
        bounds.groups.close()
        assert len(hierarchies) in (count, 1)  # one, with version 2


async def test_in_the_second_version_ours_lie_beside_the_service(
    tmp_path: Path,
) -> None:
    service = tmp_path / "a" / "b"
    service.mkdir(parents=True)
    (tmp_path / "a" / "cgroup.subtree_control").write_text("cpu memory pids")
    own = tmp_path / "own"
    own.write_text("0::/a/b\n")
    few = Limits(processors=0.5)
    bounds = await find_bounds(FOLDER, few, tmp_path, own)
    assert bounds.groups is not None
    name = mark_of(FOLDER).strip(":").replace(":", "-")
    handed_down = tmp_path / "a" / name / "cgroup.subtree_control"
    assert handed_down.read_text() == "+memory +pids +cpu"


def test_what_bounds_a_group() -> None:
    limits = Limits(memory_bytes=4096, processes=5, processors=1.5)
    first, second = (
        Groups((), limits, is_second=is_second).settings for is_second in (False, True)
    )
    assert first == {
        "memory.limit_in_bytes": "4096",
        "memory.memsw.limit_in_bytes": "4096",
        "pids.max": "5",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "150000",
    }
    assert second == {
        "memory.max": "4096",
        "memory.swap.max": "0",
        "pids.max": "5",
        "cpu.max": "150000 100000",
    }


@contextmanager
def second() -> Iterator[tuple[Path, str]]:
    """Lend the kernel's own hierarchy of version 2, and a controller that it has."""
    mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    roots = [Path(one.split()[1]) for one in mounts if one.split()[2] == "cgroup2"]
    names = [(one / "cgroup.controllers").read_text().split() for one in roots[:1]]
    if os.geteuid() != 0 or not names or not names[0]:
        pytest.skip("only root, in a kernel with version 2 and any controller")
    handed_down = roots[0] / "cgroup.subtree_control"
    before = handed_down.read_text().split()
    try:
        yield roots[0], names[0][0]
    finally:
        if names[0][0] not in before:
            handed_down.write_text(f"-{names[0][0]}")


async def test_the_kernel_takes_what_is_asked_of_its_second_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with second() as (root, controller):
        monkeypatch.setattr(groups, "_controllers", lambda _: (controller,))
        service = root / f"test-{uuid4().hex}" / "service"
        service.mkdir(parents=True)
        own = tmp_path / "own"
        own.write_text(f"0::/{service.relative_to(root)}\n")
        try:
            bounds = await find_bounds(tmp_path, Limits(), root, own)
            assert bounds.groups is not None
            group = bounds.groups.make("one")
            process = await asyncio.create_subprocess_exec(*group.entry, "sleep", "60")
            await until(lambda: has_begun(process.pid, group), "it is in its group")
            assert not group.remove()
            process.kill()
            await process.wait()
            bounds.groups.discard(group)
            bounds.groups.close()
            assert not any(folder.parent.exists() for folder in group.folders)
        finally:
            service.rmdir()
            service.parent.rmdir()


async def has_begun(pid: int, group: Group) -> bool:
    (folder,) = group.folders
    return (folder / "cgroup.procs").read_text().split() == [str(pid)]


@pytest.mark.parametrize("said", ["", "0::/\n", "1:name=systemd:/\n", "5:memory:/x\n"])
async def test_without_all_controllers_there_are_none(
    tmp_path: Path, said: str
) -> None:
    own = tmp_path / "own"
    own.write_text(said)
    (tmp_path / "cgroup.controllers").write_text("hugetlb")
    bounds = await find_bounds(FOLDER, Limits(), tmp_path, own)
    assert bounds.groups is None


def test_what_a_service_has_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "member").touch()
    Groups((tmp_path,), Limits(), is_second=True).sweep()
    assert [one.name for one in tmp_path.iterdir()] == ["busy"]


def test_containers_weigh_one_task_for_each_processor(tmp_path: Path) -> None:
    ours = tmp_path / "cpu" / "atelier-containers"
    for folder in (ours, ours.with_name("docker")):
        folder.mkdir(parents=True)
    (ours / "cpu.shares").write_text("1024")
    assert group_of_ours({"CgroupDriver": "cgroupfs"}, tmp_path) == f"/{ours.name}"
    assert (ours / "cpu.shares").read_text() == str(1024 * (os.cpu_count() or 1))


@pytest.mark.parametrize(
    ("driver", "theirs"), [("systemd", "docker"), ("cgroupfs", "bounded")]
)
def test_groups_that_others_look_after_are_left_alone(
    tmp_path: Path, driver: str, theirs: str
) -> None:
    (tmp_path / theirs).mkdir()
    assert group_of_ours({"CgroupDriver": driver}, tmp_path) == ""
    assert [path.name for path in tmp_path.iterdir()] == [theirs]
