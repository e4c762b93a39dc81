"""Files as disks, and mounts that everybody on this machine sees: the kernel's side."""

import ctypes
import errno
import fcntl
import os
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ROUND_S = 0.02

# From linux/loop.h.
_CONTROL = Path("/dev/loop-control")
_LOOPS = 7
"""Their major number."""
_GET_FREE = 0x4C82
_CONFIGURE = 0x4C0A
_CONFIG = struct.Struct("<II52xI176x64x")
"""File, size of a block, then of `loop_info64` the flags."""
_AUTOCLEAR = 4
_TRIES = 50
"""Others look for a free device as well."""
_BUSY = (errno.EBUSY, errno.ENXIO)

# From linux/mount.h.
_NOSUID, _NODEV, _NOATIME = 2, 4, 1024
_BIND, _PRIVATE, _SHARED = 4096, 1 << 18, 1 << 20
_DETACH = 2


def mount_image(image: Path, target: Path, options: bytes) -> None:
    """Mount the file system of type ext4 in the file *image* at *target*.

    Raises:
        OSError: The kernel refused.

    """
    with image.open("r+b") as file:
        for tries_left in reversed(range(_TRIES)):
            try:
                with _attached(file.fileno()) as device:
                    flags = _NOSUID | _NODEV | _NOATIME
                    _mount(device, target, flags, b"ext4", options)
            except OSError as exc:
                if exc.errno not in _BUSY or not tries_left:
                    raise
                time.sleep(_ROUND_S)
            else:
                return


def are_attached(folder: Path) -> bool:
    """Tell whether any device is made of a file below *folder*."""
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):  # it may go meanwhile
            if file.read_bytes().startswith(os.fsencode(folder) + b"/"):
                return True
    return False


@contextmanager
def _attached(file: int) -> Iterator[Path]:
    """Lend a device with what is in *file*; it goes with whoever uses it last."""
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        number = fcntl.ioctl(control, _GET_FREE)
    finally:
        os.close(control)
    device = Path(f"/dev/loop{number}")
    if not device.exists():  # a container has those that there were when it began
        os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(_LOOPS, number))
    handle = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(handle, _CONFIGURE, _CONFIG.pack(file, 0, _AUTOCLEAR))
        yield device
    finally:
        os.close(handle)


def _mount(
    source: Path | None,
    target: Path,
    flags: int,
    kind: bytes | None = None,
    options: bytes | None = None,
) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    named = None if source is None else os.fsencode(source)
    if libc.mount(named, os.fsencode(target), kind, flags, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount_shared(folder: Path) -> None:
    """Let copies of our mounts follow what is mounted below *folder*, and goes there.

    Raises:
        OSError: The kernel refused.

    """
    _mount(folder, folder, _BIND)
    for flag in (_PRIVATE, _SHARED):
        _mount(None, folder, flag)


def unmount(target: Path) -> None:
    """Take away what is mounted there and below; who has files of it open keeps them.

    Raises:
        OSError: The kernel refused.

    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(target), _DETACH):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def is_mounted(folder: Path) -> bool:
    """Tell whether something is mounted on *folder*, be it the folder itself."""
    signs = (f"\\{ord(one):03o}" if one in " \t\n\\" else one for one in str(folder))
    name = "".join(signs)
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    return any(line.split(" ")[4] == name for line in lines.splitlines())
