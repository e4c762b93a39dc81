"""Ports for the services behind the one door."""

import random
import socket

# Below the range that Linux hands to outgoing connections, so that a service which
# starts again finds its port free.
_FIRST, _LAST = 20_000, 32_767
_ATTEMPTS = 100


def free_port() -> int:
    """Return a TCP port that nobody listens on at 127.0.0.1 at this moment."""
    for _ in range(_ATTEMPTS):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - a guess, not a secret
        if _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
