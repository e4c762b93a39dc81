"""Run a program as another user than root, which Postgres insists on.

The other user may be unable to reach the program and its data: a checkout in root's
home lies below a folder of mode 0700. Opening that folder to everybody would be a
strange thing to do for a server that starts itself. So the child keeps, as its only
privilege, the right to pass folders that it may not read (`capabilities(7)`).
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from standalone.errors import CannotStart

_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522

# Either is enough; the first allows less, the second is what containers have.
_PASS_FOLDERS = (2, 1)  # CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE
_SET_SECUREBITS = 8  # CAP_SETPCAP

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user to become, and the one capability to keep, if any."""

    uid: int
    gid: int
    capability: int | None = None

    def assume(self) -> None:
        """Become this user, for good. Called between fork and exec.

        Raises:
            OSError: The system refuses.

        """
        os.setgroups([])
        if self.capability is not None:
            # Keeps capabilities over the change of user, and lets access(2) count
            # them, with which Postgres looks for its own programs.
            _check(_libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        if self.capability is not None:
            _keep_only(self.capability)


def unprivileged(paths: Iterable[Path]) -> Identity | None:
    """Return whom to become so as to reach *paths*; None unless we are root.

    Raises:
        CannotStart: Nobody else than root can reach them, however we try.

    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    closed = [path for path in paths if not _can_reach(path, nobody.pw_uid)]
    if not closed:
        return Identity(nobody.pw_uid, nobody.pw_gid)
    capability = next((one for one in _PASS_FOLDERS if _effective(one)), None)
    if capability is None or not _effective(_SET_SECUREBITS):
        raise CannotStart(
            f"Postgres does not run as root, and the user nobody cannot reach "
            f"{closed[0]}: set DATA_DIR to a folder whose parents all may enter, or "
            f"start Atelier as a plain user."
        )
    return Identity(nobody.pw_uid, nobody.pw_gid, capability)


def _can_reach(path: Path, uid: int) -> bool:
    for folder in path.resolve().parents:
        status = folder.stat()
        needed = 0o100 if status.st_uid == uid else 0o001
        if not status.st_mode & needed:
            return False
    return True


def _effective(capability: int) -> bool:
    if sys.platform != "linux":
        return False
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def _keep_only(capability: int) -> None:
    """Shrink what was kept over the change of user to one, and let exec pass it on."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective permitted inherit.
    _check(_libc.capset(header, sets))
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
