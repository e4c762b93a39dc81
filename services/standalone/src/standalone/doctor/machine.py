"""Checks of the machine: versions, the data directory, disk, ports, isolation."""

import fcntl
import os
import platform
import resource
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from standalone.doctor.finding import Finding, fine, note, problem
from standalone.errors import CannotStart
from standalone.machine import door
from standalone.machine.node import find_node
from standalone.settings import Settings

_OLDEST_PYTHON = (3, 11)
_MIN_FREE_BYTES = 2 << 30
_MIN_FREE_SHARE = 0.05
_MIN_DESCRIPTORS = 4096
_SHORT_KEY = 32


def machine(settings: Settings) -> Iterator[Finding]:
    """Look at all of them."""
    yield from versions()
    yield from data_directory(settings.data_dir)
    yield disk(settings.data_dir)
    yield the_port(settings)
    yield descriptors()
    yield from exposure(settings)
    yield from previews(settings)


def versions() -> Iterator[Finding]:
    """Look for programs that are too old."""
    python = platform.python_version()
    if sys.version_info < _OLDEST_PYTHON:
        yield problem("Python", f"{python} is too old: 3.11 is needed.")
    else:
        yield fine("Python", python)
    node = find_node()
    if node is None:
        yield problem("Node.js", "There is none that is new enough: `make setup`.")
    else:
        yield fine("Node.js", str(node.node))


def is_running(folder: Path) -> bool:
    """Tell whether somebody holds the data directory."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def data_directory(folder: Path) -> Iterator[Finding]:
    """Look for what others could read, or we could not write."""
    about = "Data directory"
    if not folder.is_dir():
        yield note(about, f"{folder} is not there yet: the first start makes it.")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(about, f"{folder} is not ours to write: set DATA_DIR to another.")
        return
    for path, mask in (
        (folder, stat.S_IRWXG ^ stat.S_IXGRP | stat.S_IRWXO ^ stat.S_IXOTH),
        (folder / "secrets.json", stat.S_IRWXG | stat.S_IRWXO),
    ):
        if path.exists() and path.stat().st_mode & mask:
            mode = "u=rw,go=" if path.is_file() else "go-rw"
            yield problem(about, f"Others can read {path}: `chmod {mode} {path}`.")
            return
    state = "in use" if is_running(folder) else "not in use"
    yield fine(about, f"{folder} is ours and {state}.")


def disk(folder: Path) -> Finding:
    """Look for room: NATS stops writing without, and Postgres with it."""
    place = folder
    while not place.exists():
        place = place.parent
    usage, files = shutil.disk_usage(place), os.statvfs(place)
    free = f"{usage.free / (1 << 30):.1f} GB are free below {place}"
    if usage.free < _MIN_FREE_BYTES or usage.free < _MIN_FREE_SHARE * usage.total:
        return problem("Disk", f"Only {free}: make room, or nothing can be recorded.")
    if files.f_files and files.f_favail < _MIN_FREE_SHARE * files.f_files:
        return problem("Disk", f"Hardly another file can be made below {place}.")
    return fine("Disk", f"{free}.")


def the_port(settings: Settings) -> Finding:
    """Look whether the door can be opened, or is."""
    port = settings.port
    if is_running(settings.data_dir):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return problem(
                "Port",
                f"Atelier runs here, but nobody answers on PORT={port}.",
            )
        return fine("Port", f"{port} is open.")
    try:
        for listener in door.open_door(settings.host, port):
            listener.close()
    except CannotStart as exc:
        return problem("Port", str(exc))
    return fine("Port", f"{port} is free.")


def descriptors() -> Finding:
    """Look at how many files and sockets a process may have open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _MIN_DESCRIPTORS:
        return problem(
            "Descriptors", f"A process may open {most} files: raise `ulimit -n`."
        )
    return fine("Descriptors", f"A process may open {most} files.")


def exposure(settings: Settings) -> Iterator[Finding]:
    """Look for what is open to others and should not be."""
    about = "Exposure"
    if settings.secret_key is not None and len(settings.secret_key) < _SHORT_KEY:
        yield problem(
            about, f"SECRET_KEY is short: take at least {_SHORT_KEY} random characters."
        )
    if settings.host in ("localhost", "127.0.0.1", "::1"):
        yield fine(about, "Only this machine reaches the door.")
    elif not settings.url.startswith("https://"):
        yield problem(
            about,
            f"HOST={settings.host} lets others in, and nothing is encrypted: put a "
            "proxy with TLS in front, and set PUBLIC_URL to its address.",
        )
    else:
        yield note(about, "Others reach the door; PUBLIC_URL says that it is over TLS.")


def previews(settings: Settings) -> Iterator[Finding]:
    """Look whether apps could set cookies for the page, or the page for apps."""
    page = _labels(urlsplit(settings.url).hostname or "")
    apps = _labels(settings.preview_domain.partition(":")[0])
    if "localhost" in (page[-1], apps[-1]):
        return
    shared = min(len(page), len(apps))
    if page[-shared:] == apps[-shared:]:
        yield problem(
            "Previews",
            f"PREVIEW_DOMAIN={settings.preview_domain} and the host of PUBLIC_URL lie "
            "one below the other, so that apps can set cookies for the page: take "
            "another registrable domain.",
        )


def _labels(host: str) -> list[str]:
    return host.lower().strip(".").split(".")
