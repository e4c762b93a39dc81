"""Write a file that nobody else may read."""

import os
from pathlib import Path


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
