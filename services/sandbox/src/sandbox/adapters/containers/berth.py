"""Where the keeper in a container finds the service that it belongs to.

A folder of the host with one socket in it, mounted read-only into one container. The
socket is there until the keeper has come, which is before it starts the app: whoever
comes later finds nothing. What the keeper then gets are handles, so that neither output
nor the way to the app depends on the engine.
"""

import os
import shutil
import socket
import struct
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from sandbox.adapters.containers.container_body import SOCKET
from sandbox.adapters.keeping.control import readable

_ROOT = 0
_CREDENTIALS = struct.Struct("3i")


class Arrival(Struct, frozen=True):
    """A keeper that has come."""

    connection: socket.socket
    pid: int
    """Its process on this machine; 0 where that is not to be seen from here."""


class Berth:
    """A listening socket in a folder of its own; *uid* alone can reach it."""

    def __init__(self, above: Path, uid: int | None) -> None:
        self.token = uuid4().hex[:12]
        self.path = above / self.token
        self._uid = uid
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            self._listen(uid)
        except OSError:
            self.close()
            raise

    def _listen(self, uid: int | None) -> None:
        self.path.mkdir()
        self.path.chmod(0o711)
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Through the handle, because the path of a socket may have 107 bytes.
            self._listener.bind(f"/proc/self/fd/{handle}/{SOCKET}")
        finally:
            os.close(handle)
        file = self.path / SOCKET
        file.chmod(0o600)
        if uid is not None:
            os.chown(file, uid, uid)
        self._listener.listen(1)
        self._listener.settimeout(0)

    async def arrival(self) -> Arrival:
        """Wait for the keeper, and shut the door behind it."""
        while True:
            # Whoever is cancelled while he waits has not accepted anybody.
            await readable(self._listener.fileno())
            connection, _ = self._listener.accept()
            credentials = connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
            )
            pid, uid, _ = _CREDENTIALS.unpack(credentials)
            # Root is no app: where a container has a kernel of its own, it is whoever
            # opens files for that.
            if self._uid in (None, uid) or uid == _ROOT:
                break
            connection.close()
        self.close()
        return Arrival(connection, pid)

    def close(self) -> None:
        """Take the socket away, and the folder with it; again does nothing."""
        self._listener.close()
        shutil.rmtree(self.path, ignore_errors=True)
