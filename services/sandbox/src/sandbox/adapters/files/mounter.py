"""The program that mounts overlays, in a mount namespace that nobody else is in.

It is run as a file by a bare Python (`python -I -S mounter.py FD`). FD is a socket
to the service, over which comes one JSON text a line (`Wish`), answered by a line that
is empty or says what went wrong. Commands of sandboxes enter the namespace, so they see
what is mounted; the machine does not. The end of the socket ends it, and with the last
command in it the namespace and every mount are gone: nothing has to be cleaned up.
"""

import ctypes
import json
import os
import socket
import sys
from typing import TypedDict

_NOSUID = 2
_NODEV = 4
_DETACH = 2


class Wish(TypedDict):
    """What to do. Without `lower` the *target* is unmounted."""

    target: str
    lower: str
    upper: str
    work: str


def main() -> None:
    """Do what is asked for until the service is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    libc = ctypes.CDLL(None, use_errno=True)
    with control.makefile("rb") as lines:
        for line in lines:
            wish: Wish = json.loads(line)
            error = _mount(libc, wish) if wish["lower"] else _unmount(libc, wish)
            control.sendall(f"{os.strerror(error) if error else ''}\n".encode())


def _mount(libc: ctypes.CDLL, wish: Wish) -> int:
    named = {"lowerdir": "lower", "upperdir": "upper", "workdir": "work"}
    options = [f"{option}={_quoted(wish[key])}" for option, key in named.items()]  # type: ignore[literal-required]
    # The attributes that whoever is not root may set; kernels before 5.11 know no
    # others than root's.
    for flags in (["userxattr"], []):
        text = ",".join([*options, *flags]).encode()
        target = os.fsencode(wish["target"])
        if not libc.mount(b"overlay", target, b"overlay", _NOSUID | _NODEV, text):
            return 0
    return ctypes.get_errno()


def _unmount(libc: ctypes.CDLL, wish: Wish) -> int:
    failed = libc.umount2(os.fsencode(wish["target"]), _DETACH)
    return ctypes.get_errno() if failed else 0


def _quoted(path: str) -> str:
    for special in ("\\", ":", ","):
        path = path.replace(special, f"\\{special}")
    return path


if __name__ == "__main__":
    main()
