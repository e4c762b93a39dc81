"""All of it put together: the cluster, the pods, their folders; and seen to work."""

import asyncio
from asyncio import TaskGroup
from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from msgspec.structs import replace

from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.pods.cluster import Cluster
from sandbox.adapters.pods.folders import PodFolders
from sandbox.adapters.pods.runtime import Found, PodRuntime
from sandbox.adapters.pods.tenancy import Kind, Tenancies
from sandbox.adapters.toolbox import Toolbox
from sandbox.domain.output import Stream
from sandbox.ports import Command, RuntimeFailed

_TRIAL_S = 60.0
_LASTS_S = 300
"""Longest that its pod lives, should nobody be left to end it."""

_SCRIPT = """
import os, shutil, socket, sys, time
print(*filter(shutil.which, ("node", "npm", "python3", "uv")))
addresses = [tuple(word.rsplit(":", 1)) for word in sys.argv[1:]]
if "KUBERNETES_SERVICE_HOST" in os.environ:
    own = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    addresses.append(own)
def reached():
    for host, port in addresses:
        try: socket.create_connection((host.strip("[]"), port), 2).close()
        except OSError: continue
        return True
    return False
# A policy may come into force a moment after the pod.
tries = 8
while reached():
    tries -= 1
    if not tries: print("network"); break
    time.sleep(1)
"""


class Installation:
    """The pods of one sandbox service."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        layout: Layout,
        tools: Toolbox,
        environ: Mapping[str, str],
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._layout = layout
        self._tools = tools
        self._environ = environ

    def open(self, found: Found, tasks: TaskGroup) -> tuple[PodRuntime, PodFolders]:
        """Return the runtime, and the folders that its commands see."""
        parts = (self._layout, self._tools.certificates, tasks)
        tenancies = Tenancies(self._cluster, self._kind, *parts)
        return self._open(found, tenancies, tasks)

    def _open(
        self, found: Found, tenancies: Tenancies, tasks: TaskGroup
    ) -> tuple[PodRuntime, PodFolders]:
        parts = (self._layout, self._tools, self._environ, tasks)
        runtime = PodRuntime(tenancies, self._kind, found, *parts)
        disk = DiskFolders(self._layout, own_users=False)
        return runtime, PodFolders(disk, tenancies)

    async def look(self) -> Found:
        """Return what a pod was seen to have, by starting one as for an app.

        Raises:
            RuntimeFailed: None can be started, so no app could be.

        """
        async with TaskGroup() as tasks:
            # Out of other controllers' sight: nobody has a lease of its project.
            cluster = self._cluster.aside("trial")
            kind = replace(self._kind, lasts_s=_LASTS_S)
            parts = (self._layout, self._tools.certificates, tasks)
            tenancies = Tenancies(cluster, kind, *parts)
            runtime, _ = self._open(Found(), tenancies, tasks)
            outcome = await self._tried(runtime, tenancies, tasks)
        if isinstance(outcome, RuntimeFailed):  # in the group it would be one of many
            raise outcome
        return outcome

    async def _tried(
        self, runtime: PodRuntime, tenancies: Tenancies, tasks: TaskGroup
    ) -> Found | RuntimeFailed:
        guard = None
        try:
            await runtime.recover()
            guard = tasks.create_task(runtime.watch())
            return await self._look(runtime, tenancies)
        except RuntimeFailed as exc:
            return exc
        finally:
            if guard is not None:
                guard.cancel()
            await runtime.close()

    async def _look(self, runtime: PodRuntime, tenancies: Tenancies) -> Found:
        project_id = uuid4()
        said: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}

        async def take(stream: Stream, data: bytes) -> None:
            said[stream] += data

        server = urlsplit(self._cluster.server)
        address = f"{server.hostname}:{server.port or 443}"
        words = ("python", "-I", "-S", "-c", _SCRIPT, address)
        try:
            process = await runtime.launch(project_id, Command(words), take)
            async with asyncio.timeout(_TRIAL_S):
                code = await process.wait()
        except TimeoutError as exc:
            raise RuntimeFailed("A pod does not come to its end.") from exc
        finally:
            await tenancies.discard(project_id)
        if code != 0:
            text = said["stderr"].decode(errors="replace").strip()
            raise RuntimeFailed(f"A pod does not work (exit code {code}): {text}")
        first, *rest = said["stdout"].decode().splitlines()
        tools = frozenset(path.rpartition("/")[2] for path in first.split())
        return Found(tools, has_network="network" in rest)
