"""A tiny process above the supervisor, for the end that nobody planned.

If the supervisor is killed, the processes that it started are ended by the kernel, but
not what those had started in turn. The guardian adopts such orphans
(`PR_SET_CHILD_SUBREAPER`, Linux) and ends them. If the guardian is killed, the
supervisor is told by a signal and ends everything at once.

It also hands signals on exactly once: in a terminal Ctrl-C reaches a whole group of
processes, and a second one means "at once".
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_libc = ctypes.CDLL(None, use_errno=True)


def guard(main: Callable[[], int]) -> int:
    """Run *main* in a child; return its exit code when nothing that it started is left.

    *main* should end at SIGTERM and SIGINT, and take SIGQUIT for "at once". On other
    systems than Linux it runs in this process, without a guardian.
    """
    if sys.platform != "linux":
        return main()
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    guardian = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_be_supervisor(main, guardian))

    def hand_on(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _FORWARDED:
        signal.signal(number, hand_on)
    code = _wait_for(child)
    end_descendants()
    return code


def _be_supervisor(main: Callable[[], int], guardian: int) -> int:
    os.setpgid(0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)
    if os.getppid() != guardian:
        return 1
    try:
        return main()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 1
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()


def _wait_for(child: int) -> int:
    """Wait for *child*, burying adopted orphans meanwhile."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return max(os.waitstatus_to_exitcode(status), -1) % 256


def end_descendants() -> None:
    """End every process below this one, until there is none."""
    while found := _descendants(os.getpid()):
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _descendants(root: int) -> list[int]:
    """Return the processes below *root*, zombies of others left out."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                # pid (name) state ppid ...; the name may hold anything
                stat = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(stat[1]), []).append(int(folder.name))
    found = list(children.get(root, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found
