"""A file system for each project, in a file of fixed size, which the kernel keeps to.

What an app writes beyond it fails with ENOSPC, for this app alone. The file is sparse:
it takes what is in it. Only root can have this, where there are loop devices; without,
all folders share one disk, and somebody looks (`disk.py`).

Nothing is mounted for longer than we live: a process that outlives us, however we end,
takes away the folder that everything is mounted below.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from chassis import logs
from sandbox.adapters.files import loops
from sandbox.adapters.files.layout import PASS, Disk, Layout, make_folder
from sandbox.adapters.keeping.launch import is_root

_log = logs.get(__name__)

_FORMAT = ("-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard")
"""No journal: after a power cut all of it is made anew from the log. What is skipped is
zero already."""
_DENSITY = ("-b", "4096", "-i", "8192", "-m", "2")
"""One file for so many bytes, as packages have them; and some room for us alone, so
that files that mend an app which has filled its disk can be written."""
_PAGE = 4096

_OPTIONS = b"discard,noinit_itable"
_LITTLE_BYTES = 2_097_152
"""With less than this a disk is full: programs write as much at once."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
# From the description of ext4's superblock.
_STATE_AT = 1024 + 58
_CLEAN = b"\1\0"
_LEAVING_S = 2.0
"""For the last process of an earlier instance to let go of what was mounted."""
_PATIENCE_S = 10.0
_ROUND_S = 0.02


class Blank(Struct, frozen=True):
    """A file system with nothing in it."""

    size: int
    pieces: tuple[tuple[int, bytes], ...]
    """Offset and content of what is not zero."""

    def write(self, image: Path) -> None:
        """Make *image* one.

        Raises:
            OSError: The disk is full.

        """
        try:
            with image.open("xb", buffering=0) as file:
                image.chmod(0o600)
                file.truncate(self.size)
                for offset, piece in self.pieces:
                    os.pwrite(file.fileno(), piece, offset)
        except OSError:
            image.unlink(missing_ok=True)
            raise

    def is_whole(self, image: Path) -> bool:
        """Tell whether *image* is of our size, and was unmounted after its last use."""
        with suppress(FileNotFoundError), image.open("rb") as file:
            state = os.pread(file.fileno(), len(_CLEAN), _STATE_AT)
            return state == _CLEAN and os.fstat(file.fileno()).st_size == self.size
        return False


class Images:
    """Mounts the disks of projects, each of the size of *blank*."""

    def __init__(self, blank: Blank) -> None:
        self._blank = blank
        self._opened: set[Path] = set()
        self._opening = threading.Lock()

    def open(self, disk: Disk, *, make: bool) -> None:
        """Mount what *disk* holds; with *make* also where it holds nothing yet.

        Raises:
            OSError: There is no room for it, or the kernel refused.

        """
        with self._opening:
            if disk.path in self._opened:
                return
            if not self._blank.is_whole(disk.image):
                # What is said of its content goes first.
                disk.template.unlink(missing_ok=True)
                disk.image.unlink(missing_ok=True)
                if not make:
                    return
                make_folder(disk.path, PASS)
                make_folder(disk.files, PASS)
                self._blank.write(disk.image)
            loops.mount_image(disk.image, disk.files, _OPTIONS)
            disk.files.chmod(PASS)
            self._opened.add(disk.path)

    def full(self, disk: Disk) -> bool:
        """Tell whether an app gets nothing more onto *disk*, which we may still do."""
        if disk.path not in self._opened:
            return False
        status = os.statvfs(disk.files)
        left = status.f_bavail * status.f_frsize
        return status.f_favail == 0 or left < _LITTLE_BYTES

    @property
    def sentence(self) -> str:
        """What is said of a disk that is full."""
        return (
            f"The folder of the app is full: it can hold {self._blank.size >> 20} MiB."
        )

    def close(self, disk: Disk) -> None:
        """Take it away; what still has files of it open keeps them until it ends."""
        if disk.path in self._opened:
            self._opened.discard(disk.path)
            with suppress(OSError):
                loops.unmount(disk.files)


class Ground:
    """The folder that disks are mounted below, and who takes it away after us."""

    def __init__(self, keeper: "subprocess.Popen[bytes]") -> None:
        self._keeper = keeper

    def close(self) -> None:
        """Take it away."""
        self._keeper.communicate()


def take_ground(layout: Layout) -> Ground | None:
    """End what an earlier instance has mounted; return a new ground, or None.

    What is mounted on it is seen by processes that have a copy of it, such as the one
    that mounts overlays, and goes there as well.
    """
    if not is_root() or shutil.which("umount") is None:
        return None
    disks = layout.disks
    lock = os.open(layout.root / "disks.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        _wait_for(lock)
        while loops.is_mounted(disks):
            loops.unmount(disks)
        _wait_until_left(disks)
        _forget_other_boots(lock, disks)
        loops.mount_shared(disks)
        words = ("sh", "-c", 'read _; exec umount -l "$0"', str(disks))
        # It has the lock for as long as it lives, and ends when we have ended.
        keeper = subprocess.Popen(  # noqa: S603 - ours
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock],
            start_new_session=True,
        )
    except OSError as exc:
        _log.info("disks of apps have no bound", reason=str(exc))
        return None
    finally:
        os.close(lock)
    return Ground(keeper)


async def find_images(layout: Layout, size: int) -> Images | None:
    """Return disks of *size* bytes that were seen to work on this machine, or None."""
    try:
        return await asyncio.to_thread(_seen_to_work, layout, size)
    except (OSError, subprocess.SubprocessError) as exc:
        _log.info("disks of apps have no bound", reason=str(exc))
        return None


def _seen_to_work(layout: Layout, size: int) -> Images:
    images = Images(_blank(layout.root, size))
    disk = layout.disk(uuid4())
    try:
        images.open(disk, make=True)
        status = os.statvfs(disk.files)
        if status.f_blocks * status.f_frsize > size:
            raise OSError(errno.ENOTSUP, "what was mounted is not seen")
    finally:
        images.close(disk)
        shutil.rmtree(disk.path)
    return images


def _blank(folder: Path, size: int) -> Blank:
    with tempfile.TemporaryDirectory(dir=folder, prefix="blank-") as place:
        image = Path(place, "image")
        with image.open("wb") as file:
            file.truncate(size)
        words = ("mkfs.ext4", "-q", "-F", *_FORMAT, *_DENSITY, str(image))
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        subprocess.run(  # noqa: S603 - ours
            words, check=True, stdin=subprocess.DEVNULL, env={"PATH": path}
        )
        return Blank(size, tuple(_pieces(image)))


def _pieces(image: Path) -> Iterator[tuple[int, bytes]]:
    with image.open("rb", buffering=0) as file:
        handle, at = file.fileno(), 0
        size = os.fstat(handle).st_size
        while at < size:
            try:
                at = os.lseek(handle, at, os.SEEK_DATA)
            except OSError:  # there is nothing more
                return
            piece = os.pread(handle, _PAGE, at)
            if piece.strip(b"\0"):
                yield at, piece
            at += _PAGE


def _forget_other_boots(lock: int, disks: Path) -> None:
    """Delete images that the machine may have been switched off with, half written."""
    boot = _BOOT.read_bytes()
    if os.pread(lock, len(boot), 0) != boot:
        for image in disks.glob("*/image"):
            image.unlink()
        os.pwrite(lock, boot, 0)


def _wait_until_left(disks: Path) -> None:
    """Let what ends with an earlier instance leave its disks; others are lost."""
    deadline = time.monotonic() + _LEAVING_S
    while loops.are_attached(disks) and time.monotonic() < deadline:
        time.sleep(_ROUND_S)


def _wait_for(lock: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_ROUND_S)
        else:
            return
