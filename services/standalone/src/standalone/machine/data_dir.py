"""The data directory: one instance at a time, closed to other users."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standalone.errors import CannotStart

# Root's Postgres runs as nobody and has to pass this folder; it cannot list it.
_MODE = 0o711 if os.geteuid() == 0 else 0o700


@contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """Make *folder* if need be and hold it; lend its full path.

    Raises:
        CannotStart: It cannot be used, or another instance uses it.

    """
    try:
        folder.mkdir(mode=_MODE, parents=True, exist_ok=True)
        folder = folder.resolve(strict=True)
        folder.chmod(_MODE)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise CannotStart(
            f"The data directory {folder} cannot be used: {exc.strerror}. Set DATA_DIR "
            f"to another one."
        ) from exc
    try:
        _hold(lock, folder)
        yield folder
    finally:
        os.close(lock)  # which gives it back, as the end of the process would


def _hold(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        raise CannotStart(
            f"Atelier is already running on {folder} (process {owner or 'unknown'}): "
            f"stop it, or set DATA_DIR and PORT for a second one."
        ) from exc
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
