"""A container engine for tests: one of their own where that can be, else the machine's.

Started once for each process that runs tests, in a folder of its own, and without a
network, so that it meets neither the engine of a person nor another test's. Where no
engine can run, tests are skipped with the reason.
"""

import atexit
import fcntl
import functools
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from typing_extensions import override

from standalone.program import Program
from tests.support import base_image
from tests.support.npm import NODE, ROOT
from tests.support.servers import Server, server_folder

IMAGE = "atelier-sandbox"
BASE = "node:22-bookworm"
ANOTHER = "runsc"
"""A runtime that our engine has beside its default: the same program, by the name of
the one that people take for a thicker wall."""
GVISOR = "gvisor"
"""A kernel of their own for containers, where Debian's runsc is installed."""
GVISOR_FLAGS = ("--platform=ptrace", "--network=none", "--host-uds=open")
"""As docs/operate.md has them."""
_KERNEL = b"runsc-sandbox"
_DOCKERFILE = ROOT / "deploy" / "sandbox.Dockerfile"
_USUAL = "unix:///var/run/docker.sock"
_BUILD_S = 120.0
_STARTS = 5


class EngineServer(Server):
    """An engine in *folder* that the test may kill and start again.

    It keeps images below *data*, in its folder unless something else is named. Ports of
    containers are reached from this machine where *publishes* is set.
    """

    def __init__(
        self, folder: Path, *, data: Path | None = None, publishes: bool = False
    ) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/s"
        dockerd = shutil.which("dockerd", path=_path()) or "dockerd"
        words = (
            *(dockerd, "--host", self.url, "--pidfile", f"{folder}/engine.pid"),
            *("--data-root", str(data or folder / "data")),
            *("--exec-root", f"{folder}/exec"),
            *("--bridge=none", "--iptables=false", "--ip-forward=false"),
            *("--ip-masq=false", f"--userland-proxy={str(publishes).lower()}"),
            *("--log-level=warn", "--config-file", f"{folder}/engine.json"),
        )
        (folder / "engine.json").write_text(json.dumps({"runtimes": _runtimes()}))
        super().__init__(Program("dockerd", words, {"PATH": _path()}), folder)

    @override
    def is_ready(self) -> bool:
        return answers(self.url)

    @override
    def start(self) -> None:
        """Start it, again where it gives up on what the one before it has left."""
        for _ in range(_STARTS - 1):
            try:
                super().start()
            except AssertionError:
                self.kill()
            else:
                return
        super().start()

    @override
    def kill(self) -> None:
        """End it as a power cut would: containers stay with those who watch them."""
        super().kill()
        # Otherwise it takes whoever has this number now for itself, and does not start.
        (self.folder / "engine.pid").unlink(missing_ok=True)

    @override
    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._end_watchers()
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
        ours = [line.split()[1] for line in mounts if str(self.folder) in line]
        for point in reversed(ours):
            words = (shutil.which("umount") or "umount", "-l", point)
            subprocess.run(words, check=False, capture_output=True)

    def _end_watchers(self) -> None:
        """End who watched containers that an engine no longer knew after its death."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.fsencode(self.folder) in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)


def _runtimes() -> dict[str, Any]:
    found: dict[str, Any] = {ANOTHER: {"path": _program("runc") or "runc"}}
    runsc = _program("runsc")
    if runsc is not None:
        found[GVISOR] = {"path": runsc, "runtimeArgs": list(GVISOR_FLAGS)}
    return found


def _program(name: str) -> str | None:
    return shutil.which(name, path=_path())


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def kernels() -> list[int]:
    """Return the processes that are kernels of containers, of the engine of tests."""
    ours = engine_url().removeprefix("unix://").removesuffix("s").encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            if words.startswith(_KERNEL) and ours in words:
                found.append(int(entry.name))
    return found


def client(url: str) -> httpx.Client:
    """Return who speaks to the engine at *url*."""
    transport = httpx.HTTPTransport(uds=url.removeprefix("unix://"))
    return httpx.Client(transport=transport, base_url="http://x", timeout=_BUILD_S)


def answers(url: str) -> bool:
    """Tell whether there is an engine."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(url.removeprefix("unix://"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in probe.recv(64)
        except OSError:
            return False


def cannot_run() -> str | None:
    """Return why no engine of our own can run here, if so."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can start an engine"
    if shutil.which("dockerd", path=_path()) is None:
        return "dockerd is not installed"
    if not any(Path("/sys/fs/cgroup").iterdir()):
        return "there are no control groups"
    return None


def engine_url() -> str:
    """Return where an engine listens that has the image; skip where there is none."""
    found = _found()
    if not found.startswith("unix://"):
        pytest.skip(f"no container engine: {found}")
    return found


@functools.cache
def _found() -> str:
    reason = cannot_run()
    if reason is None:
        return _own()
    usual = os.environ.get("DOCKER_HOST", _USUAL)
    if usual.startswith("unix://") and answers(usual):
        load(usual)
        return usual
    return reason


def _own() -> str:
    lent = server_folder()
    server = EngineServer(lent.__enter__())
    atexit.register(lent.__exit__, None, None, None)
    try:
        server.start()
    except AssertionError as exc:
        return str(exc)
    atexit.register(server.__exit__)
    load(server.url)
    return server.url


def load(url: str) -> None:
    """Build the image of the sandboxes, on a base of ours where there is none."""
    with client(url) as engine:
        if engine.get(f"/images/{BASE}/json").status_code != HTTPStatus.OK:
            repository, tag = BASE.split(":")
            wanted = {"fromSrc": "-", "repo": repository, "tag": tag}
            wanted["changes"] = "ENV PATH=/usr/local/bin:/usr/bin:/bin"
            with _base().open("rb") as tar:
                answer = engine.post("/images/create", params=wanted, content=tar)
            assert answer.status_code == HTTPStatus.OK, answer.text
        answer = engine.post(
            "/build",
            params={"t": IMAGE, "dockerfile": _DOCKERFILE.name, "networkmode": "none"},
            content=_context(),
            headers={"content-type": "application/x-tar"},
        )
        assert "errorDetail" not in answer.text, answer.text


def _context() -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        tar.add(_DOCKERFILE, _DOCKERFILE.name)
    return output.getvalue()


def _base() -> Path:
    """Return the tar of a base, which tests that run side by side make once."""
    source = Path(base_image.__file__).read_bytes()
    made_of = f"{sys.base_prefix}{sys.version}{NODE.stat().st_mtime}".encode()
    name = hashlib.sha256(source + made_of).hexdigest()[:16]
    folder = ROOT / ".cache" / "engine"
    folder.mkdir(parents=True, exist_ok=True)
    tar = folder / f"{name}.tar"
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not tar.exists():
            temporary = tar.with_suffix(".new")
            with temporary.open("wb") as output:
                base_image.write(output)
            temporary.replace(tar)
    return tar
