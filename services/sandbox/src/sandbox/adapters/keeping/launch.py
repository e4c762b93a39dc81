"""What every way of starting a command has in common: the plan and the environment."""

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from sandbox.adapters.keeping.keeper import Spec
from sandbox.adapters.toolbox import Registries
from sandbox.domain.limits import LIMITS
from sandbox.ports import Command, Isolation

KEEPER = Path(__file__).with_name("keeper.py")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


class Plan(Struct, frozen=True):
    """How one command is going to be started."""

    argv: list[str]
    """The first process: a keeper, or what makes a sandbox around it."""
    spec: Spec
    mark: str
    """What finds the processes of this command; see `leftovers`."""
    pass_fds: tuple[int, ...] = ()
    info_fd: int | None = None
    """Where bubblewrap writes which process is the first inside."""


class Mounted(Struct, frozen=True):
    """A folder that is mounted where not everybody sees it."""

    folder: Path
    entry: list[str]
    """The words before a command that let it see the folder."""


class Launcher(Protocol):
    """One way of keeping commands apart."""

    @property
    def isolation(self) -> Isolation:
        """What it keeps apart."""
        ...

    def plan(
        self,
        project_id: UUID,
        command: Command,
        registries: Registries | None,
        control_fd: int,
        modules: Mounted | None = None,
    ) -> Plan:
        """Return how to start *command*; the keeper finds the service at *control_fd*.

        *registries* is there for a command that installs, *modules* where the packages
        are not in the project's folder.

        Raises:
            RuntimeFailed: It cannot be started.

        """
        ...


def limits(*, processes: bool) -> list[tuple[int, int]]:
    """Return what `setrlimit` is called with.

    The number of processes counts for a user: it is left alone where that is a person.
    Memory is not limited here, because V8 reserves more than it uses.
    """
    chosen = [
        (resource.RLIMIT_NOFILE, LIMITS.open_files),
        (resource.RLIMIT_FSIZE, LIMITS.file_bytes),
        (resource.RLIMIT_CORE, LIMITS.core_bytes),
    ]
    if processes:
        chosen.append((resource.RLIMIT_NPROC, LIMITS.processes))
    return chosen


def base_environment(tools: Path, home: str) -> dict[str, str]:
    """Return the environment of every command. Nothing is inherited."""
    return {
        "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "NODE_ENV": "development",
        "BROWSER": "none",
        "PYTHONUNBUFFERED": "1",
    }


def server_environment(port: int, preview_domain: str) -> dict[str, str]:
    """Return what tells a server where to listen and which host names are ours."""
    return {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS": f".{preview_domain}",
    }


def install_environment(
    registries: Registries, cache: str, proxies: Mapping[str, str]
) -> dict[str, str]:
    """Return what leads package managers to the registries of this machine."""
    found = {
        "npm_config_registry": registries.npm,
        "npm_config_cache": f"{cache}/npm",
        "npm_config_strict_ssl": str(registries.strict).lower(),
        "npm_config_update_notifier": "false",
        # Of its own for each project, because bun does not check again what lies in
        # it, and where links can be made from it.
        "BUN_INSTALL_CACHE_DIR": "node_modules/.cache/bun",
        "PIP_INDEX_URL": registries.python[0],
        "PIP_CACHE_DIR": f"{cache}/pip",
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "UV_INDEX_URL": registries.python[0],
        "UV_CACHE_DIR": f"{cache}/uv",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NATIVE_TLS": "1",
        "UV_LINK_MODE": "copy",
    }
    if not registries.strict:
        found["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
    if registries.certificates is not None:
        found["NODE_EXTRA_CA_CERTS"] = registries.certificates
        found["npm_config_cafile"] = registries.certificates
    for name in _PROXIES:
        if name in proxies:
            found[name] = found[name.lower()] = proxies[name]
    return found


def trust_environment(certificates: Path | None) -> dict[str, str]:
    """Return what makes programs trust the bundle that this machine trusts."""
    if certificates is None:
        return {}
    names = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT")
    return dict.fromkeys(names, str(certificates))


def as_arguments(argv: list[str], port: int, way: int = 0) -> list[str]:
    """Return *argv* with the ports where they belong."""
    return [
        word.replace("{port}", str(port)).replace("{way}", str(way)) for word in argv
    ]


def is_root() -> bool:
    """Tell whether this process may change into other users."""
    return os.geteuid() == 0
