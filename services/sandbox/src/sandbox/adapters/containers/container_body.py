"""What an engine is asked for when a command gets a container.

One pure function, so that everything that keeps an app in is seen in one place, and
compared as a whole by a test. Nothing that a user, a model or a message says reaches
it: paths and names are made by the service from ids of its own.
"""

from pathlib import Path
from typing import Any

from msgspec import Struct

from sandbox.domain.limits import LIMITS

APP = "/app"
HOME = "/home/app"
CACHE = "/cache"
BERTH = "/run/atelier"
SHARED = "/opt/atelier"
SOCKET = "service"
"""Name of the socket in a berth."""
KEEPER_NAME = "keeper.py"
MODULES = "node_modules"
PATH = "/usr/local/bin:/usr/bin:/bin"
LABEL = "atelier.installation"
PROJECT_LABEL = "atelier.project"

_TEMPORARY_BYTES = 134_217_728
_SHARED_MEMORY_BYTES = 67_108_864
_FILES = 20_000
"""Files in the temporary folder: they are kept in memory that no limit sees."""
_STOP_S = 3


class Volume(Struct, frozen=True):
    """An overlay that the engine mounts."""

    name: str
    options: str
    """Of the mount, as the kernel reads them."""


class Order(Struct, frozen=True):
    """What one container is made of."""

    image: str
    installation: str
    project: str
    uid: int
    gid: int
    mark: str
    berth: Path
    shared: Path
    app: Path
    home: Path
    cache: Path | None
    """Downloaded packages, for a command that installs."""
    memory_bytes: int
    processors: float
    oci_runtime: str
    """Name of the engine's runtime, such as `runsc`; empty: the engine's default."""
    group: str = ""
    """Control group above its own; empty: where the engine has containers."""
    modules: Volume | None = None
    """What lies below `node_modules`, where that is not in the folder itself."""


def body(order: Order) -> dict[str, Any]:
    """Return the body of `POST /containers/create`."""
    return {
        "Image": order.image,
        "User": f"{order.uid}:{order.gid}",
        "Hostname": "sandbox",
        "Tty": False,
        "OpenStdin": False,
        "WorkingDir": "/",
        "Env": [f"PATH={PATH}"],
        "Entrypoint": ["python3", "-I", "-S", f"{SHARED}/{KEEPER_NAME}"],
        "Cmd": [f"{BERTH}/{SOCKET}", order.mark],
        "StopSignal": "SIGTERM",
        "StopTimeout": _STOP_S,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {LABEL: order.installation, PROJECT_LABEL: order.project},
        "NetworkDisabled": True,
        "HostConfig": _host_config(order),
    }


def _host_config(order: Order) -> dict[str, Any]:
    config: dict[str, Any] = {
        # The keeper is the first process: it reaps, and its end is everybody's.
        "Init": False,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": [],
        # The engine's own list of system calls stays; the keeper adds ours to it.
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
        "Mounts": _mounts(order),
        "Tmpfs": {
            "/tmp": (  # noqa: S108 - the container's
                f"rw,noexec,nosuid,nodev,mode=1777,size={_TEMPORARY_BYTES},"
                f"nr_inodes={_FILES}"
            ),
        },
        "ShmSize": _SHARED_MEMORY_BYTES,
        "PidsLimit": LIMITS.processes,
        "Memory": order.memory_bytes,
        "MemorySwap": order.memory_bytes,
        "OomKillDisable": False,
        "OomScoreAdj": 500,
        "NanoCpus": int(order.processors * 1e9),
        "CpuShares": 256,
        "CgroupParent": order.group,
        "Ulimits": [
            _ulimit("nofile", LIMITS.open_files),
            _ulimit("fsize", LIMITS.file_bytes),
            _ulimit("core", LIMITS.core_bytes),
        ],
        "NetworkMode": "none",
        "IpcMode": "private",
        "PidMode": "",
        "UTSMode": "",
        "UsernsMode": "",
        "CgroupnsMode": "private",
        "PublishAllPorts": False,
        "PortBindings": {},
        "Devices": [],
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        # Output takes a way of its own: what comes this one comes from nobody of ours.
        "LogConfig": {"Type": "none", "Config": {}},
    }
    if order.oci_runtime:
        config["Runtime"] = order.oci_runtime
    return config


def _mounts(order: Order) -> list[dict[str, Any]]:
    mounts = [
        _mount(order.app, APP),
        _mount(order.home, HOME),
        _mount(order.berth, BERTH, read_only=True),
        _mount(order.shared, SHARED, read_only=True),
    ]
    if order.cache is not None:
        mounts.append(_mount(order.cache, CACHE))
    if order.modules is not None:
        mounts.append(_overlay(order.modules, order.installation))
    return mounts


def _overlay(volume: Volume, installation: str) -> dict[str, Any]:
    options = {"type": "overlay", "device": "overlay", "o": volume.options}
    return {
        "Type": "volume",
        "Source": volume.name,
        "Target": f"{APP}/{MODULES}",
        "VolumeOptions": {
            "NoCopy": True,
            "Labels": {LABEL: installation},
            "DriverConfig": {"Name": "local", "Options": options},
        },
    }


def _mount(source: Path, target: str, *, read_only: bool = False) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": str(source),
        "Target": target,
        "ReadOnly": read_only,
        "BindOptions": {"Propagation": "rprivate"},
    }


def _ulimit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}
