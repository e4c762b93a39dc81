"""Runs pods as containers of an engine, as a node of a cluster would.

It takes the very pods that the service asks for, and refuses a field that it does not
know, so that nothing in them is without effect here that has one in a cluster. Pods
have no network, which is what a policy that shuts both ways comes to.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import aiodocker
from aiodocker.stream import Stream

from sandbox.adapters.files.disk import used_bytes

_LOOK_S = 0.2
_FIRST_UID = 0x6000_0000
_UIDS = 0x1_0000
_NODES = frozenset(
    (
        *("restartPolicy", "terminationGracePeriodSeconds", "hostUsers", "volumes"),
        *("automountServiceAccountToken", "enableServiceLinks", "securityContext"),
        *("dnsPolicy", "dnsConfig", "hostname", "containers", "runtimeClassName"),
    )
)
"""What of a pod is done here, or has nothing to be done for."""

Pod = dict[str, Any]


class Kubelet:
    """One node; *report* is called with a pod whose status has changed."""

    def __init__(
        self, engine: str, folder: Path, report: Callable[[Pod], None], network: str
    ) -> None:
        self._client = aiodocker.Docker(engine)
        self._folder = folder
        self._report = report
        self._network = network
        self._watching: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """End all pods."""
        for uid in list(self._watching):
            await self.end(uid)
        await self._client.close()

    def volume(self, uid: str) -> Path:
        """Return where the working folder of a pod lies on this machine."""
        return self._folder / uid

    async def start(self, pod: Pod) -> None:
        """Start a pod, and tell what becomes of it."""
        uid = pod["metadata"]["uid"]
        self._watching[uid] = asyncio.create_task(self._run(uid, pod))

    async def end(self, uid: str) -> None:
        """End a pod, with all that it holds."""
        watching = self._watching.pop(uid, None)
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        with suppress(aiodocker.DockerError):
            await self._client.containers.container(uid).delete(force=True, v=True)
        shutil.rmtree(self.volume(uid), ignore_errors=True)

    async def _run(self, uid: str, pod: Pod) -> None:
        try:
            containers = self._client.containers
            container = await containers.create(self._body(uid, pod), name=uid)
            await container.start()
        except (aiodocker.DockerError, AssertionError) as exc:
            waiting = {"reason": "CreateContainerError", "message": str(exc)}
            self._tell(pod, "Pending", {"waiting": waiting})
            return
        self._tell(pod, "Running", {"running": {}})
        eviction = asyncio.create_task(self._evict(uid, pod))
        try:
            code = (await container.wait(timeout=0))["StatusCode"]
            killed = (await container.show())["State"]["OOMKilled"]
        finally:
            eviction.cancel()
        phase = "Failed" if code else "Succeeded"
        reason = "OOMKilled" if killed else "Error" if code else "Completed"
        self._tell(pod, phase, {"terminated": {"exitCode": code, "reason": reason}})

    async def _evict(self, uid: str, pod: Pod) -> None:
        """End a pod whose volume holds too much, as kubelets do sooner or later."""
        limit = int(pod["spec"]["volumes"][0]["emptyDir"]["sizeLimit"])
        used = 0
        while used <= limit:
            await asyncio.sleep(_LOOK_S)
            used = await asyncio.to_thread(used_bytes, self.volume(uid))
        pod["status"] = {
            "reason": "Evicted",
            "message": f'Usage of EmptyDir volume "work" exceeds the limit "{limit}".',
        }
        await self._client.containers.container(uid).kill()

    def _tell(self, pod: Pod, phase: str, state: dict[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        statuses = [{"name": container["name"], "state": state}]
        said = pod.get("status", {})
        pod["status"] = {**said, "phase": phase, "containerStatuses": statuses}
        self._report(pod)

    def _body(self, uid: str, pod: Pod) -> dict[str, Any]:
        spec = pod["spec"]
        assert spec.keys() <= _NODES, spec.keys() - _NODES
        (container,) = spec["containers"]
        security = spec["securityContext"] | container["securityContext"]
        user = self._user(uid, spec, security)
        limits = container["resources"]["limits"]
        memory = int(limits["memory"])
        host = {
            "CapDrop": security["capabilities"]["drop"],
            "CapAdd": security["capabilities"].get("add", []),
            "Privileged": security["privileged"],
            "ReadonlyRootfs": security["readOnlyRootFilesystem"],
            "SecurityOpt": []
            if security["allowPrivilegeEscalation"]
            else ["no-new-privileges:true"],
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": int(limits["cpu"].removesuffix("m")) * 1_000_000,
            "NetworkMode": self._network,
            "CgroupnsMode": "private",
            "Init": False,
            "LogConfig": {"Type": "none", "Config": {}},
            **self._volumes(uid, spec, container, user),
        }
        return {
            "Image": container["image"],
            "User": f"{user}:{user}",
            "Entrypoint": container["command"],
            "WorkingDir": container["workingDir"],
            "Env": [f"{one['name']}={one['value']}" for one in container["env"]],
            "HostConfig": host,
        }

    def _user(self, uid: str, spec: Pod, security: Pod) -> int:
        """Return who the pod's user is on this machine."""
        inside: int = security["runAsUser"]
        assert security["runAsNonRoot"]
        assert inside > 0
        if spec.get("hostUsers", True):
            return inside
        return _FIRST_UID + UUID(uid).int % 0x800 * _UIDS + inside

    def _volumes(
        self, uid: str, spec: Pod, container: Pod, user: int
    ) -> dict[str, Any]:
        kinds = {one["name"]: one["emptyDir"] for one in spec["volumes"]}
        mounts, temporary = [], {}
        for mount in container["volumeMounts"]:
            kind = kinds[mount["name"]]
            if kind.get("medium") == "Memory":
                options = f"rw,nosuid,nodev,mode=1777,size={kind['sizeLimit']}"
                temporary[mount["mountPath"]] = options
                continue
            folder = self.volume(uid)
            folder.mkdir(parents=True)
            os.chown(folder, 0, user)
            folder.chmod(0o2777)
            source = {"Source": str(folder), "Target": mount["mountPath"]}
            mounts.append({"Type": "bind", **source})
        return {"Mounts": mounts, "Tmpfs": temporary}

    @asynccontextmanager
    async def program(self, uid: str, words: list[str]) -> AsyncIterator[Stream]:
        """Start a program in a pod; its end ends with the connection."""
        container = self._client.containers.container(uid)
        execution = await container.exec(words, stdin=True, stdout=True, stderr=True)
        async with execution.start(detach=False) as stream:
            yield stream
