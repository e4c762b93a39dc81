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
import aiohttp
from aiodocker.stream import Stream
from aiohttp import web

from sandbox.adapters.files.disk import used_bytes

_LOOK_S = 0.2
_FIRST_UID = 0x6000_0000
_UIDS = 0x1_0000
_NODES = frozenset(
    (
        *("restartPolicy", "terminationGracePeriodSeconds", "hostUsers", "volumes"),
        *("automountServiceAccountToken", "enableServiceLinks", "securityContext"),
        *("dnsPolicy", "dnsConfig", "hostname", "containers", "runtimeClassName"),
        "activeDeadlineSeconds",
    )
)
"""What of a pod is done here, or has nothing to be done for."""

_ADDED = frozenset(
    (
        *("serviceAccount", "serviceAccountName", "schedulerName", "nodeName"),
        *("tolerations", "priority", "preemptionPolicy"),
    )
)
"""What an API server adds to a pod, and nodes have nothing to do for."""

PROTOCOL = "v4.channel.k8s.io"
_STDIN, _ERROR = 0, b"\3"

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
        guards = [
            asyncio.create_task(guard(uid, pod))
            for guard in (self._evict, self._expire)
        ]
        try:
            code = (await container.wait(timeout=0))["StatusCode"]
            killed = (await container.show())["State"]["OOMKilled"]
        finally:
            for guard in guards:
                guard.cancel()
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
        message = f'Usage of EmptyDir volume "work" exceeds the limit "{limit}".'
        await self._kill(uid, pod, "Evicted", message)

    async def _expire(self, uid: str, pod: Pod) -> None:
        """End a pod that has lived for as long as it may."""
        if lasts_s := pod["spec"].get("activeDeadlineSeconds"):
            await asyncio.sleep(lasts_s)
            await self._kill(uid, pod, "DeadlineExceeded", "It was active too long.")

    async def _kill(self, uid: str, pod: Pod, reason: str, message: str) -> None:
        pod["status"] = {"reason": reason, "message": message}
        await self._client.containers.container(uid).kill()

    def _tell(self, pod: Pod, phase: str, state: dict[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        statuses = [{"name": container["name"], "state": state}]
        said = pod.get("status", {})
        pod["status"] = {**said, "phase": phase, "containerStatuses": statuses}
        self._report(pod)

    def _body(self, uid: str, pod: Pod) -> dict[str, Any]:
        spec = pod["spec"]
        unknown = spec.keys() - _NODES - _ADDED
        assert not unknown, unknown
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
            "NanoCpus": _nano_cpus(limits["cpu"]),
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

    async def exec(self, request: web.Request, uid: str) -> web.WebSocketResponse:
        """Start a program in a pod, and speak with it over a WebSocket."""
        words = request.query.getall("command")
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        async with self._program(uid, words) as stream:
            pumps = {
                asyncio.ensure_future(_inwards(socket, stream)),
                asyncio.ensure_future(_outwards(socket, stream)),
            }
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
        with suppress(ConnectionError):
            await socket.send_bytes(_ERROR + b'{"metadata":{},"status":"Success"}')
        await socket.close()
        return socket

    @asynccontextmanager
    async def _program(self, uid: str, words: list[str]) -> AsyncIterator[Stream]:
        container = self._client.containers.container(uid)
        execution = await container.exec(words, stdin=True, stdout=True, stderr=True)
        # Its end ends with the connection.
        async with execution.start(detach=False) as stream:
            yield stream


def _nano_cpus(quantity: str) -> int:
    if quantity.endswith("m"):
        return int(quantity.removesuffix("m")) * 1_000_000
    return int(quantity) * 1_000_000_000


async def _inwards(socket: web.WebSocketResponse, stream: Stream) -> None:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY and message.data[0] == _STDIN:
            await stream.write_in(message.data[1:])


async def _outwards(socket: web.WebSocketResponse, stream: Stream) -> None:
    while (message := await stream.read_out()) is not None:
        await socket.send_bytes(bytes([message.stream]) + message.data)
