"""A service reduced to its runtime, which starts and ends apps until it is killed.

`python -m tests.chaos.sandbox.controller KIND ROOT ENGINE` prints a line as soon as it
has ended what an earlier one had left.
"""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.images import Images, find_images, take_ground
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.processes import bubblewrap
from sandbox.adapters.processes.groups import find_bounds
from sandbox.adapters.processes.process import ProcessRuntime
from sandbox.adapters.toolbox import find_tools
from sandbox.domain.limits import LIMITS
from sandbox.domain.output import Stream
from sandbox.ports import Adopter, Command, Folder, Runtime, RuntimeFailed
from tests.support.npm import NODE

DOCKER = "docker"
DOMAIN = "preview.localhost"

PROJECTS = tuple(UUID(int=number) for number in range(1, 4))
# Children in sessions of their own, which ignore that they should end.
TREE = """
const {spawn} = require('child_process');
process.on('SIGTERM', () => {});
if (!process.argv[2]) for (const detached of [true, false])
  spawn(process.execPath, [__filename, 'child'], {detached, stdio: 'ignore'});
setInterval(() => {}, 1000);
"""


TEMPLATE = "packages"


def layers_of(kind: str, layout: Layout) -> Layers:
    """Return what lays templates; an engine mounts them as overlays."""
    return Layers(layout, None, mounted_elsewhere=kind == DOCKER)


@asynccontextmanager
async def images_of(layout: Layout) -> AsyncIterator[Images | None]:
    """Lend disks for apps, where this machine can have any."""
    ground = take_ground(layout)
    try:
        yield None if ground is None else await find_images(layout, LIMITS.disk_bytes)
    finally:
        if ground is not None:
            ground.close()


def folders_of(
    kind: str, layout: Layout, runtime: Runtime, images: Images | None = None
) -> DiskFolders:
    """Return the folders of apps, and make the template that they have packages of."""
    layers = layers_of(kind, layout)
    package = layers.modules(TEMPLATE) / "package"
    package.mkdir(parents=True, exist_ok=True)
    (package / "index.js").write_text("module.exports = 1;\n", encoding="utf-8")
    own = runtime.isolation.own_user
    return DiskFolders(layout, own_users=own, layers=layers, images=images)


async def write_app(folder: Folder) -> None:
    """Give a project an app, and packages from the template."""
    await folder.apply({"server.js": TREE.encode()}, ())
    await folder.lay(TEMPLATE, ())


async def write_apps(folders: DiskFolders) -> None:
    """Give every project an app."""
    for project_id in PROJECTS:
        await write_app(folders.open(project_id))


@asynccontextmanager
async def runtime_of(kind: str, layout: Layout, engine: str) -> AsyncIterator[Runtime]:
    """Lend a runtime that is looked after, as the service has it."""
    tools = await find_tools(str(NODE), os.environ)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        if kind == DOCKER:
            # It starts hundreds of times, and half of that would be these.
            from sandbox.adapters.containers import docker  # noqa: PLC0415 - see above
            from tests.support.engine import IMAGE  # noqa: PLC0415 - the same

            found = await docker.connect(engine, layout.root)
            stack.push_async_callback(found.close)
            containers = docker.Containers(await docker.look(found, IMAGE), DOMAIN)
            parts = (layout, tools, os.environ, tasks)
            layers = layers_of(kind, layout)
            runtime: Runtime = docker.DockerRuntime(
                found, containers, *parts, layers=layers
            )
        else:
            path = os.environ.get("PATH", os.defpath)
            launcher = await bubblewrap.find(layout, tools, DOMAIN, path)
            assert launcher is not None, "bubblewrap does not work here"
            bounds = await find_bounds(layout.root)
            runtime = ProcessRuntime(
                *(layout, tools, launcher, os.environ, tasks), bounds=bounds
            )
        watching = tasks.create_task(runtime.watch())
        try:
            yield runtime
        finally:
            watching.cancel()
            await runtime.close()


async def ignore(_: Stream, __: bytes) -> None:
    """Take output, and do nothing with it."""


async def _live(runtime: Runtime, project_id: UUID) -> None:
    """Start and end the app of one project, over and over."""
    chance = random.Random()  # noqa: S311 - no secret
    while True:
        try:
            process = await runtime.launch(
                project_id, Command(("node", "server.js"), serves=True), ignore
            )
        except RuntimeFailed:
            await asyncio.sleep(0.2)
            continue
        await asyncio.sleep(chance.random())
        if chance.random() < 0.5:
            await process.stop()
        else:
            await runtime.end_all(project_id)


async def _take_over(runtime: Runtime, folders: DiskFolders) -> None:
    """Start an app before it is asked for, and give it to a project, over and over."""
    assert isinstance(runtime, Adopter)
    project_id = UUID(int=9)
    while True:
        spare, folder = folders.open_spare()
        try:
            await write_app(folder)
            command = Command(("node", "server.js"), serves=True)
            await runtime.launch(spare, command, ignore)
        except RuntimeFailed:
            await folder.remove()
            await asyncio.sleep(0.2)
            continue
        await runtime.end_all(project_id)
        await folders.open(project_id).adopt(spare)
        runtime.adopt(spare, project_id)


async def recover(
    kind: str, layout: Layout, runtime: Runtime, images: Images | None
) -> DiskFolders:
    """End and remove what an earlier one has left, as the service does."""
    await runtime.recover()
    folders = folders_of(kind, layout, runtime, images)
    await asyncio.to_thread(folders.empty_trash)
    return folders


async def main(kind: str, root: Path, engine: str) -> None:
    """Recover, then live."""
    layout = Layout(root)
    layout.make()
    async with (
        images_of(layout) as images,
        runtime_of(kind, layout, engine) as runtime,
    ):
        folders = await recover(kind, layout, runtime, images)
        sys.stdout.write("recovered\n")
        sys.stdout.flush()
        await write_apps(folders)
        async with asyncio.TaskGroup() as lives:
            lives.create_task(_take_over(runtime, folders))
            for project_id in PROJECTS:
                lives.create_task(_live(runtime, project_id))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
