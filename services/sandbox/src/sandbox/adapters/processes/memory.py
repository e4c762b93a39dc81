"""How much memory a command uses with all that it has started.

Read from /proc, so it holds without cgroups, for which one has to be root or to be
given some. Somebody has to look: between two looks an app may go beyond its bound.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sandbox.adapters.keeping.keeper import descendants

_PAGE = os.sysconf("SC_PAGE_SIZE")
_RESIDENT = 1
_SHARED = 2


def used_by(roots: Iterable[int]) -> dict[int, int]:
    """Return the bytes that each of these processes and its descendants hold.

    Pages that are shared, such as those of a program's file, are left out: they would
    be counted for each process.
    """
    return {root: sum(map(_own_bytes, {root, *descendants(root)})) for root in roots}


def _own_bytes(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        columns = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return (int(columns[_RESIDENT]) - int(columns[_SHARED])) * _PAGE
    return 0
