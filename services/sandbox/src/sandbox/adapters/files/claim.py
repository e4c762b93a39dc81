"""One service for each folder: two that both believed to own it would end each other.

The kernel keeps the lock for as long as the process lives, however it ends.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

_ROUND_S = 0.2


class Claimed(Exception):
    """Another process has the folder; one sentence says so."""


@asynccontextmanager
async def claim(root: Path, *, patience_s: float) -> AsyncIterator[None]:
    """Have *root* to ourselves; one that is leaving gets *patience_s* to do so.

    Raises:
        Claimed: It did not leave.

    """
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(1 + int(patience_s / _ROUND_S)):
            if _locked(handle):
                break
            await asyncio.sleep(_ROUND_S)
        else:
            raise Claimed(f"Another sandbox service has the folder {root}.")
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def installation(root: Path) -> str:
    """Return what names this folder among all others; made once, and kept."""
    file = root / "installation"
    if not file.exists():
        temporary = root / "installation.new"
        temporary.write_text(uuid4().hex, encoding="ascii")
        temporary.replace(file)
    return file.read_text(encoding="ascii")
