"""What keeps an app in a container, compared as a whole: a change has to be meant."""

from pathlib import Path

from msgspec.structs import replace

from sandbox.adapters.containers.container_body import Order, body

ORDER = Order(
    image="sha256:1",
    installation="i",
    project="p",
    uid=7,
    gid=8,
    mark="m",
    berth=Path("/b"),
    shared=Path("/s"),
    app=Path("/a"),
    home=Path("/h"),
    cache=None,
    memory_bytes=1 << 30,
    processors=1.5,
    oci_runtime="",
    group="/g",
)
HARDENED = {
    "Init": False,
    "Privileged": False,
    "CapDrop": ["ALL"],
    "CapAdd": [],
    "SecurityOpt": ["no-new-privileges:true"],
    "ReadonlyRootfs": True,
    "Tmpfs": {
        "/tmp": "rw,noexec,nosuid,nodev,mode=1777,size=134217728,nr_inodes=20000",  # noqa: S108 - the container's
    },
    "ShmSize": 67_108_864,
    "PidsLimit": 512,
    "Memory": 1 << 30,
    "MemorySwap": 1 << 30,
    "OomKillDisable": False,
    "OomScoreAdj": 500,
    "NanoCpus": 1_500_000_000,
    "CpuShares": 256,
    "CgroupParent": "/g",
    "Ulimits": [
        {"Name": "nofile", "Soft": 4096, "Hard": 4096},
        {"Name": "fsize", "Soft": 268_435_456, "Hard": 268_435_456},
        {"Name": "core", "Soft": 0, "Hard": 0},
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
    "LogConfig": {"Type": "none", "Config": {}},
}


def test_a_container_is_made_of_exactly_this() -> None:
    made = body(ORDER)
    host = made.pop("HostConfig")
    del host["Mounts"]
    assert host == HARDENED
    assert made == {
        "Image": "sha256:1",
        "User": "7:8",
        "Hostname": "sandbox",
        "Tty": False,
        "OpenStdin": False,
        "WorkingDir": "/",
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
        "Entrypoint": ["python3", "-I", "-S", "/opt/atelier/keeper.py"],
        "Cmd": ["/run/atelier/service", "m"],
        "StopSignal": "SIGTERM",
        "StopTimeout": 3,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {"atelier.installation": "i", "atelier.project": "p"},
        "NetworkDisabled": True,
    }


def mounts(order: Order) -> list[tuple[str, str, bool]]:
    made = body(order)["HostConfig"]["Mounts"]
    assert all(one["Type"] == "bind" for one in made)
    assert all(one["BindOptions"] == {"Propagation": "rprivate"} for one in made)
    return [(one["Source"], one["Target"], one["ReadOnly"]) for one in made]


def test_a_server_sees_its_own_folders_alone() -> None:
    assert mounts(ORDER) == [
        ("/a", "/app", False),
        ("/h", "/home/app", False),
        ("/b", "/run/atelier", True),
        ("/s", "/opt/atelier", True),
    ]


def test_an_install_has_its_packages_beside() -> None:
    order = replace(ORDER, cache=Path("/c"))
    assert mounts(order)[-1] == ("/c", "/cache", False)


def test_another_runtime_of_the_engine_is_named() -> None:
    order = replace(ORDER, oci_runtime="runsc")
    assert body(order)["HostConfig"]["Runtime"] == "runsc"
