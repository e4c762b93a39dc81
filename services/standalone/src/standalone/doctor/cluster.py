"""Checks of the cluster, where apps are to run in pods."""

import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import msgspec
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException

from standalone.doctor.finding import Finding, fine, note, problem
from standalone.settings import Settings

_ABOUT = "Cluster"
_ASK_S = 10.0
_OLDEST = (1, 33)
_ENFORCED = "pod-security.kubernetes.io/enforce"
_APPLY = "apply an overlay of deploy/kubernetes with components/pods"
_NUMBER = re.compile(r"\d+")  # some clouds say `33+`

NEEDED = (
    *(("create", "pods"), ("delete", "pods"), ("list", "pods"), ("watch", "pods")),
    *(("create", "pods/exec"), ("get", "pods/exec")),
)
"""What the sandbox service does in the namespace of apps."""

_T = TypeVar("_T")


class _Version(msgspec.Struct, rename="camel"):
    git_version: str
    major: str
    minor: str


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status


class _Metadata(msgspec.Struct):
    labels: Mapping[str, str] = {}


class _Object(msgspec.Struct):
    metadata: _Metadata


class _Policy(msgspec.Struct, rename="camel"):
    """The part of a network policy that says what it shuts."""

    pod_selector: Mapping[str, Any] = {}
    policy_types: list[str] = []
    ingress: list[Any] = []
    egress: list[Any] = []

    @property
    def shuts_everything(self) -> bool:
        """Whether no pod hears anybody or reaches anything, as far as this goes."""
        both = {"Ingress", "Egress"} <= set(self.policy_types)
        return both and not self.pod_selector and not self.opens

    @property
    def opens(self) -> bool:
        """Whether it lets pods hear or reach somebody."""
        return bool(self.ingress or self.egress)


class _Policied(msgspec.Struct):
    spec: _Policy


class _Policies(msgspec.Struct):
    items: list[_Policied]


class _Silent(Exception):
    """It does not answer, or not as one does; one sentence says so."""


class _Cluster:
    """An API server, asked with the account that the settings name."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.server = str(client.configuration.host)

    async def ask(
        self, path: str, kind: type[_T], body: object = None
    ) -> _T | HTTPStatus:
        """Return what is there, or the status that says why it is not shown.

        Raises:
            _Silent: Nobody answers, or not as an API server.

        """
        try:
            answer: Any = await self._client.call_api(
                path,
                "GET" if body is None else "POST",
                body=body,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=_ASK_S,
            )
            data = await answer.read()
            if not answer.ok:
                return HTTPStatus(answer.status)
            return msgspec.json.decode(data, type=kind)
        except (OSError, aiohttp.ClientError, ssl.SSLError, ValueError) as exc:
            reason = str(exc) or repr(exc)
            raise _Silent(f"{self.server} does not answer as one: {reason}.") from exc


async def cluster(settings: Settings) -> AsyncIterator[Finding]:
    """Ask it whether it has what apps in pods need, and lets us have that."""
    chosen = Configuration()
    try:
        if settings.kubeconfig:
            await config.load_kube_config(
                settings.kubeconfig, client_configuration=chosen
            )
        else:
            load: Callable[..., None] = config.load_incluster_config
            load(client_configuration=chosen)
    except (ConfigException, OSError) as exc:
        yield problem(_ABOUT, f"None is known, KUBECONFIG should name one: {exc}.")
        return
    async with ApiClient(chosen) as client:
        asked = _Cluster(client)
        try:
            async with aclosing(_examined(asked, settings)) as findings:
                async for finding in findings:
                    yield finding
        except _Silent as exc:
            yield problem(_ABOUT, str(exc))


async def _examined(
    asked: _Cluster, settings: Settings
) -> AsyncGenerator[Finding, None]:
    yield await _version(asked)
    namespace = settings.sandbox_namespace
    yield await _rights(asked, namespace)
    yield await _namespace(asked, namespace)
    yield await _network(asked, namespace)
    if settings.sandbox_oci_runtime:
        yield await _runtime(asked, settings.sandbox_oci_runtime)


async def _version(asked: _Cluster) -> Finding:
    found = await asked.ask("/version", _Version)
    if isinstance(found, HTTPStatus):
        return problem(_ABOUT, f"{asked.server} refuses us with status {found}.")
    numbers = [int(one) for one in _NUMBER.findall(f"{found.major} {found.minor}")]
    if tuple(numbers) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        return problem(
            _ABOUT,
            f"Kubernetes {found.git_version} does not give pods users of their own: "
            f"{oldest} is needed.",
        )
    return fine(_ABOUT, f"Kubernetes {found.git_version} answers at {asked.server}.")


async def _rights(asked: _Cluster, namespace: str) -> Finding:
    about = "Cluster account"
    if await _may(asked, namespace, "*", "*"):
        return note(
            about, f"It may do anything in {namespace}; six rights would be enough."
        )
    lacks = [
        f"{verb} {resource}"
        for verb, resource in NEEDED
        if not await _may(asked, namespace, verb, resource)
    ]
    if lacks:
        return problem(
            about, f"In {namespace} it may not {', '.join(lacks)}: {_APPLY}."
        )
    return fine(about, f"It may do in {namespace} what apps need.")


async def _may(asked: _Cluster, namespace: str, verb: str, resource: str) -> bool:
    name, _, part = resource.partition("/")
    meant = {"namespace": namespace, "verb": verb, "resource": name}
    meant |= {"subresource": part, "group": "*" if name == "*" else ""}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": meant},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    found = await asked.ask(path, _Review, review)
    return not isinstance(found, HTTPStatus) and found.status.allowed


async def _namespace(asked: _Cluster, name: str) -> Finding:
    about = "Namespace"
    found = await asked.ask(f"/api/v1/namespaces/{name}", _Object)
    if isinstance(found, HTTPStatus):
        return _unseen(about, found, f"There is no namespace {name}: {_APPLY}.")
    level = found.metadata.labels.get(_ENFORCED, "privileged")
    if level != "restricted":
        return problem(
            about,
            f"{name} takes pods that are {level}: `kubectl label --overwrite namespace "
            f"{name} {_ENFORCED}=restricted`.",
        )
    return fine(about, f"{name} takes restricted pods alone.")


async def _network(asked: _Cluster, namespace: str) -> Finding:
    about = "Network of pods"
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    found = await asked.ask(path, _Policies)
    if isinstance(found, HTTPStatus):
        return _unseen(about, found, f"{namespace} has no policies.")
    if any(one.spec.opens for one in found.items):
        return problem(
            about, f"A policy of {namespace} lets pods speak to somebody: remove it."
        )
    if not any(one.spec.shuts_everything for one in found.items):
        return problem(about, f"No policy shuts {namespace} both ways: {_APPLY}.")
    return fine(
        about,
        f"A policy shuts {namespace} both ways; whether the cluster keeps to it, the "
        "service tries at its start.",
    )


async def _runtime(asked: _Cluster, name: str) -> Finding:
    about = "Runtime of pods"
    path = f"/apis/node.k8s.io/v1/runtimeclasses/{name}"
    found = await asked.ask(path, _Object)
    if isinstance(found, HTTPStatus):
        missing = f"SANDBOX_OCI_RUNTIME={name}, but there is no such RuntimeClass."
        return _unseen(about, found, missing)
    return fine(about, f"There is a RuntimeClass {name}.")


def _unseen(about: str, status: HTTPStatus, missing: str) -> Finding:
    if status is HTTPStatus.NOT_FOUND:
        return problem(about, missing)
    return note(about, "This account may not look at it, and need not.")
