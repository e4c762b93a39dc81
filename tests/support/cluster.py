"""A cluster for tests: an API server for pods with one node behind it.

It speaks HTTP and WebSockets as the real one does, for as much as a `Role` of
deploy/kubernetes allows: create, list, watch, delete and exec of pods. What it is sent
has to be what the schemas of Kubernetes accept and what Pod Security calls restricted.
Pods are run for real, by `kubelet.py`. No real API server can be had as a package.
"""

import asyncio
import atexit
import functools
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

import yaml
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.integration.deploy.tools import faults, has_schemas
from tests.support.engine import engine_url
from tests.support.kubelet import Kubelet, Pod
from tests.support.npm import ROOT
from tests.support.servers import server_folder

NAMESPACE = "atelier-apps"
VERSION = "1.37.0"
_MANIFESTS = ROOT / "deploy" / "kubernetes" / "components" / "pods"
ADMINISTRATOR = "administrator"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_RIGHTS = "/apis/authorization.k8s.io/v1"
_START_S = 30.0

_T = TypeVar("_T")
OnDelete: TypeAlias = Callable[[str, Pod], Awaitable[None]]
"""Called with an account and the pod that it wants to be gone, before it is."""


def allowed() -> set[tuple[str, str]]:
    """Return the verbs and resources that the service's role has."""
    text = (_MANIFESTS / "account.yaml").read_text(encoding="utf-8")
    (role,) = (one for one in yaml.safe_load_all(text) if one["kind"] == "Role")
    assert role["metadata"]["namespace"] == NAMESPACE
    return {
        (verb, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }


def violations(pod: Pod) -> list[str]:
    """Return what Pod Security `restricted` has against a pod."""
    spec = pod["spec"]
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    found += [
        f"volume {one['name']}"
        for one in spec.get("volumes", [])
        if not {"emptyDir", "configMap", "secret", "projected"} & one.keys()
    ]
    for container in spec["containers"]:
        security = spec.get("securityContext", {}) | container["securityContext"]
        seccomp = security.get("seccompProfile", {}).get("type")
        checks = {
            "privileged": not security.get("privileged"),
            "allowPrivilegeEscalation": security.get("allowPrivilegeEscalation")
            is False,
            "capabilities": security.get("capabilities") == {"drop": ["ALL"]},
            "runAsNonRoot": security.get("runAsNonRoot") is True,
            "runAsUser": security.get("runAsUser") != 0,
            "seccompProfile": seccomp in ("RuntimeDefault", "Localhost"),
            "hostPort": not any(
                "hostPort" in one for one in container.get("ports", [])
            ),
        }
        found += [name for name, is_kept in checks.items() if not is_kept]
    return found


class _Server:
    """Everything that lives in the loop of the cluster's thread."""

    def __init__(self, engine: str, folder: Path, token: str, network: str) -> None:
        self.token = token
        self.pods: dict[str, Pod] = {}
        self.version = 1
        self.oldest = 0
        self.events: list[tuple[int, str, Pod]] = []
        self.changed = asyncio.Event()
        self.kubelet = Kubelet(engine, folder / "pods", self.report, network)
        self.roles = allowed()
        text = (_MANIFESTS / "apps.yaml").read_text(encoding="utf-8")
        self.objects: list[Pod] = list(yaml.safe_load_all(text))
        self.asked: list[str] = []
        self.open: set[asyncio.Task[Any]] = set()
        self.port = 0
        self.on_delete: OnDelete | None = None

    async def run(self, started: threading.Event, ending: asyncio.Event) -> None:
        app = web.Application(middlewares=[self._check])
        app.router.add_post(_PODS, self._create)
        app.router.add_get(_PODS, self._list)
        app.router.add_delete(f"{_PODS}/{{name}}", self._delete)
        app.router.add_get(f"{_PODS}/{{name}}/exec", self._exec)
        app.router.add_get("/version", self._version)
        app.router.add_post(f"{_RIGHTS}/selfsubjectaccessreviews", self._review)
        app.router.add_get("/{rest:apis?/.*}", self._seen)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        started.set()
        await ending.wait()
        self.cut()
        await self.kubelet.close()
        await runner.cleanup()

    @web.middleware
    async def _check(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        said = request.headers.get("authorization", "")
        if said.partition(".")[0] != f"Bearer {self.token}":
            return _refusal(401, "Unauthorized")
        if not request.path.startswith(_PODS):
            return await handler(request)
        verb, resource = _meant(request)
        needed = {(verb, resource)}
        if resource == "pods/exec":  # one or the other, by the server's version
            needed = {("get", resource), ("create", resource)}
        self.asked.append(f"{verb} {resource}")
        if not needed <= self.roles:
            return _refusal(403, f"cannot {verb} resource {resource!r}")
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            return await handler(request)
        finally:
            self.open.discard(task)

    def cut(self) -> None:
        """Break off every answer that is under way, as a restart does."""
        for task in list(self.open):
            task.cancel()

    def forget(self) -> None:
        """Know nothing of earlier versions any more."""
        self.version += 1
        self.oldest = self.version
        self.events.clear()

    def report(self, pod: Pod, kind: str = "MODIFIED") -> None:
        if pod["metadata"]["name"] not in self.pods and kind == "MODIFIED":
            return
        self.version += 1
        pod["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, kind, json.loads(json.dumps(pod))))
        self.changed.set()
        self.changed = asyncio.Event()

    async def _create(self, request: web.Request) -> web.Response:
        pod = await request.json()
        name = pod["metadata"]["name"]
        if has_schemas(VERSION) and (wrong := faults(pod, VERSION)):
            return _refusal(422, f"Pod {name!r} is invalid: {wrong}")
        if wrong := violations(pod):
            return _refusal(403, f'pods "{name}" is forbidden: violates {wrong}')
        if name in self.pods:
            return _refusal(409, f'pods "{name}" already exists')
        pod["metadata"] |= {"uid": str(uuid4()), "namespace": NAMESPACE}
        pod["status"] = {"phase": "Pending"}
        self.pods[name] = pod
        self.report(pod, "ADDED")
        await self.kubelet.start(pod)
        return web.json_response(pod, status=201)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        key, _, value = request.query["labelSelector"].partition("=")

        def is_meant(pod: Pod) -> bool:
            return bool(pod["metadata"]["labels"].get(key) == value)

        if request.query.get("watch", "").lower() == "true":
            return await self._watch(request, is_meant)
        items = [pod for pod in self.pods.values() if is_meant(pod)]
        metadata = {"resourceVersion": str(self.version)}
        listed = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata}
        return web.json_response(listed | {"items": items})

    async def _watch(
        self, request: web.Request, is_meant: Callable[[Pod], bool]
    ) -> web.StreamResponse:
        seen = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        while True:
            changed = self.changed
            if seen < self.oldest:
                gone = {"kind": "Status", "code": 410, "reason": "Expired"}
                gone["message"] = f"too old resource version: {seen}"
                await _line(response, "ERROR", gone)
                return response
            for version, kind, pod in [one for one in self.events if one[0] > seen]:
                seen = version
                if is_meant(pod):
                    with suppress(ConnectionError):  # its task ends with it
                        await _line(response, kind, pod)
            await changed.wait()

    async def _delete(self, request: web.Request) -> web.Response:
        pod = self.pods.get(request.match_info["name"])
        if pod is None:
            return _refusal(404, "not found")
        options = await request.json() if request.can_read_body else {}
        uid = (options.get("preconditions") or {}).get("uid")
        if uid not in (None, pod["metadata"]["uid"]):
            return _refusal(409, "the UID in the precondition does not match")
        if self.on_delete is not None:
            await self.on_delete(_account(request), pod)
        await self.remove(pod)
        return web.json_response(pod)

    async def remove(self, pod: Pod) -> None:
        if self.pods.pop(pod["metadata"]["name"], None) is None:
            return  # somebody else was first
        self.report(pod, "DELETED")
        await self.kubelet.end(pod["metadata"]["uid"])

    # --- what nobody needs who runs apps, but somebody who looks after it -------------

    async def _version(self, _: web.Request) -> web.Response:
        major, minor, _patch = VERSION.split(".")
        told = {"major": major, "minor": minor, "gitVersion": f"v{VERSION}"}
        return web.json_response(told)

    async def _review(self, request: web.Request) -> web.Response:
        asked = (await request.json())["spec"]["resourceAttributes"]
        parts = (asked["resource"], asked["subresource"])
        right = asked["verb"], "/".join(filter(None, parts))
        is_role = asked["namespace"] == NAMESPACE and right in self.roles
        allowed = is_role or _account(request) == ADMINISTRATOR
        return web.json_response({"status": {"allowed": allowed}}, status=201)

    async def _seen(self, request: web.Request) -> web.Response:
        if _account(request) != ADMINISTRATOR:
            return _refusal(403, "forbidden")
        if request.path.endswith("/networkpolicies"):
            found = [one for one in self.objects if one["kind"] == "NetworkPolicy"]
            return web.json_response({"items": found})
        name = request.path.rpartition("/")[2]
        found = [one for one in self.objects if one["metadata"]["name"] == name]
        return web.json_response(found[0]) if found else _refusal(404, "not found")

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        pod = self.pods.get(request.match_info["name"])
        if pod is None or pod["status"]["phase"] != "Running":
            return _refusal(404, "not found")
        return await self.kubelet.exec(request, pod["metadata"]["uid"])


async def _line(response: web.StreamResponse, kind: str, thing: Pod) -> None:
    line = json.dumps({"type": kind, "object": thing})
    await response.write(line.encode() + b"\n")


def _account(request: web.Request) -> str:
    return request.headers["authorization"].partition(".")[2]


def _meant(request: web.Request) -> tuple[str, str]:
    if request.path.endswith("/exec"):
        return "get", "pods/exec"
    if request.method == "GET" and request.path == _PODS:
        return ("watch" if "watch" in request.query else "list"), "pods"
    return {"POST": "create", "DELETE": "delete"}.get(request.method, "get"), "pods"


def _refusal(status: int, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return web.json_response(body | {"code": status, "message": message}, status=status)


def kubeconfig(server: str, token: str, **cluster: str) -> dict[str, Any]:
    """Return what names a server, what else there is to know of it, and an account."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }


class FakeCluster:
    """The cluster as tests see it, from another thread."""

    def __init__(self, engine: str, folder: Path, network: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        started = threading.Event()

        async def live() -> None:
            self._server = _Server(engine, folder, uuid4().hex, network)
            await self._server.run(started, self._ending)

        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(live()), daemon=True
        )
        self._thread.start()
        assert started.wait(_START_S), "the cluster did not start"
        self._folder = folder
        self.kubeconfig = self.account("")

    def account(self, name: str) -> Path:
        """Return a file by which whoever has it is known as *name*."""
        file = self._folder / f"kubeconfig{name}"
        server = f"http://127.0.0.1:{self._server.port}"
        config = kubeconfig(server, f"{self._server.token}.{name}")
        file.write_text(json.dumps(config), encoding="utf-8")
        return file

    def close(self) -> None:
        """End it and all pods."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_START_S)

    @property
    def asked(self) -> set[str]:
        """What was asked of the API server."""
        return set(self._server.asked)

    def pods(self, owner: str = "") -> list[Pod]:
        """Return the pods of an owner, or all."""
        return [
            pod
            for pod in list(self._server.pods.values())
            if owner in ("", pod["metadata"]["labels"]["atelier.owner"])
        ]

    def volume(self, pod: Pod) -> Path:
        """Return the working folder of a pod."""
        return self._server.kubelet.volume(pod["metadata"]["uid"])

    @property
    def objects(self) -> list[Pod]:
        """What the namespace of apps has beside pods; a test may change it."""
        return self._server.objects

    @property
    def roles(self) -> set[tuple[str, str]]:
        """What the service's account may do; a test may change it."""
        return self._server.roles

    def watch_deletions(self, told: OnDelete | None) -> None:
        """Have *told* called, in the loop of the cluster, before a pod is deleted."""
        self._server.on_delete = told

    def cut(self) -> None:
        """Break off all connections."""
        self._loop.call_soon_threadsafe(self._server.cut)

    def forget(self) -> None:
        """Let whoever watches have missed something."""
        self._loop.call_soon_threadsafe(self._server.forget)

    def remove(self, pod: Pod) -> None:
        """Delete a pod behind the service's back."""
        self._wait(self._server.remove(pod))

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)


@contextmanager
def fake_cluster(engine: str, *, network: str = "none") -> Iterator[FakeCluster]:
    """Lend a cluster whose pods run in *engine*."""
    with server_folder() as folder:
        cluster = FakeCluster(engine, folder, network)
        try:
            yield cluster
        finally:
            cluster.close()


@functools.cache
def shared_cluster() -> FakeCluster:
    """Return the cluster of this process; skip where no engine runs its pods."""
    lent = fake_cluster(engine_url())
    atexit.register(lent.__exit__, None, None, None)
    return lent.__enter__()
