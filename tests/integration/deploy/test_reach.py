"""Each pod reaches what it is told to speak to, and nothing else."""

from itertools import product
from pathlib import Path

import pytest
import yaml

from tests.integration.deploy.conftest import OVERLAYS, WITH_PODS
from tests.integration.deploy.reach import Manifest, Network, Place, pods

OURS = ("atelier", "atelier-sandbox", "atelier-apps")
INGRESS, MONITORING = "the ingress", "monitoring"
DATABASES = {"a database near:5432", "a database far:5432"}
AROUND = (
    Place("names", "10.1.1.1", frozenset({53}), "kube-system"),
    Place("names of the node", "169.254.20.10", frozenset({53})),
    Place(MONITORING, "10.1.1.2", frozenset({4318, 9090}), "monitoring"),
    Place(INGRESS, "10.1.1.4", frozenset({443}), "ingress-nginx"),
    Place("a neighbour", "10.1.1.5", frozenset({80, 443, 5432, 8080}), "default"),
    Place("somebody else here", "10.1.1.6", frozenset({443, 8080}), "atelier"),
    Place("an app", "10.1.1.7", frozenset({443, 5173}), "atelier-apps"),
    Place("a database near", "10.9.8.7", frozenset({5432})),
    Place("a database far", "198.51.100.7", frozenset({5432})),
    Place("the API server", "10.96.0.1", frozenset({443, 6443})),
    Place("a node", "192.168.0.5", frozenset({22, 443, 10250})),
    Place("a cloud's credentials", "169.254.169.254", frozenset({80, 443})),
    Place("the same by IPv6", "fd00:ec2::254", frozenset({80, 443})),
    Place("the internet", "198.51.100.8", frozenset({22, 25, 80, 443, 4222})),
)

# What a pod speaks to because of a variable that it is given.
TOLD = {
    "NATS_URL_FILE": {"nats:4222"},
    "OPENROUTER_API_KEY_FILE": {"the internet:443"},
    "OPENROUTER_BASE_URL": {"demo-model:3006"},
    "OIDC_CLIENT_SECRET_FILE": {"the internet:443"},
    "SANDBOX_RUNTIME": {"the internet:443"},  # packages that apps install
    "SANDBOX_ADDRESS": {"sandbox:3005"},
    "SANDBOX_NAMESPACE": {"the API server:443", "the API server:6443"},
}
# And because of what it is.
SPEAKS = {
    "door": {"api:3001", "gateway-ws:3002"},
    "nats": {"nats:6222"},
    INGRESS: {"door:8080"},
    MONITORING: {
        *("agent:3003", "api:3001", "gateway-ws:3002", "sandbox:3004", "nats:8222")
    },
}
TRACED = ("agent", "api", "gateway-ws", "sandbox")
# Databases, and the API server, are where no manifest knows: only their port holds.
TOLERATED = {
    "DATABASE_URL_FILE": {*DATABASES, "a neighbour:5432"},
    "SANDBOX_NAMESPACE": {"a neighbour:443", "a node:443", "the same by IPv6:443"}
    | {f"{pod}:443" for pod in (INGRESS, "somebody else here", "an app")},
}
Pairs = set[tuple[str, str]]


@pytest.fixture(scope="module", params=(*OVERLAYS, WITH_PODS))
def manifests(
    rendered: dict[str, Path], request: pytest.FixtureRequest
) -> list[Manifest]:
    text = rendered[request.param].read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


def told(manifests: list[Manifest], table: dict[str, set[str]]) -> Pairs:
    """Return what *table* says of the variables that each pod is given."""
    found: Pairs = set()
    for one in manifests:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            (container,) = one["spec"]["template"]["spec"]["containers"]
            given = {each["name"] for each in container.get("env", [])}
            targets = set().union(*(table[name] for name in given & table.keys()))
            found |= {(one["metadata"]["name"], target) for target in targets}
    return found


def needed(manifests: list[Manifest]) -> Pairs:
    ours = list(pods(manifests))
    database = {"postgres:5432"} & {f"{pod.name}:5432" for pod in ours} or DATABASES
    table = {**TOLD, "DATABASE_URL_FILE": database}
    spoken = {(who, target) for who in SPEAKS for target in SPEAKS[who]}
    named = {
        (pod.name, f"{names}:53")
        for pod in ours
        for names in ("names", "names of the node")
    }
    traced = {(who, "monitoring:4318") for who in TRACED}
    return told(manifests, table) | spoken | named | traced


def reached(manifests: list[Manifest], *, generous: bool) -> Pairs:
    """Return who reaches what, of all pods and all that is around them."""
    network = Network(manifests, generous=generous)
    there = {one["metadata"]["name"] for one in manifests if one["kind"] == "Namespace"}
    around = [
        one for one in AROUND if one.namespace not in OURS or one.namespace in there
    ]
    places = [*pods(manifests), *around]
    return {
        (source.name, f"{target.name}:{port}")
        for source, target in product(places, places)
        if {source.namespace, target.namespace} & set(OURS)
        for port in target.ports
        if network.passes(source, target, port)
    }


def test_what_services_speak_to_is_open(manifests: list[Manifest]) -> None:
    """In networks as well in which a block of addresses means no pod."""
    assert needed(manifests) - reached(manifests, generous=False) == set()


def test_nothing_else_is_open(
    manifests: list[Manifest], request: pytest.FixtureRequest
) -> None:
    tolerated = told(manifests, TOLERATED)
    # The others of a namespace may ask for names.
    tolerated |= {
        ("somebody else here", f"{one}:53") for one in ("names", "names of the node")
    }
    extra = reached(manifests, generous=True) - needed(manifests) - tolerated
    if "trial" in request.node.name:  # it is tried without an ingress
        extra -= {(one.name, "door:8080") for one in AROUND}
    assert extra == set()
