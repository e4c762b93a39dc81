"""Folders and files that nobody else may read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standalone.errors import CannotStart


@contextmanager
def usable(place: Path) -> Iterator[None]:
    """Turn what the machine refuses about *place*, or a part of it, into a sentence.

    Raises:
        CannotStart: In place of an OSError.

    """
    try:
        yield
    except OSError as exc:
        # Of a rename the second name is the one that was in the way.
        what = exc.filename2 or exc.filename or place
        raise CannotStart(f"{what} cannot be used: {exc.strerror}.") from exc


def make_folder(folder: Path) -> None:
    """Make *folder*, closed to others, unless it is there.

    Raises:
        CannotStart: It cannot be.

    """
    with usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(file: Path, content: bytes) -> None:
    """Write *content* whole or not at all, readable by nobody else from the start.

    Raises:
        OSError: The folder is not there or not ours.

    """
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(number, "wb") as stream:  # noqa: PTH123 - of a descriptor, not a path
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
