"""Every runtime that this machine has, each in a folder of its own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import aiodocker
import pytest
from msgspec.structs import replace

from sandbox.adapters.containers.docker import Containers, DockerRuntime
from sandbox.adapters.containers.engine import Engine
from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.images import Images, find_images, take_ground
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.keeping.keeper import parent_of
from sandbox.adapters.keeping.launch import Launcher
from sandbox.adapters.pods.cluster import connect
from sandbox.adapters.pods.folders import PodFolders
from sandbox.adapters.pods.runtime import Found, PodRuntime
from sandbox.adapters.pods.tenancy import Kind, Tenancies
from sandbox.adapters.processes.bubblewrap import BubblewrapLauncher, Users
from sandbox.adapters.processes.groups import Bounds, find_bounds
from sandbox.adapters.processes.plain import PlainLauncher
from sandbox.adapters.processes.process import ProcessRuntime
from sandbox.adapters.toolbox import Toolbox, find_tools
from sandbox.domain.limits import LIMITS, Limits
from sandbox.domain.output import Stream
from sandbox.ports import Command, Folder, Folders, Process, Runtime, Unreachable
from tests.support.cluster import NAMESPACE, FakeCluster, shared_cluster
from tests.support.engine import GVISOR, IMAGE, engine_url
from tests.support.npm import NODE
from tests.support.polling import until
from tests.support.real_cluster import RealCluster, shared_real_cluster
from tests.support.servers import server_folder

DOCKER = "docker"
OWN_KERNEL = "docker with gvisor"
"""Takes minutes, so it has tests of its own: see tests/chaos/sandbox/test_gvisor.py."""
PODS = "kubernetes"
REAL_PODS = "kubernetes with a real API server"
"""Where that program is; the other one is a fake of ours."""
BUBBLEWRAP = ("bubblewrap with own users", "bubblewrap with mapped users")
"""The second is what whoever is not root gets; root can have it too."""
PLAIN = "process"
APART = (DOCKER, PODS, *BUBBLEWRAP)
KINDS = (*APART, PLAIN)
"""Those that people choose from."""
DOMAIN = "preview.localhost"


@dataclass
class Bench:
    """A runtime, one project's folder, and what was printed."""

    runtime: Runtime
    layout: Layout
    folders: Folders
    project_id: UUID
    placed: Callable[[UUID], Path]
    """Where the folder of a project lies on this machine, if it does now."""
    cluster: FakeCluster | RealCluster | None = None
    """Where its pods are, if it has any."""
    printed: dict[Stream, bytes] = field(
        default_factory=lambda: {"stdout": b"", "stderr": b""}
    )

    def __post_init__(self) -> None:
        self.folder: Folder = self.folders.open(self.project_id)

    def neighbour(self) -> "Bench":
        """Return another project in the same runtime."""
        parts = (self.runtime, self.layout, self.folders, uuid4())
        return Bench(*parts, self.placed, self.cluster)

    async def write(self, **files: str) -> None:
        """Put files at the top of the folder; `_` in a name stands for a dot."""
        contents = {
            name.replace("_", "."): text.encode() for name, text in files.items()
        }
        await self.folder.apply(contents, ())

    async def launch(
        self, *argv: str, serves: bool = False, installs: bool = False
    ) -> Process:
        """Start a command whose output is kept."""

        async def take(stream: Stream, data: bytes) -> None:
            self.printed[stream] += data

        command = Command(argv, serves=serves, installs=installs)
        return await self.runtime.launch(self.project_id, command, take)

    async def serve(self, script: str) -> Process:
        """Start a Node server and wait until it listens."""
        await self.write(server_js=script)
        process = await self.launch("node", "server.js", serves=True)
        await until(lambda: _answers(process), "the server answers")
        return process

    async def run(self, script: str) -> tuple[int, str]:
        """Run a Node script to its end; return its code and what it printed."""
        await self.write(script_js=script)
        process = await self.launch("node", "script.js")
        code = await process.wait()
        return code, self.printed["stdout"].decode()

    def processes(self) -> list[int]:
        """Return all that work in the project's folder, seen from outside."""
        return [
            int(entry.name)
            for entry in Path("/proc").glob("[0-9]*")
            if parent_of(entry.name) is not None and self._is_here(entry / "cwd")
        ]

    def _is_here(self, cwd: Path) -> bool:
        try:
            return cwd.samefile(self.placed(self.project_id))
        except (OSError, KeyError):
            return False


async def _answers(process: Process) -> bool:
    assert not process.ended
    with suppress(Unreachable):
        return await process.ask(f"name.{DOMAIN}") > 0
    return False


@asynccontextmanager
async def bench(
    kind: str,
    environ: Mapping[str, str],
    *,
    memory_bytes: int = 1 << 30,
    disk_bytes: int = 1 << 31,
    is_old: bool = False,
    grouped: bool = True,
    bounded: bool = False,
) -> AsyncIterator[Bench]:
    """Lend a runtime of this *kind*; skip where the machine cannot have it.

    It has control groups where the machine has them, unless *grouped* is false, and
    disks that the kernel bounds only where they have to be *bounded*.
    """
    with server_folder() as root, _umask(0o077):
        layout = Layout(root)
        layout.make()
        tools = await find_tools(str(NODE), environ)
        limits = replace(LIMITS, memory_bytes=memory_bytes, disk_bytes=disk_bytes)
        async with AsyncExitStack() as stack:
            if kind in (PODS, REAL_PODS):
                shared = shared_cluster if kind == PODS else shared_real_cluster
                pods = _pods(shared(), layout, tools, environ, limits)
                yield await stack.enter_async_context(pods)
                return
            images = await _images(layout, disk_bytes, stack) if bounded else None
            if kind in (DOCKER, OWN_KERNEL):
                another = GVISOR if kind == OWN_KERNEL else ""
                lent = _docker(layout, tools, environ, limits, another, images)
            else:
                launcher = await _launcher(kind, layout, tools, environ, is_old=is_old)
                parts = (launcher, layout, tools, environ, limits, images)
                lent = _processes(*parts, grouped=grouped)
            runtime = await stack.enter_async_context(lent)
            own = runtime.isolation.own_user
            folders = DiskFolders(layout, own_users=own, images=images)
            project_id = uuid4()
            yield Bench(
                *(runtime, layout, folders, project_id),
                lambda one: layout.box(one).app,
            )


async def _images(layout: Layout, size: int, stack: AsyncExitStack) -> Images:
    ground = take_ground(layout)
    if ground is None:
        pytest.skip("only root can mount disks of apps")
    stack.callback(ground.close)
    images = await find_images(layout, size)
    if images is None:
        pytest.skip("disks of apps need loop devices, ext4 and mkfs.ext4")
    return images


@asynccontextmanager
async def _processes(
    launcher: Launcher,
    layout: Layout,
    tools: Toolbox,
    environ: Mapping[str, str],
    limits: Limits,
    images: Images | None,
    *,
    grouped: bool,
) -> AsyncIterator[Runtime]:
    bounds = await find_bounds(layout.root, limits) if grouped else Bounds(limits)
    bounds = replace(bounds, images=images)
    async with asyncio.TaskGroup() as tasks:
        runtime = ProcessRuntime(
            *(layout, tools, launcher, environ, tasks),
            bounds=bounds,
        )
        guard = tasks.create_task(runtime.watch())
        try:
            yield runtime
        finally:
            guard.cancel()
            await runtime.close()


@asynccontextmanager
async def _docker(
    layout: Layout,
    tools: Toolbox,
    environ: Mapping[str, str],
    limits: Limits,
    oci_runtime: str,
    images: Images | None,
) -> AsyncIterator[Runtime]:
    client = aiodocker.Docker(engine_url())
    engine = Engine(client, uuid4().hex)
    try:
        if oci_runtime and oci_runtime not in (await engine.info())["Runtimes"]:
            pytest.skip(f"the engine has no runtime {oci_runtime}")
        containers = Containers(
            image=await engine.digest(IMAGE),
            preview_domain=DOMAIN,
            limits=limits,
            oci_runtime=oci_runtime,
            images=images,
        )
        async with asyncio.TaskGroup() as tasks:
            runtime = DockerRuntime(engine, containers, layout, tools, environ, tasks)
            guard = tasks.create_task(runtime.watch())
            try:
                yield runtime
            finally:
                guard.cancel()
                await runtime.close()
        assert await engine.own() == []
    finally:
        await engine.close()


@asynccontextmanager
async def _pods(
    lent: FakeCluster | RealCluster,
    layout: Layout,
    tools: Toolbox,
    environ: Mapping[str, str],
    limits: Limits,
) -> AsyncIterator[Bench]:
    owner = uuid4().hex[:8]
    cluster = await connect(str(lent.kubeconfig), NAMESPACE, owner)

    def placed(project_id: UUID) -> Path:
        pods = {
            pod["metadata"]["labels"]["atelier.project"]: pod
            for pod in lent.pods(owner)
        }
        return lent.volume(pods[str(project_id)]) / "app"

    try:
        async with asyncio.TaskGroup() as tasks:
            kind = Kind(IMAGE, DOMAIN, limits)
            tenancies = Tenancies(cluster, kind, layout, None, tasks)
            runtime = PodRuntime(
                tenancies, kind, Found(), layout, tools, environ, tasks
            )
            await runtime.recover()
            guard = tasks.create_task(runtime.watch())
            folders = PodFolders(DiskFolders(layout, own_users=False), tenancies)
            try:
                yield Bench(runtime, layout, folders, uuid4(), placed, lent)
            finally:
                guard.cancel()
                await runtime.close()
                for pod in lent.pods(owner):
                    lent.remove(pod)
    finally:
        await cluster.close()


async def _launcher(
    kind: str,
    layout: Layout,
    tools: Toolbox,
    environ: Mapping[str, str],
    *,
    is_old: bool,
) -> Launcher:
    if kind == PLAIN:
        return PlainLauncher(layout, tools, environ, DOMAIN)
    program = shutil.which("bwrap")
    if program is None:
        pytest.skip("bubblewrap is not installed")
    own = kind.endswith("own users")
    if own and os.geteuid() != 0:
        pytest.skip("only root can give each project a user of its own")
    users: Users = "own" if own else "mapped"
    launcher = BubblewrapLauncher(program, users, layout, tools, DOMAIN, is_old=is_old)
    reason = await launcher.probe()
    if reason is not None:
        pytest.skip(f"bubblewrap does not work here: {reason}")
    return launcher


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
