"""Control groups: the kernel bounds what a command and all that it starts may take.

They are there for whoever may write below /sys/fs/cgroup, which is root on most
machines. Both versions are known, of the second only where its hierarchy has all
controllers that we need. Ours lie below our own group or, where version 2 forbids
that, beside the nearest one above whose neighbours get all of them, so that bounds of
that hold for apps too.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from chassis import logs
from sandbox.adapters.files.images import Images
from sandbox.adapters.processes.leftovers import mark_of
from sandbox.domain.limits import LIMITS, Limits

_log = logs.get(__name__)

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
_PERIOD_US = 100_000
_MEMBERS = "cgroup.procs"
_PROCESSES = "pids.max"
_EVENTS = ("memory.oom_control", "memory.events")
"""Where the kernel counts what it had to end, in version 1 and in version 2."""
_WEIGHTS = {"cpu.shares": 1024, "cpu.weight": 100}
"""What a group weighs by default, which competes with others as if it were one task."""
_MOST_CORES = 100
_ENTER = (
    f'for group in $1; do echo $$ > "$group/{_MEMBERS}" || exit 125; done; '
    'shift; exec "$@"'
)
_TRY_S = 5.0


class Group(Struct, frozen=True):
    """The bounds of one command: a folder for each hierarchy that has some of them."""

    folders: tuple[Path, ...]
    memory_bytes: int

    @property
    def entry(self) -> list[str]:
        """The words before a command that let it begin in here."""
        return ["/bin/sh", "-c", _ENTER, "sh", " ".join(map(str, self.folders))]

    @property
    def kills(self) -> int:
        """How many processes the kernel had to end for want of memory."""
        for name in _EVENTS:
            with suppress(OSError):
                text = (self.folders[0] / name).read_text(encoding="ascii")
                words = (line.split() for line in text.splitlines())
                return sum(int(count) for key, count in words if key == "oom_kill")
        return 0

    def end(self) -> None:
        """End what is in it still, however that got away from its keeper."""
        for folder in self.folders:
            with suppress(OSError):  # so that nothing more begins in it
                (folder / _PROCESSES).write_text("0", encoding="ascii")
        for folder in self.folders:
            with suppress(OSError):
                for word in (folder / _MEMBERS).read_text(encoding="ascii").split():
                    _kill(int(word))

    def remove(self) -> bool:
        """Take it away; tell whether nothing is in it any more."""
        for folder in self.folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True


class Groups:
    """Makes groups with the same *limits* below *parents*, one for each hierarchy."""

    def __init__(
        self, parents: tuple[Path, ...], limits: Limits, *, is_second: bool
    ) -> None:
        self._parents = parents
        self._memory_bytes = limits.memory_bytes
        self.settings = _second(limits) if is_second else _first(limits)
        """What is written into the files of each group, as far as it has them."""
        self._left: list[Group] = []

    def make(self, name: str) -> Group:
        """Return a new group.

        Raises:
            OSError: The kernel refuses.

        """
        folders = tuple(parent / name for parent in self._parents)
        group = Group(folders, self._memory_bytes)
        try:
            for folder in group.folders:
                folder.mkdir()
                self._set(folder)
        except OSError:
            group.remove()
            raise
        return group

    def _set(self, folder: Path) -> None:
        for name, value in self.settings.items():
            file = folder / name
            if file.exists():  # each hierarchy has those of its controllers
                file.write_text(value, encoding="ascii")

    def discard(self, *groups: Group) -> None:
        """End and remove them, now or, where something is on its way out, soon."""
        left = [one for one in (*self._left, *groups) if not one.remove()]
        for one in left:
            one.end()
        self._left = left

    def sweep(self) -> None:
        """End and remove all that there are, whoever has made them."""
        folders = (one for parent in self._parents for one in parent.iterdir())
        self._left = []
        self.discard(*(Group((one,), 0) for one in folders if one.is_dir()))

    def close(self) -> None:
        """Remove what can be removed."""
        self.sweep()
        Group(self._parents, 0).remove()


def _kill(pid: int) -> None:
    # One that cannot be seen from here is called 0, which would be all of us.
    if pid > 0:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _first(limits: Limits) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": str(limits.memory_bytes),
        # With swap, where the kernel counts that; after the one above.
        "memory.memsw.limit_in_bytes": str(limits.memory_bytes),
        _PROCESSES: str(limits.processes),
        "cpu.cfs_period_us": str(_PERIOD_US),
        "cpu.cfs_quota_us": str(int(limits.processors * _PERIOD_US)),
    }


def _second(limits: Limits) -> dict[str, str]:
    return {
        "memory.max": str(limits.memory_bytes),
        "memory.swap.max": "0",
        _PROCESSES: str(limits.processes),
        "cpu.max": f"{int(limits.processors * _PERIOD_US)} {_PERIOD_US}",
    }


class Bounds(Struct, frozen=True):
    """What commands may take, and what of the kernel keeps it, if anything does."""

    limits: Limits = LIMITS
    groups: Groups | None = None
    images: Images | None = None


BOUNDS = Bounds()


async def find_bounds(
    folder: Path, limits: Limits = LIMITS, root: Path = ROOT, own: Path = OWN
) -> Bounds:
    """Return *limits* with groups that were seen to work.

    *folder* is the service's, whose groups are told apart from those of others by it.
    """
    name = mark_of(folder).strip(":").replace(":", "-")
    try:
        groups = await asyncio.to_thread(_seen_to_work, name, limits, root, own)
    except (OSError, subprocess.SubprocessError) as exc:
        _log.info("there are no control groups for apps", reason=str(exc))
        groups = None
    return Bounds(limits, groups)


def _seen_to_work(name: str, limits: Limits, root: Path, own: Path) -> Groups | None:
    groups = _found(name, limits, root, own.read_text(encoding="ascii"))
    if groups is not None:
        group = groups.make("trial")
        try:
            _enter(group)
        finally:
            groups.discard(group)
    return groups


def _enter(group: Group) -> None:
    words = [*group.entry, "/bin/true"]
    subprocess.run(  # noqa: S603 - ours
        words, check=True, timeout=_TRY_S, stdin=subprocess.DEVNULL, capture_output=True
    )


def _controllers(limits: Limits) -> tuple[str, ...]:
    """Return what is needed: the processor only where some have to be kept from apps.

    In a group of its own an app competes as a whole, whatever its priority is.
    """
    is_all = limits.processors >= (os.cpu_count() or 1)
    return ("memory", "pids") if is_all else ("memory", "pids", "cpu")


def _found(name: str, limits: Limits, root: Path, own: str) -> Groups | None:
    ours, wanted = dict(_hierarchies(own)), _controllers(limits)
    if all(one in ours for one in wanted):
        folders = [root / one / ours[one].lstrip("/") for one in wanted]
        is_second = False
    elif "" in ours:
        beside = _with_all(wanted, root, root / ours[""].lstrip("/"))
        folders, is_second = [] if beside is None else [beside], True
    else:
        folders, is_second = [], False
    if not folders:
        return None
    # Several controllers may share a hierarchy.
    parents = {(folder / name).resolve(): None for folder in folders}
    for parent in parents:
        parent.mkdir(exist_ok=True)
        if is_second:
            _hand_down(wanted, parent)
        weigh(parent)
    return Groups(tuple(parents), limits, is_second=is_second)


def weigh(parent: Path) -> None:
    """Let all apps together weigh as much as one task on each processor.

    Raises:
        OSError: The kernel refuses.

    """
    for name, weight in _WEIGHTS.items():
        if (parent / name).exists():
            cores = min(_MOST_CORES, os.cpu_count() or 1)
            (parent / name).write_text(str(weight * cores), encoding="ascii")


def _hierarchies(own: str) -> Iterator[tuple[str, str]]:
    """Yield each controller and our path in its hierarchy (cgroups(7))."""
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        for one in names.split(","):
            yield one, path


def _with_all(wanted: tuple[str, ...], root: Path, folder: Path) -> Path | None:
    """Return the nearest group above that has what is *wanted* for those below it."""
    while folder not in (root, root.parent):
        folder = folder.parent
        if _has_all(wanted, folder / "cgroup.subtree_control"):
            return folder
    if _has_all(wanted, root / "cgroup.controllers"):
        _hand_down(wanted, root)
        return root
    return None


def _has_all(wanted: tuple[str, ...], file: Path) -> bool:
    with suppress(OSError):
        return set(wanted) <= set(file.read_text(encoding="ascii").split())
    return False


def _hand_down(wanted: tuple[str, ...], folder: Path) -> None:
    words = " ".join(f"+{one}" for one in wanted)
    (folder / "cgroup.subtree_control").write_text(words, encoding="ascii")
