"""Write a project's files beneath a folder, and nowhere else.

A model chose the paths. Each is checked by the one path policy, and each folder on the
way is opened from the one above it without following links, so that not even a link
that somebody put there leads out (`openat(2)`).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from scof import UnsafePath, safe_path
from standalone.client.errors import CommandFailed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def pull(files: Mapping[str, str], folder: Path, *, overwrite: bool) -> list[str]:
    """Write *files* beneath *folder*; return the paths that were written or changed.

    Nothing is written unless everything can be.

    Raises:
        CommandFailed: A path is unsafe, a link is in the way, or, without *overwrite*,
            a file with other content.

    """
    checked = {_checked(path): content for path, content in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise CommandFailed(f"{folder} is not to be had: {exc.strerror}.") from exc
    try:
        changed = {
            path: content
            for path, content in checked.items()
            if _read(root, path) != content.encode()
        }
        in_the_way = [path for path in changed if _read(root, path) is not None]
        if in_the_way and not overwrite:
            raise CommandFailed(
                f"{', '.join(in_the_way[:3])} in {folder} would be overwritten: use "
                f"--force for that."
            )
        for path, content in changed.items():
            _write(root, path, content.encode())
    finally:
        os.close(root)
    return sorted(changed)


def _checked(path: str) -> str:
    try:
        return safe_path(path)
    except UnsafePath as exc:
        raise CommandFailed(f"The path {path!r} is not safe: {exc}.") from exc


def _read(root: int, path: str) -> bytes | None:
    """Return what is there, None for nothing.

    Raises:
        CommandFailed: A link or a folder is in the place of the file.

    """
    try:
        with _parent(root, path, make=False) as (folder, name):
            number = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
            )
            with open(number, "rb") as file:  # noqa: PTH123 - of a descriptor
                return file.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _in_the_way(path, exc) from exc


def _write(root: int, path: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with _parent(root, path, make=True) as (folder, name):
            number = os.open(name, flags, 0o644, dir_fd=folder)
            with open(number, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(content)
    except OSError as exc:
        raise _in_the_way(path, exc) from exc


@contextmanager
def _parent(root: int, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
    """Open the folder of *path* from *root* on; lend it with the file's name."""
    *folders, name = path.split("/")
    current = os.dup(root)
    try:
        for folder in folders:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o755, dir_fd=current)
            below = os.open(folder, _FOLDER, dir_fd=current)
            os.close(current)
            current = below
        yield current, name
    finally:
        os.close(current)


def _in_the_way(path: str, exc: OSError) -> CommandFailed:
    return CommandFailed(f"{path} cannot be written here: {exc.strerror}.")
