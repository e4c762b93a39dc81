"""What a sandbox may use; each number stands with its reason."""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Bounds of one command in a sandbox; a runtime says which of them it enforces."""

    open_files: int = 4096
    """Dev servers watch many files; a leak is noticed before the machine runs out."""
    file_bytes: int = 268_435_456
    """Largest single file: no build output comes near, a runaway log does."""
    processes: int = 512
    """Processes and threads. Node and its bundlers start a few for each core."""
    memory_bytes: int = 2_147_483_648
    """A type checker or bundler of a rich app takes 1 GiB; a leak takes everything."""
    processors: float = 2.0
    """Where they can be counted: a bundler uses two, the rest is for the others."""
    disk_bytes: int = 2_147_483_648
    """All of a project's folders. The packages of a rich app take a quarter of it."""
    spare_bytes: int = 268_435_456
    """What stays free of the disk that all share: below that nothing starts, and who
    has most on it ends. Some megabytes less, and nobody can write anything."""
    core_bytes: int = 0
    """A crash writes no memory image: it would hold whatever the app knew."""


LIMITS = Limits()

INSTALL_S = 300.0
"""A big dependency tree with a cold cache on a slow line, not more."""
START_S = 60.0
"""A first compilation under load; a server that needs longer does not answer at all."""
ERROR_S = 8.0
"""An app that answers with errors for so long is not warming up."""
LACKING_S = 30.0
"""A part of a page that does not come for so long, time and again, never comes."""
CHECK_S = 90.0
"""For everything that is asked of an app to see whether it works."""
TYPES_S = 60.0
"""For a type checker; what it has not found by then it does not tell."""
STOP_S = 3.0
"""Between asking a server to end and ending it."""
IDLE_S = 900.0
"""Without a request or an operation a server is stopped; the next one starts it."""
READ_BYTES = 1_048_576
"""Largest manifest that is read back out of a sandbox."""
SERVED_BYTES = 8_388_608
"""Largest file of a plain page: a project's are smaller, and it is held in memory."""
FILES = 1000
"""Most files of a project that are written to its folder."""
