"""Processes that an instance of this service has left behind, found and ended.

Ours carry a mark: in the command line of the keeper, in the environment of what it
started, or, where projects have users of their own, in whom they run as.
"""

import hashlib
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from sandbox.adapters.keeping.keeper import descendants

VARIABLE = "ATELIER_SANDBOX"
_GIVE_UP_S = 10.0
_ROUND_S = 0.01


def mark_of(root: Path, project_id: UUID | None = None) -> str:
    """Return what marks the processes below *root*, of one project or of all."""
    installation = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    return f"atelier-sandbox:{installation}:{project_id or ''}"


def new_mark(root: Path, project_id: UUID) -> str:
    """Return the mark of one command, which those of `mark_of` are the beginning of."""
    return f"{mark_of(root, project_id)}:{uuid4().hex[:12]}"


def end_marked(mark: str, uid: int | None = None) -> int:
    """End every process that carries *mark* or runs as *uid*; return how many.

    Returns when none is left, or after 10 s when some cannot be ended.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + _GIVE_UP_S
    while found := _marked(mark.encode(), uid):
        ended |= found
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        time.sleep(_ROUND_S)
    return len(ended)


def _marked(mark: bytes, uid: int | None) -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        if _is_marked(entry, mark, uid):
            pid = int(entry.name)
            found |= {pid, *descendants(pid)}
    return found - {os.getpid()}


def _is_marked(entry: Path, mark: bytes, uid: int | None) -> bool:
    with suppress(OSError):
        if uid is not None and entry.stat().st_uid == uid:
            return not _is_zombie(entry)
        if mark in (entry / "cmdline").read_bytes():
            return True
        return mark in (entry / "environ").read_bytes()
    return False


def _is_zombie(entry: Path) -> bool:
    return b") Z " in (entry / "stat").read_bytes()
