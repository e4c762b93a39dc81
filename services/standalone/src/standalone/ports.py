"""Ports for the services behind the one door.

A port is drawn before the process that will listen on it exists. So that two copies
which start at the same moment do not draw the same one, whoever draws a port also takes
the UDP port of that number, which nobody uses, and keeps it while it lives.
"""

import atexit
import random
import socket
from collections import deque
from contextlib import suppress

# Below the range that Linux hands to outgoing connections, so that a service which
# starts again finds its port free.
_FIRST, _LAST = 20_000, 32_767
_ATTEMPTS = 1000
_MOST_KEPT = 64

_kept: deque[socket.socket] = deque()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on or has drawn.

    Raises:
        OSError: There is none.

    """
    for _ in range(_ATTEMPTS):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - a guess, not a secret
        with suppress(OSError):
            return _take(port)
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def _take(port: int) -> int:
    token = socket.socket(type=socket.SOCK_DGRAM)
    try:
        token.bind(("127.0.0.1", port))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        token.close()
        raise
    _kept.append(token)
    if len(_kept) > _MOST_KEPT:
        _kept.popleft().close()
    return port


@atexit.register
def _let_go() -> None:
    while _kept:
        _kept.popleft().close()
