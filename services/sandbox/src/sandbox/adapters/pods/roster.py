"""The pods that are ours, as far as the cluster has told: a list, then its changes."""

import asyncio
from collections.abc import Callable

from chassis import logs
from sandbox.adapters.pods.cluster import Cluster, ClusterFailed, Outdated, Pod

_log = logs.get(__name__)

_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class Roster:
    """What is known of the pods; `follow` keeps it so."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pods: dict[str, Pod] = {}
        self._version = ""
        self._changed = asyncio.Event()

    def of(self, project: str) -> list[Pod]:
        """Return the pods of a project; more than one where one is on its way out."""
        return [pod for pod in self._pods.values() if pod.project == project]

    @property
    def all(self) -> list[Pod]:
        """All pods of ours."""
        return list(self._pods.values())

    async def load(self) -> None:
        """List all pods anew.

        Raises:
            ClusterFailed: The API server does not answer.

        """
        listed = await self._cluster.own()
        self._version = listed.metadata.resource_version
        self._pods = {pod.name: pod for pod in listed.items}
        self._tell()

    async def follow(self) -> None:
        """Take in changes until cancelled, listing anew where some were missed."""
        pause = _PAUSE_S
        while True:
            try:
                if not self._version:
                    await self.load()
                async for version, pod in self._cluster.changes(self._version):
                    self._version = version
                    pause = _PAUSE_S
                    if pod is not None:
                        self._take(pod)
            except ClusterFailed as exc:
                self._version = ""
                if not isinstance(exc, Outdated):
                    _log.warning("the cluster cannot be watched", reason=str(exc))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def until(
        self, name: str, is_so: Callable[[Pod | None], bool], seconds: float
    ) -> Pod | None:
        """Return what is known of a pod as soon as *is_so*.

        None as a pod means that there is none (any more).

        Raises:
            TimeoutError: It did not become so in time.

        """
        async with asyncio.timeout(seconds):
            while not is_so(self._pods.get(name)):
                await self._changed.wait()
        return self._pods.get(name)

    def _take(self, pod: Pod) -> None:
        if pod.status.phase == "Gone":
            self._pods.pop(pod.name, None)
        else:
            self._pods[pod.name] = pod
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
