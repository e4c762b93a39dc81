"""Commands in containers without a network: the `docker` runtime.

Each command has a container and in it a keeper (`keeper.py`), which comes to a socket
in a mounted folder (`berth.py`). From then on everything goes over handles: the output,
the connections to the app, the way out for an install, the exit code. The engine makes
containers and removes them. What is left over, of this instance or of one before, is
found by label, and goes.
"""

import asyncio
import itertools
import os
import shutil
from asyncio import TaskGroup
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import aiodocker
from msgspec import Struct
from typing_extensions import override

from chassis import logs
from sandbox.adapters.containers import container_body
from sandbox.adapters.containers.berth import Arrival, Berth
from sandbox.adapters.containers.container import KeptContainer
from sandbox.adapters.containers.container_body import Order, Volume
from sandbox.adapters.containers.engine import Engine, EngineFailed, NotThere
from sandbox.adapters.containers.volumes import Volumes
from sandbox.adapters.files.claim import installation
from sandbox.adapters.files.disk import DiskGuard
from sandbox.adapters.files.images import Images
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.keeping import inside, launch
from sandbox.adapters.keeping.inside import Inside
from sandbox.adapters.keeping.keeper import Spec
from sandbox.adapters.keeping.kept import way_out
from sandbox.adapters.keeping.running import Running
from sandbox.adapters.processes.leftovers import new_mark
from sandbox.adapters.toolbox import Registries, RegistryFinder, Toolbox
from sandbox.domain.limits import LIMITS, Limits
from sandbox.ports import (
    Adopter,
    Command,
    Isolation,
    OnOutput,
    Process,
    Runtime,
    RuntimeFailed,
)

_log = logs.get(__name__)

_ARRIVE_S = 15.0
_LOOK_S = 1.0
_LOOKS_PER_REAP = 5
_LATER_S = 0.5
"""The next command of the same project may be waiting for a container of its own."""
_BUNDLE = "certificates.pem"
_HINT = " Its runtime has to let it open sockets (runsc: --host-uds=open)."


class Containers(Struct, frozen=True):
    """How the containers of this installation are made."""

    image: str
    """The id of an image: what a name means may change."""
    preview_domain: str
    limits: Limits = LIMITS
    oci_runtime: str = ""
    group: str = ""
    """Control group that they are in; empty: where the engine has them."""
    has_uv: bool = False
    notices: bool = True
    """Whether programs in them are told when the service writes a file."""
    images: Images | None = None
    """Disks of apps, as containers were seen to have them."""


class DockerRuntime(Runtime, Adopter):
    """Runs commands in containers of one engine."""

    def __init__(
        self,
        engine: Engine,
        containers: Containers,
        layout: Layout,
        tools: Toolbox,
        environ: Mapping[str, str],
        tasks: TaskGroup,
        *,
        layers: Layers | None = None,
    ) -> None:
        self._engine = engine
        self._volumes = Volumes(engine, layout, layers or Layers(layout, None))
        self._containers = containers
        self._layout = layout
        self._tools = tools
        self._tasks = tasks
        self._running: Running[KeptContainer] = Running()
        self._names: set[str] = set()
        """Containers that are ours now; every other one is left over."""
        self._empty: set[str] = set()
        """Those of them in which nothing runs any more, and which go in a moment."""
        self._closing = asyncio.Event()
        self._registries = RegistryFinder(tools, environ)
        self._own_users = launch.is_root()
        self._disk = DiskGuard(layout, containers.limits, containers.images)
        _share(layout.shared, tools.certificates)

    @property
    @override
    def isolation(self) -> Isolation:
        return Isolation(
            name="docker",
            files=True,
            processes=True,
            network=True,
            own_user=self._own_users,
            system_calls=True,
            memory=True,
            disk=self._containers.images is not None,
        )

    @property
    @override
    def has_uv(self) -> bool:
        return self._containers.has_uv

    @property
    @override
    def has_bun(self) -> bool:
        return self._tools.bun is not None

    @property
    @override
    def has_browser(self) -> bool:
        return False  # the image holds what apps are made with, no more

    # --- one command ------------------------------------------------------------------

    @override
    async def expect_installs(self) -> None:
        await self._registries.find()

    @override
    async def launch(
        self, project_id: UUID, command: Command, on_output: OnOutput
    ) -> Process:
        self._running.admit()
        await self._disk.admit(project_id)
        if command.argv[0] == "bun":
            await self._share_bun()
        registries = await self._registries.find() if command.installs else None
        uid = self._uid(project_id)
        berth = Berth(self._layout.berths, uid if self._own_users else None)
        name = f"atelier-{self._engine.installation[:8]}-{berth.token}"
        self._names.add(name)
        modules: Volume | None = None
        try:
            modules = self._volumes.lend(project_id)
            order = self._order(project_id, berth.path, modules, command)
            arrival = await self._bring_up(name, berth, order)
        except BaseException as exc:
            # Nobody waits for it: whoever was cancelled has somewhere else to be.
            self._tasks.create_task(self._discard(name, modules))
            if isinstance(exc, EngineFailed):
                raise RuntimeFailed(str(exc)) from exc
            raise
        finally:
            berth.close()
        kept = KeptContainer(name, arrival, self._engine, on_output)
        end = self._running.keep(project_id, kept, self._to_its_end(kept, modules))
        self._tasks.create_task(end)
        try:
            spec, out = self._spec(command, registries), way_out(command, registries)
            await kept.start(spec, out, self._tasks)
        except BaseException:
            await kept.stop()
            raise
        return kept

    def _uid(self, project_id: UUID) -> int:
        """Return who the files of a project belong to, inside and outside."""
        return self._layout.own_uid(project_id) if self._own_users else os.geteuid()

    def _order(
        self, project_id: UUID, berth: Path, modules: Volume | None, command: Command
    ) -> Order:
        box = self._layout.box(project_id)
        uid = self._uid(project_id)
        return Order(
            image=self._containers.image,
            installation=self._engine.installation,
            project=str(project_id),
            uid=uid,
            gid=uid if self._own_users else os.getegid(),
            mark=new_mark(self._layout.root, project_id),
            berth=berth,
            shared=self._layout.shared,
            app=box.app,
            home=box.home,
            cache=box.cache if command.installs else None,
            memory_bytes=self._containers.limits.memory_bytes,
            processors=self._containers.limits.processors,
            oci_runtime=self._containers.oci_runtime,
            group=self._containers.group,
            modules=modules,
        )

    async def _bring_up(self, name: str, berth: Berth, order: Order) -> Arrival:
        await self._engine.create(name, container_body.body(order))
        await self._engine.start(name)
        try:
            async with asyncio.timeout(_ARRIVE_S):
                return await berth.arrival()
        except TimeoutError as exc:
            raise EngineFailed(
                "A container was started, but what keeps the app in it did not report."
                f"{_HINT if self._containers.oci_runtime else ''}"
            ) from exc

    def _spec(self, command: Command, registries: Registries | None) -> Spec:
        shared, bun = container_body.SHARED, self._tools.bun_folder
        bundle = f"{shared}/{_BUNDLE}"
        where = Inside(
            app=container_body.APP,
            home=container_body.HOME,
            cache=container_body.CACHE,
            certificates=None if self._tools.certificates is None else bundle,
            preview_domain=self._containers.preview_domain,
            bun=None if bun is None else f"{shared}/{bun.name}",
            notices=self._containers.notices,
        )
        return inside.spec(where, command, registries)

    async def _share_bun(self) -> None:
        """Put bun, which was fetched by now, where every container sees it."""
        if self._tools.bun is not None and self._tools.bun_folder is not None:
            target = self._layout.shared / self._tools.bun_folder.name
            if not target.exists():
                await asyncio.to_thread(_put, self._tools.bun, target, 0o755)

    async def _to_its_end(self, kept: KeptContainer, modules: Volume | None) -> None:
        await kept.keep(self._containers.limits.memory_bytes)
        if kept.is_empty:
            self._empty.add(kept.name)
        # Whoever waits for the command does not wait for the engine.
        self._tasks.create_task(self._discard_later(kept.name, modules))

    async def _discard_later(self, name: str, modules: Volume | None) -> None:
        """Remove a container that does nothing, after what somebody waits for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LATER_S):
                await self._closing.wait()
        await self._discard(name, modules)

    async def _discard(self, name: str, modules: Volume | None) -> None:
        """Remove a container; where that fails, the next pass finds it left over."""
        try:
            await self._engine.remove(name)
        except EngineFailed as exc:
            _log.warning("a container is left over", name=name, reason=str(exc))
        finally:
            self._names.discard(name)
            self._empty.discard(name)
        if modules is not None:
            await self._volumes.give_back(modules)

    @override
    def adopt(self, spare: UUID, project_id: UUID) -> None:
        self._running.hand_over(spare, project_id)

    # --- what is left over ------------------------------------------------------------

    @override
    async def watch(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(_LOOK_S)
            await self._disk.look(self._running.by_project, self._tasks)
            if number % _LOOKS_PER_REAP:
                continue
            try:
                removed = await self.reap()
            except EngineFailed as exc:
                _log.warning("the engine cannot be looked at", reason=str(exc))
            else:
                if removed:
                    _log.warning("removed containers that were left", count=removed)

    async def reap(self) -> int:
        """Remove the containers of this installation that are not ours now.

        No container outlives its service: what keeps an app in ends without it. So
        what is left over is never somebody's app, and may always go.

        Raises:
            EngineFailed: The engine does not answer.

        """
        removed = 0
        for one in await self._engine.own():
            if one.name in self._names:
                continue
            try:
                await self._engine.remove(one.name)
            except EngineFailed as exc:  # which must not keep the others
                _log.warning("a container stays", name=one.name, reason=str(exc))
            else:
                removed += 1
        return removed + await self._volumes.reap()

    @override
    async def recover(self) -> int:
        for entry in self._layout.berths.iterdir():
            await asyncio.to_thread(shutil.rmtree, entry, ignore_errors=True)
        try:
            return await self.reap()
        except EngineFailed as exc:
            raise RuntimeFailed(str(exc)) from exc

    @override
    async def end_all(self, project_id: UUID) -> None:
        await self._running.stop(project_id)
        # Containers that were taken over were made for somebody else.
        ours = {str(project_id), str(self._layout.born(project_id))}
        with suppress(EngineFailed):  # what cannot be found now is found later
            for one in await self._engine.own():
                if one.project in ours and one.name not in self._empty:
                    await self._engine.remove(one.name)

    @override
    async def close(self) -> None:
        self._closing.set()
        await self._running.close()


async def connect(host: str, root: Path) -> Engine:
    """Return the engine at *host*, for the containers of the installation in *root*."""
    return Engine(aiodocker.Docker(host), installation(root))


async def look(engine: Engine, image: str) -> str:
    """Return the id of *image*, of an engine whose users are those of this machine.

    Raises:
        EngineFailed: It cannot be used; one sentence says why.

    """
    said = await engine.info()
    options = " ".join(said.get("SecurityOptions") or ())
    for word in ("userns", "rootless"):
        if f"name={word}" in options:
            raise EngineFailed(
                f"This container engine maps users ({word}), and the files of apps "
                f"would belong to nobody: use one that does not."
            )
    try:
        return await engine.digest(image)
    except NotThere as exc:
        raise NotThere(
            f"There is no image {image}: docker build -t {image} -f "
            f"deploy/sandbox.Dockerfile deploy"
        ) from exc


def _share(folder: Path, certificates: Path | None) -> None:
    """Put what every container sees into *folder*."""
    files = {container_body.KEEPER_NAME: launch.KEEPER}
    if certificates is not None:
        files[_BUNDLE] = certificates
    for name, source in files.items():
        _put(source, folder / name, 0o644)


def _put(source: Path, target: Path, mode: int) -> None:
    temporary = target.with_name(f".{target.name}")
    shutil.copyfile(source, temporary)
    temporary.chmod(mode)
    temporary.replace(target)
