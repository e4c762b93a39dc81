"""A cluster for tests with the real API server, where there is one.

KUBEBUILDER_ASSETS names the folder of `kube-apiserver` and `etcd`, as it does for
whoever tests operators; without it they are looked for on the PATH. What is stored,
who may do what, what a pod has to be and how a program is reached in one is theirs;
the node behind it is ours (`node.py`), and nobody enforces network policies.
"""

import asyncio
import atexit
import functools
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from typing_extensions import override

from standalone.ports import free_port
from standalone.program import Program
from tests.support.certificates import make_certificate
from tests.support.cluster import NAMESPACE, kubeconfig
from tests.support.engine import engine_url
from tests.support.kubelet import Pod
from tests.support.node import Node
from tests.support.npm import ROOT
from tests.support.servers import Server, server_folder

ADMINISTRATOR = "only-for-tests"
_SERVICE = ("atelier-sandbox", "sandbox")
_TOKEN_S = 86_400
_MANIFESTS = ROOT / "deploy" / "kubernetes"
_NEEDED = (
    *("base/namespaces.yaml", "base/accounts.yaml"),
    *("components/pods/apps.yaml", "components/pods/account.yaml"),
)
_START_S = 60.0


def _found(name: str) -> str:
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    path = shutil.which(name, path=folder) if folder else shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} on the PATH, or in the folder KUBEBUILDER_ASSETS")
    return path


class Etcd(Server):
    """What the API server keeps its objects in."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        words = (
            *(_found("etcd"), "--data-dir", str(folder / "etcd")),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        )
        super().__init__(Program("etcd", words, {"HOME": str(folder)}), folder)

    @override
    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/health", timeout=2, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == HTTPStatus.OK


class ApiServer(Server):
    """The real one, with roles, quotas and Pod Security."""

    def __init__(self, folder: Path, etcd: Etcd) -> None:
        make_certificate(folder / "ca.pem", folder / "key.pem")
        self.certificate, key = folder / "ca.pem", str(folder / "key.pem")
        tokens = folder / "tokens.csv"
        tokens.write_text(f"{ADMINISTRATOR},administrator,1,system:masters\n")
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        words = (
            *(_found("kube-apiserver"), f"--etcd-servers={etcd.url}"),
            *(f"--secure-port={port}", "--bind-address=127.0.0.1"),
            *("--allow-privileged=true",),
            *("--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"),
            *(f"--tls-cert-file={self.certificate}", f"--tls-private-key-file={key}"),
            *("--authorization-mode=RBAC", f"--token-auth-file={tokens}"),
            *("--service-account-issuer=https://kubernetes.default.svc",),
            *(f"--service-account-key-file={self.certificate}",),
            *(f"--service-account-signing-key-file={key}",),
            *("--service-cluster-ip-range=10.0.0.0/24",),
            *("--kubelet-preferred-address-types=InternalIP",),
            f"--kubelet-certificate-authority={self.certificate}",
        )
        program = Program("kube-apiserver", words, {"HOME": str(folder)})
        super().__init__(program, folder)

    def trust(self) -> ssl.SSLContext:
        """Return what knows the server's certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    @property
    def account(self) -> dict[str, str]:
        """What an administrator says with each request."""
        return {"authorization": f"Bearer {ADMINISTRATOR}"}

    @override
    def is_ready(self) -> bool:
        try:
            answer = httpx.get(
                f"{self.url}/readyz",
                headers=self.account,
                verify=self.trust(),
                timeout=5,
                trust_env=False,
            )
        except httpx.TransportError:
            return False
        return answer.status_code == HTTPStatus.OK


class RealCluster:
    """The cluster as tests see it, from another thread than its node's."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.api = api
        self._folder = folder
        self._http = httpx.Client(
            base_url=api.url, headers=api.account, verify=api.trust(), trust_env=False
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._node: Node | None = None
        self._thread: threading.Thread | None = None

    async def _live(self, engine: str) -> None:
        self._loop = asyncio.get_running_loop()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.api.certificate, self._folder / "key.pem")
        async with httpx.AsyncClient(
            base_url=self.api.url,
            headers=self.api.account,
            verify=self.api.trust(),
            trust_env=False,
        ) as http:
            volumes = self._folder / "pods"
            self._node = Node(http, engine, volumes, tls, NAMESPACE)
            await self._node.run(self._ending)

    @property
    def administrator(self) -> Path:
        """A file with which one may do everything."""
        return self._kubeconfig("administrator", ADMINISTRATOR)

    @property
    def kubeconfig(self) -> Path:
        """A file with which one may do what the sandbox service may."""
        namespace, name = _SERVICE
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        wish = {"spec": {"expirationSeconds": _TOKEN_S}}
        answer = self._http.post(path, json=wish).raise_for_status()
        return self._kubeconfig(name, answer.json()["status"]["token"])

    def _kubeconfig(self, name: str, token: str) -> Path:
        trust = {"certificate-authority": str(self.api.certificate)}
        config = kubeconfig(self.api.url, token, **trust)
        file = self._folder / f"kubeconfig-{name}"
        file.write_text(json.dumps(config), encoding="utf-8")
        return file

    def apply(self, *manifests: Path) -> str:
        """Have the server take *manifests*, every field; return what it warns of."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            pytest.skip("kubectl is not installed")
        done = subprocess.run(
            (
                *(kubectl, "--kubeconfig", str(self.administrator), "apply"),
                *("--server-side", "--validate=strict"),
                *(word for file in manifests for word in ("-f", str(file))),
            ),
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def start_node(self, engine: str) -> None:
        """Have a node that runs pods in *engine*, now that their namespace is there."""
        live = self._live(engine)
        self._thread = threading.Thread(target=asyncio.run, args=(live,), daemon=True)
        self._thread.start()

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask the API server as an administrator."""
        return self._http.request(method, path, json=body)

    def pods(self, owner: str = "") -> list[Pod]:
        """Return the pods of an owner, or all."""
        query = {"labelSelector": f"atelier.owner={owner}"} if owner else {}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        items: list[Pod] = self._http.get(path, params=query).json()["items"]
        return items

    def volume(self, pod: Pod) -> Path:
        """Return the working folder of a pod."""
        assert self._node is not None
        return self._node.kubelet.volume(pod["metadata"]["uid"])

    def remove(self, pod: Pod) -> None:
        """Delete a pod behind the service's back."""
        name = pod["metadata"]["name"]
        self._http.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}")

    def cut(self) -> None:
        """Break off all connections: the API server dies and comes back."""
        self.api.kill()
        self.api.start()

    def forget(self) -> None:
        """Let whoever watches have missed something."""
        self.cut()  # what it had seen before, it does not know any more

    def close(self) -> None:
        """End the node and all pods."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(_START_S)
        self._http.close()


@contextmanager
def real_cluster() -> Iterator[RealCluster]:
    """Lend an empty cluster."""
    with ExitStack() as stack:
        folder = stack.enter_context(server_folder())
        etcd = stack.enter_context(Etcd(folder))
        api = stack.enter_context(ApiServer(folder, etcd))
        cluster = RealCluster(api, folder)
        stack.callback(cluster.close)
        yield cluster


@functools.cache
def shared_real_cluster() -> RealCluster:
    """Return the cluster of this process, with what apps in pods need of deploy/."""
    engine = engine_url()
    lent = real_cluster()
    cluster = lent.__enter__()
    atexit.register(lent.__exit__, None, None, None)
    cluster.apply(*(_MANIFESTS / name for name in _NEEDED))
    cluster.start_node(engine)
    return cluster
