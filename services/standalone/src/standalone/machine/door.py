"""The sockets of the one door, and whom to name when the port is taken."""

import errno
import socket
from contextlib import suppress
from pathlib import Path

from standalone.errors import CannotStart

_BACKLOG = 1024
_LISTENING = "0A"
_LOCAL_ADDRESS, _STATE, _INODE = 1, 3, 9  # columns of /proc/net/tcp


def open_door(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on *port* of *host*.

    For `localhost` these are both loopback addresses: browsers try ::1 first, and
    somebody else's server there would be what they show.

    Raises:
        CannotStart: The port is taken or not allowed.

    """
    addresses = ["127.0.0.1", "::1"] if host == "localhost" else [host]
    sockets: list[socket.socket] = []
    for address in addresses:
        try:
            sockets.append(_listen(address, port))
        except OSError as exc:
            if address == "::1" and exc.errno != errno.EADDRINUSE:
                continue  # a machine without IPv6
            for opened in sockets:
                opened.close()
            raise CannotStart(_why(host, port, exc)) from exc
    return sockets


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _why(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        holder = _holder_of(port)
        by = f" by {holder}" if holder else ""
        return f"Port {port} is in use{by}: try PORT={port + 1} make run"
    return f"Cannot listen on {host}:{port}: {exc.strerror}."


def _holder_of(port: int) -> str | None:
    """Return name and id of the process that listens on *port*, where we may know."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            for link in (folder / "fd").iterdir():
                if str(link.readlink()) in inodes:
                    name = (folder / "comm").read_text(encoding="utf-8").strip()
                    return f"{name} (process {folder.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                taken = int(columns[_LOCAL_ADDRESS].rpartition(":")[2], 16)
                if taken == port and columns[_STATE] == _LISTENING:
                    found.add(f"socket:[{columns[_INODE]}]")
    return found
