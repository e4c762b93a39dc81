"""Composition root: the one module that names adapters."""

import asyncio
import os
import socket
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from litestar import Litestar, get
from msgspec import Struct

import proxy
from chassis import logs
from chassis.health import Check, health_routes
from chassis.process import CannotListen, serve
from chassis.settings import SettingsError
from eventcore.adapters.nats import NatsBus, open_bus
from sandbox.adapters.browser import Chromium
from sandbox.adapters.bus.agent_files import AgentFiles
from sandbox.adapters.bus.leases import open_leases
from sandbox.adapters.bus.log_sink import BusLogSink
from sandbox.adapters.bus.pictures import open_pictures
from sandbox.adapters.containers import docker, trial
from sandbox.adapters.containers.engine import Engine, EngineFailed
from sandbox.adapters.containers.weight import group_of_ours
from sandbox.adapters.files.claim import Claimed, claim
from sandbox.adapters.files.disk import free_bytes
from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.images import Images, find_images, take_ground
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.files.mounts import find_mounts
from sandbox.adapters.files.template_store import TemplateStore
from sandbox.adapters.keeping.launch import Launcher
from sandbox.adapters.processes import bubblewrap
from sandbox.adapters.processes.groups import find_bounds
from sandbox.adapters.processes.plain import PlainLauncher
from sandbox.adapters.processes.process import ProcessRuntime
from sandbox.adapters.toolbox import Toolbox, find_tools
from sandbox.application import metrics
from sandbox.application.alone import Alone
from sandbox.application.controller import Controller
from sandbox.application.output import Outputs
from sandbox.application.parts import Parts, Site
from sandbox.application.pool import Pool
from sandbox.application.template_maker import Nobody, TemplateMaker
from sandbox.domain.limits import LIMITS, Limits
from sandbox.domain.previews.name import preview_name
from sandbox.entrypoints import bus as doors
from sandbox.entrypoints.preview import Preview
from sandbox.ports import (
    Adopter,
    Folders,
    Isolation,
    Owners,
    Runtime,
    RuntimeFailed,
)
from sandbox.settings import Settings

if TYPE_CHECKING:
    from sandbox.adapters.pods.folders import PodFolders

USER = "sandbox"
"""The NATS user whose permissions are in ``contracts.subjects``."""

_log = logs.get(__name__)

AllFolders: TypeAlias = "DiskFolders | PodFolders"

# Every visitor comes through the door in front of us, as one peer. Open pages hold a
# WebSocket as long as they are open: there is nothing to wait for when we stop.
_LIMITS = proxy.Limits(connections=2048, connections_of_a_peer=2048, drain_s=1.0)

_HOT_MIB = 160
_LITTLE_MEMORY = 4 * 1024**3
_PATIENCE_S = 15.0
"""For the service before this one to leave, as long as it may take to stop."""


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Answer drivers and visitors until *stopping* is set."""
    layout = Layout(settings.sandbox_dir, settings.sandbox_templates_dir)
    layout.make()
    # Templates lie on this machine, where pods do not see them.
    has_templates = settings.sandbox_templates and not settings.uses_pods
    store = TemplateStore(layout) if has_templates else None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_alone(layout))
        tools = await find_tools(settings.node_bin or None, os.environ)
        tools = msgspec.structs.replace(tools, bun_folder=store and store.bun_folder())
        chosen = await _chosen(settings, layout, tools, stack)
        listener = stack.enter_context(
            _listening(settings.http_host, settings.preview_port)
        )
        bus = await stack.enter_async_context(open_bus(settings.nats_url, user=USER))
        async with TaskGroup() as tasks:
            runtime, folders = chosen.make(tasks)
            eyes = await _eyes(settings, layout, tools, runtime, tasks)
            await _recover(runtime, folders)
            parts = _parts(settings, (runtime, eyes), bus, tasks, store)
            works = [runtime.watch, *chosen.works]
            if eyes is not None and eyes is not runtime:
                await eyes.recover()
                stack.push_async_callback(eyes.close)
                works.append(eyes.watch)
            # A container has an npm of its own.
            npm = tools.npm is not None or settings.sandbox_runtime == "docker"
            if store is not None and npm:
                works.append(TemplateMaker(store, folders, runtime).run)
                pool = _pool(settings, store, folders, runtime)
                if pool is not None:
                    parts = msgspec.structs.replace(parts, pool=pool)
                    works.append(pool.run)
            async with _background(tasks, *works):
                means = (bus, listener, chosen.checks)
                await _serve(settings, folders, parts, means, stopping)


def _parts(
    settings: Settings,
    runtimes: tuple[Runtime, Runtime | None],
    bus: NatsBus,
    tasks: TaskGroup,
    store: TemplateStore | None,
) -> Parts:
    runtime, eyes = runtimes
    browser = Chromium(eyes, (settings.http_host, settings.preview_port))
    outputs = Outputs(BusLogSink(bus))
    return Parts(runtime, AgentFiles(bus), outputs, browser, tasks, store)


async def _eyes(
    settings: Settings,
    layout: Layout,
    tools: Toolbox,
    runtime: Runtime,
    tasks: TaskGroup,
) -> Runtime | None:
    """Return what a browser can be started with that sees previews alone, if any.

    An image holds what apps are made with, no more: then it is this machine's browser,
    kept in by bubblewrap.
    """
    if not settings.sandbox_page_check or runtime.has_browser:
        return runtime if settings.sandbox_page_check else None
    if tools.chromium is None or runtime.isolation.name != "docker":
        return None
    path = os.environ.get("PATH", os.defpath)
    launcher = await bubblewrap.find(layout, tools, settings.preview_domain, path)
    if launcher is None:
        return None
    return ProcessRuntime(layout, tools, launcher, os.environ, tasks)


def _pool(
    settings: Settings, store: TemplateStore, folders: Folders, runtime: Runtime
) -> Pool | None:
    """Return the sandboxes that run in advance, where there is room for any."""
    size = settings.sandbox_hot_mib // _HOT_MIB
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    # Where a program lies that sees the folders of this machine cannot change while it
    # runs; one that sees its own alone does not notice what they are called outside.
    if not isinstance(runtime, Adopter) or not runtime.isolation.files:
        return None
    if size < 1 or memory < _LITTLE_MEMORY:
        return None
    return Pool(store, folders, runtime, runtime, Nobody(), size=size)


async def _serve(
    settings: Settings,
    folders: Folders,
    parts: Parts,
    means: tuple[NatsBus, socket.socket, Mapping[str, Check]],
    stopping: asyncio.Event,
) -> None:
    bus, listener, checks = means
    runtime, tasks = parts.runtime, parts.tasks
    isolation = runtime.isolation
    _log.info("apps are run apart", isolation=isolation.summary)
    site_of = partial(_site, settings)
    owners = await _owners(settings, bus)
    if owners.me is not None:
        pictures = await open_pictures(bus, settings.stream_replicas)
        parts = msgspec.structs.replace(parts, pictures=pictures)
    idle_s = settings.sandbox_idle_s
    controller = Controller(
        *(folders, parts, site_of),
        idle_s=idle_s,
        owners=owners,
        lacks_room=partial(_lacks_room, settings),
    )
    metrics.RUNNING.set_function(lambda: controller.running)
    secret = settings.secret_key.encode()
    preview = Preview(controller, settings.preview_domain, secret)
    keep = partial(owners.run, controller.lost)
    reap = controller.reap_forever
    works = (parts.outputs.run, controller.reconcile_forever, reap, keep)
    async with _background(tasks, *works):
        subscriptions = await doors.serve(bus, controller, isolation, owners.me)
        bus.on_reconnect(controller.look_again)
        tasks.create_task(_wind_down(controller, runtime, owners, stopping))
        async with TaskGroup() as servers:
            servers.create_task(
                proxy.serve(listener, preview.route, stopping=stopping, limits=_LIMITS)
            )
            await serve(
                _about_us({"nats": bus.check, **checks}, isolation, stopping),
                host=settings.http_host,
                port=settings.http_port,
                stopping=stopping,
            )
        for subscription in subscriptions:
            await subscription.close()


@asynccontextmanager
async def _alone(layout: Layout) -> AsyncIterator[None]:
    try:
        async with claim(layout.root, patience_s=_PATIENCE_S):
            yield
    except Claimed as exc:
        raise SettingsError(f"SANDBOX_DIR: {exc}") from exc


class _Chosen(Struct, frozen=True):
    """A runtime that was seen to work here."""

    make: Callable[[TaskGroup], tuple[Runtime, AllFolders]]
    """Returns it, and the folders that its commands see."""
    checks: Mapping[str, Check] = {}
    """What it needs to work at any time, by name."""
    works: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    """What goes on as long as we live."""


async def _chosen(
    settings: Settings, layout: Layout, tools: Toolbox, stack: AsyncExitStack
) -> _Chosen:
    """Return the runtime that the settings ask for."""
    if settings.uses_pods:
        return await _kubernetes(settings, layout, tools, stack)
    if settings.sandbox_runtime == "docker":
        engine = await docker.connect(settings.docker_host, layout.root)
        stack.push_async_callback(engine.close)
        images = await _images(settings, layout, stack)
        return await _docker(settings, layout, tools, engine, images)
    launcher = await _launcher(settings, layout, tools)
    images = await _images(settings, layout, stack)
    # Without a namespace of its own an app would not see what is mounted in ours.
    sees_mounts = launcher.isolation.files
    mounts = await find_mounts(layout.root, tools) if sees_mounts else None
    if mounts is not None:
        stack.push_async_callback(mounts.close)
    layers = Layers(layout, mounts)
    bounds = await find_bounds(layout.root, _limits(settings))
    bounds = msgspec.structs.replace(bounds, images=images)
    parts = (layout, tools, launcher, os.environ)
    make = partial(ProcessRuntime, *parts, layers=layers, bounds=bounds)
    works = () if mounts is None else (mounts.watch,)
    return _Chosen(partial(_on_disk, make, layout, layers, images), works=works)


async def _images(
    settings: Settings, layout: Layout, stack: AsyncExitStack
) -> Images | None:
    """Return disks of apps; what is seen of them is mounted from now on."""
    ground = await asyncio.to_thread(take_ground, layout)
    if ground is None:
        return None
    stack.push_async_callback(asyncio.to_thread, ground.close)
    return await find_images(layout, _limits(settings).disk_bytes)


def _on_disk(
    make: Callable[[TaskGroup], Runtime],
    layout: Layout,
    layers: Layers,
    images: Images | None,
    tasks: TaskGroup,
) -> tuple[Runtime, DiskFolders]:
    """Return a runtime whose commands see folders of this machine, and the folders.

    *layers* say how templates are laid, so that these commands see them.
    """
    runtime = make(tasks)
    own = runtime.isolation.own_user
    return runtime, DiskFolders(layout, own_users=own, layers=layers, images=images)


async def _kubernetes(
    settings: Settings, layout: Layout, tools: Toolbox, stack: AsyncExitStack
) -> _Chosen:
    # The library for it costs 0.3 s and 60 MiB, which who has no cluster need not pay.
    from sandbox.adapters.pods import cluster as api  # noqa: PLC0415 - see above
    from sandbox.adapters.pods.installation import Installation  # noqa: PLC0415 - same
    from sandbox.adapters.pods.tenancy import Kind  # noqa: PLC0415 - same

    kind = Kind(
        image=settings.sandbox_image,
        preview_domain=settings.preview_domain,
        runtime_class=settings.sandbox_oci_runtime,
    )
    try:
        cluster = await api.connect(
            settings.kubeconfig, settings.sandbox_namespace, settings.sandbox_owner
        )
        stack.push_async_callback(cluster.close)
        installation = Installation(cluster, kind, layout, tools, os.environ)
        found = await installation.look()
    except (api.ClusterFailed, RuntimeFailed) as exc:
        raise SettingsError(f"SANDBOX_RUNTIME=kubernetes: {exc}") from exc
    if found.has_network and settings.sandbox_isolation != "process":
        raise SettingsError(
            f"Pods in the namespace {settings.sandbox_namespace} reach the network of "
            f"the cluster: it needs a policy that shuts both ways, and a network that "
            f"keeps to it. SANDBOX_ISOLATION=process if all who use this trust each "
            f"other."
        )
    return _Chosen(partial(installation.open, found), {"the cluster": cluster.check})


async def _docker(
    settings: Settings,
    layout: Layout,
    tools: Toolbox,
    engine: Engine,
    images: Images | None,
) -> _Chosen:
    oci_runtime = settings.sandbox_oci_runtime

    def make(layout: Layout, layers: Layers, tasks: TaskGroup) -> Runtime:
        parts = (layout, tools, os.environ, tasks)
        return docker.DockerRuntime(engine, containers, *parts, layers=layers)

    try:
        containers = docker.Containers(
            image=await docker.look(engine, settings.sandbox_image),
            preview_domain=settings.preview_domain,
            limits=_limits(settings),
            oci_runtime=oci_runtime,
        )
        if oci_runtime:
            await engine.knows(oci_runtime)
        found = await trial.look(make, layout.root, images)
        group = "" if oci_runtime else group_of_ours(await engine.info())
    except (EngineFailed, RuntimeFailed) as exc:
        raise SettingsError(f"SANDBOX_RUNTIME=docker: {exc}") from exc
    containers = msgspec.structs.replace(
        containers,
        group=group,
        has_uv=found.has_uv,
        notices=found.notices,
        images=images if found.images else None,
    )
    layers = Layers(layout, None, mounted_elsewhere=found.overlays)
    checks: dict[str, Check] = {"the container engine": engine.check}
    if oci_runtime:
        name = f"the runtime {oci_runtime} of the container engine"
        checks[name] = partial(engine.knows, oci_runtime)
    containers_of = partial(make, layout, layers)
    images = containers.images
    return _Chosen(partial(_on_disk, containers_of, layout, layers, images), checks)


async def _launcher(settings: Settings, layout: Layout, tools: Toolbox) -> Launcher:
    wanted, domain = settings.sandbox_isolation, settings.preview_domain
    if wanted != "process":
        path = os.environ.get("PATH", os.defpath)
        launcher = await bubblewrap.find(layout, tools, domain, path)
        if launcher is not None:
            return launcher
    if wanted == "bubblewrap":
        raise SettingsError(
            "SANDBOX_ISOLATION=bubblewrap, but bubblewrap does not work here: install "
            "it, and allow user namespaces."
        )
    if wanted == "auto" and not settings.is_local:
        raise SettingsError(
            "Apps cannot be kept apart here, and HOST or PUBLIC_URL let others in: "
            "install bubblewrap, or set SANDBOX_ISOLATION=process if they all trust "
            "each other."
        )
    return PlainLauncher(layout, tools, os.environ, domain)


async def _recover(runtime: Runtime, folders: AllFolders) -> None:
    left = await runtime.recover()
    if left:
        _log.warning("ended what an earlier instance had left", count=left)
    await asyncio.to_thread(folders.empty_trash)


async def _wind_down(
    controller: Controller, runtime: Runtime, owners: Owners, stopping: asyncio.Event
) -> None:
    """End all apps while visitors and drivers are being let go."""
    await stopping.wait()
    controller.close()
    await runtime.close()
    await owners.close()


async def _owners(settings: Settings, bus: NatsBus) -> Owners:
    """Return who has which project, where there may be other controllers."""
    if not settings.sandbox_address:
        return Alone()
    host, _, port = settings.sandbox_address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError("SANDBOX_ADDRESS is not a host and a port.")
    address = (host.strip("[]"), int(port))
    return await open_leases(
        bus, address, settings.sandbox_lease_s, settings.stream_replicas
    )


@asynccontextmanager
async def _background(
    tasks: TaskGroup, *works: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    running = [tasks.create_task(work()) for work in works]
    try:
        yield
    finally:
        for one in running:
            one.cancel()


def _limits(settings: Settings) -> Limits:
    spare = settings.sandbox_free_mib << 20
    size = settings.sandbox_disk_mib << 20
    return msgspec.structs.replace(LIMITS, spare_bytes=spare // 4, disk_bytes=size)


def _lacks_room(settings: Settings) -> bool:
    """Tell whether folders of apps should go; those of pods lie elsewhere."""
    if settings.uses_pods:
        return False
    return free_bytes(settings.sandbox_dir) < settings.sandbox_free_mib << 20


def _site(settings: Settings, project_id: UUID) -> Site:
    """Return where the preview of a project is seen, through the door."""
    name = preview_name(project_id, settings.secret_key.encode())
    host = f"{name}.{settings.preview_domain.lower()}"
    public = urlsplit(settings.public_url)
    address = host if public.port is None else f"{host}:{public.port}"
    return Site(url=f"{public.scheme}://{address}/", host=address)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((host, port))
    except OSError as exc:
        raise CannotListen(f"Cannot listen on {host}:{port}: {exc.strerror}.") from exc
    with listener:
        yield listener


def _about_us(
    checks: Mapping[str, Check], isolation: Isolation, stopping: asyncio.Event
) -> Litestar:
    @get("/isolation", include_in_schema=False)
    async def tell() -> dict[str, Any]:
        fields: dict[str, Any] = msgspec.structs.asdict(isolation)
        return fields | {"summary": isolation.summary}

    async def about() -> str:
        return f"apps are run by {isolation.summary}"

    routes = health_routes(checks, stopping=stopping, about=about)
    return Litestar([*routes, tell], openapi_config=None)
