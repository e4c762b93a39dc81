"""What it takes to run one process so that it never outlives us.

Each program leads its own process group, so that stopping it stops what it started and
Ctrl-C in a terminal reaches nobody but the supervisor; and the kernel ends it when we
die without a word (`PR_SET_PDEATHSIG`, Linux).
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from standalone.machine.identity import Identity

_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Program:
    """One process: what to run, as whom, and how to end it."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment; nothing is inherited."""
    cwd: Path | None = None
    identity: Identity | None = None
    """Whom to become; None: stay who we are."""
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 12.0),)
    """Sent one after the other, each with the seconds to wait; then SIGKILL."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when we are killed."""
    log_file: Path | None = None
    """Where its output goes; None: to the console."""
    pass_fds: tuple[int, ...] = ()

    def before_exec(self) -> Callable[[], None]:
        """Return the steps of the child between fork and exec.

        They must run in a process forked from the main thread: the kernel's signal is
        for the end of the thread that forked, not of the process.
        """
        parent = os.getpid()

        def steps() -> None:
            os.setpgid(0, 0)
            os.umask(0o077)
            if self.identity is not None:
                self.identity.assume()
            if sys.platform == "linux":
                # After the change of user, which would clear it.
                _libc.prctl(_PR_SET_PDEATHSIG, int(self.orphan_signal), 0, 0, 0)
                if os.getppid() != parent:  # we died before the line above
                    os._exit(1)

        return steps


def kill_group(pid: int) -> None:
    """End every process of the group that *pid* leads, at once."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:  # macOS says so when only zombies are left
        pass
