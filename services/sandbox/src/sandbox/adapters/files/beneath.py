"""Files below a folder whose contents are hostile.

Whoever can write into the folder may put a link, a pipe or a device where a file
should be, and may do so between any two of our steps. So each step goes from the
handle of one folder to the next and follows no link; text that joins paths is never
looked up. What is in the way of a file is moved out of the folder first.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A link where a folder should be; a file where a folder should be.
_NOT_A_FOLDER = (errno.ELOOP, errno.ENOTDIR)


class Beneath:
    """Reads and writes below *root*; *uid* owns what it makes there, unless None.

    *staging* is a folder on the same file system that nobody else can reach.
    """

    def __init__(self, root: Path, staging: Path, uid: int | None) -> None:
        self._root = root
        self._staging = staging
        self._uid = uid

    def write(self, path: str, content: bytes) -> None:
        """Put a file at *path*: at each moment there is the old one or the new one.

        Raises:
            OSError: The disk is full, or the name is not to be had.

        """
        temporary = self._staging / uuid4().hex
        try:
            with os.fdopen(os.open(temporary, _NEW, 0o644), "wb") as file:
                file.write(content)
                if self._uid is not None:
                    os.fchown(file.fileno(), self._uid, self._uid)
            with self._parent(path, make=True) as (folder, name):
                self._rename(temporary, folder, name)
        finally:
            temporary.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Remove the file at *path* and the folders that this leaves empty."""
        parts = path.split("/")
        with suppress(OSError), self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
        while len(parts) > 1:
            parts.pop()
            try:
                with self._parent("/".join(parts)) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
            except OSError:
                return

    def is_file(self, path: str) -> bool:
        """Tell whether a regular file stands at *path*, reached over no link."""
        try:
            with self._parent(path) as (folder, name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode)

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder stands at *path*, reached over no link."""
        try:
            with self._parent(path) as (folder, name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISDIR(status.st_mode)

    def make_room(self, name: str) -> None:
        """Move what stands at *name*, at the top, to where the app cannot reach it."""
        handle = os.open(self._root, _FOLDER)
        try:
            with suppress(FileNotFoundError):
                self._clear(handle, name)
        finally:
            os.close(handle)

    def put_folder(self, source: Path, name: str) -> None:
        """Put the folder *source*, which is ours, at *name* at the top."""
        handle = os.open(self._root, _FOLDER)
        try:
            os.rename(source, name, dst_dir_fd=handle)
        finally:
            os.close(handle)

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """Return the content of a regular file of at most *max_bytes*, else None."""
        try:
            with self._parent(path) as (folder, name):
                handle = os.open(name, _READ, dir_fd=folder)
        except OSError:
            return None
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            os.close(handle)
            return None
        with os.fdopen(handle, "rb") as file:
            content = file.read(max_bytes + 1)  # it may grow while we read
        return content if len(content) <= max_bytes else None

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder that holds *path*; yield its handle and the last name."""
        *folders, name = path.split("/")
        parts = (*folders, name)
        if any(part in ("", ".", "..") or not _is_name(part) for part in parts):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        handle = os.open(self._root, _FOLDER)
        try:
            for part in folders:
                following = self._enter(handle, part, make=make)
                os.close(handle)
                handle = following
            yield handle, name
        finally:
            os.close(handle)

    def _enter(self, folder: int, name: str, *, make: bool) -> int:
        if make:
            self._make_folder(folder, name)
        return os.open(name, _FOLDER, dir_fd=folder)

    def _make_folder(self, folder: int, name: str) -> None:
        try:
            handle = os.open(name, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            pass
        except OSError as exc:
            if exc.errno not in _NOT_A_FOLDER:
                raise
            self._clear(folder, name)
        else:
            os.close(handle)
            return
        with suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)
        if self._uid is not None:
            handle = os.open(name, _FOLDER, dir_fd=folder)
            try:
                os.fchown(handle, self._uid, self._uid)
            finally:
                os.close(handle)

    def _rename(self, source: Path, folder: int, name: str) -> None:
        try:
            os.rename(source, name, dst_dir_fd=folder)
        except IsADirectoryError:
            self._clear(folder, name)
            os.rename(source, name, dst_dir_fd=folder)

    def _clear(self, folder: int, name: str) -> None:
        """Move what is in the way to where the app cannot reach it."""
        os.rename(name, self._staging / f"old-{uuid4().hex}", src_dir_fd=folder)


def _is_name(part: str) -> bool:
    """Tell whether the kernel could be asked for *part* at all."""
    try:
        return b"\0" not in os.fsencode(part)
    except UnicodeEncodeError:
        return False
