"""Commands in pods of a cluster: the `kubernetes` runtime.

A project has one pod, which holds its files and packages for as long as it is used and
a while longer. The service speaks to a porter in it (`session.py`) over the API server,
so that the pod needs no network at all: a policy of the namespace shuts both ways.
When that connection ends, commands end and the pod stays; a service that starts again
goes on with the pods that it remembers, and removes the others.
"""

import asyncio
import itertools
from asyncio import TaskGroup
from collections.abc import Collection, Mapping
from contextlib import suppress
from uuid import UUID

from msgspec import Struct
from typing_extensions import override

from chassis import logs
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.keeping import inside
from sandbox.adapters.keeping.inside import Inside
from sandbox.adapters.keeping.kept import TOO_MUCH_MEMORY, way_out
from sandbox.adapters.keeping.running import Running
from sandbox.adapters.pods import body
from sandbox.adapters.pods.cluster import ClusterFailed, Pod
from sandbox.adapters.pods.command import PodCommand
from sandbox.adapters.pods.tenancy import Kind, Tenancies
from sandbox.adapters.processes.leftovers import new_mark
from sandbox.adapters.toolbox import RegistryFinder, Toolbox
from sandbox.ports import (
    Command,
    Heir,
    Isolation,
    OnOutput,
    Process,
    Runtime,
    RuntimeFailed,
)

_log = logs.get(__name__)

_ENDING_S = 5.0
"""For the cluster to say how a pod has ended."""
_LOOK_S = 5.0
_LOST = "Stopped: the connection to its pod has ended."


class Found(Struct, frozen=True):
    """What was seen in a pod."""

    tools: frozenset[str] = frozenset(("node", "npm", "python3"))
    has_network: bool = False
    """No policy keeps pods from the network of the cluster."""


class PodRuntime(Runtime, Heir):
    """Runs commands in pods of one cluster."""

    def __init__(
        self,
        tenancies: Tenancies,
        kind: Kind,
        found: Found,
        layout: Layout,
        tools: Toolbox,
        environ: Mapping[str, str],
        tasks: TaskGroup,
    ) -> None:
        self._tenancies = tenancies
        self._found = found
        self._layout = layout
        self._tools = tools
        self._tasks = tasks
        self._memory_bytes = kind.limits.memory_bytes
        self._registries = RegistryFinder(tools, environ)
        self._running: Running[PodCommand] = Running()
        bundle = f"{body.ROOT}/certificates.pem"
        self._inside = Inside(
            app=f"{body.ROOT}/app",
            home=f"{body.ROOT}/home",
            cache=f"{body.ROOT}/cache",
            certificates=None if tools.certificates is None else bundle,
            preview_domain=kind.preview_domain,
        )

    @property
    @override
    def isolation(self) -> Isolation:
        return Isolation(
            name="kubernetes",
            files=True,
            processes=True,
            network=not self._found.has_network,
            own_user=True,
            system_calls=True,
            memory=True,
        )

    @property
    @override
    def has_uv(self) -> bool:
        return "uv" in self._found.tools

    @property
    @override
    def has_bun(self) -> bool:
        return False  # the image holds Node alone

    @property
    @override
    def has_browser(self) -> bool:
        return False  # the image holds what apps are made with, no more

    @override
    async def expect_installs(self) -> None:
        await self._registries.find()

    @override
    async def launch(
        self, project_id: UUID, command: Command, on_output: OnOutput
    ) -> Process:
        self._running.admit()
        registries = await self._registries.find() if command.installs else None
        spec = inside.spec(self._inside, command, registries, shares=True)
        out = way_out(command, registries)
        mark = new_mark(self._layout.root, project_id)
        async with self._tenancies.using(project_id) as session:
            try:
                started = await session.run(spec, mark, out)
            except OSError as exc:  # Broken is one
                raise RuntimeFailed(f"It cannot be started in its pod: {exc}.") from exc
            kept = PodCommand(session, started, on_output)
            self._tenancies.of(project_id).users += 1
        to_its_end = self._to_its_end(project_id, kept, session.pod)
        keeping = self._running.keep(project_id, kept, to_its_end)
        self._tasks.create_task(keeping)
        return kept

    async def _to_its_end(self, project_id: UUID, kept: PodCommand, pod: Pod) -> None:
        async def explain() -> str:
            return await self._explain(pod)

        tenancy = self._tenancies.of(project_id)
        try:
            await kept.keep(self._memory_bytes, explain)
        finally:
            tenancy.left()

    async def _explain(self, pod: Pod) -> str:
        """Return why there is no connection to a pod any more."""
        seen: Pod | None = None
        with suppress(TimeoutError):
            seen = await self._tenancies.roster.until(pod.name, _is_over, _ENDING_S)
        if seen is None:
            return _LOST
        if "OOMKilled" in seen.endings:
            return TOO_MUCH_MEMORY.format(self._memory_bytes >> 20)
        return f"Stopped: its pod has ended. {seen.status.message or ''}".strip()

    @override
    async def watch(self) -> None:
        async with TaskGroup() as works:
            works.create_task(self._tenancies.roster.follow())
            for _ in itertools.count():
                await asyncio.sleep(_LOOK_S)
                removed = await self._tenancies.sweep()
                if removed:
                    _log.warning("removed pods that were left", count=removed)

    @override
    async def recover(self) -> int:
        try:
            await self._tenancies.roster.load()
        except ClusterFailed as exc:
            raise RuntimeFailed(str(exc)) from exc
        return await self._tenancies.sweep()

    @override
    def strays(self) -> Collection[UUID]:
        return self._tenancies.strays()

    @override
    async def reap(self, project_id: UUID) -> None:
        await self._tenancies.reap(project_id)

    @override
    async def end_all(self, project_id: UUID) -> None:
        await self._running.stop(project_id)

    @override
    async def close(self) -> None:
        self._tenancies.closed = True
        await self._running.close()
        self._tenancies.close()


def _is_over(pod: Pod | None) -> bool:
    return pod is None or pod.is_over or bool(pod.endings)
