"""What network policies let pass, as Kubernetes reads them."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

Manifest = dict[str, Any]
_NAME = "kubernetes.io/metadata.name"


class Place(NamedTuple):
    """A pod, or what is outside of the cluster and has an address alone."""

    name: str
    address: str
    ports: frozenset[int] = frozenset()
    """Where it listens."""
    namespace: str = ""
    """Empty: outside."""
    labels: tuple[tuple[str, str], ...] = ()


def pods(manifests: Sequence[Manifest]) -> Iterator[Place]:
    """Return a pod of each kind, with the ports that it says it listens on."""
    kinds = ("Deployment", "StatefulSet", "Job")
    found = [one for one in manifests if one["kind"] in kinds]
    for number, one in enumerate(found, 1):
        template, meta = one["spec"]["template"], one["metadata"]
        (container,) = template["spec"]["containers"]
        ports = [port["containerPort"] for port in container.get("ports", [])]
        labels = tuple(template["metadata"]["labels"].items())
        address = f"10.1.0.{number}"
        yield Place(meta["name"], address, frozenset(ports), meta["namespace"], labels)


class Network:
    """The policies of *manifests*.

    Whether a block of addresses means pods too is left open by Kubernetes, and networks
    differ: *generous* ones say yes.
    """

    def __init__(self, manifests: Sequence[Manifest], *, generous: bool) -> None:
        self._policies = [one for one in manifests if one["kind"] == "NetworkPolicy"]
        self._generous = generous

    def passes(self, source: Place, target: Place, port: int) -> bool:
        """Tell whether *source* reaches *target* at *port*."""
        return self._lets("Egress", source, target, port) and self._lets(
            "Ingress", target, source, port
        )

    def _lets(self, way: str, who: Place, other: Place, port: int) -> bool:
        """Tell whether the policies for *who* allow the *way* to or from *other*."""
        meant = [one for one in self._policies if _means(one, way, who)]
        if not meant:
            return True
        peers = "to" if way == "Egress" else "from"
        return any(
            self._fits(rule.get(peers), one["metadata"]["namespace"], other)
            and _has(rule.get("ports"), port)
            for one in meant
            for rule in one["spec"].get(way.lower()) or []
        )

    def _fits(self, peers: list[Manifest] | None, home: str, other: Place) -> bool:
        return not peers or any(self._is(peer, home, other) for peer in peers)

    def _is(self, peer: Manifest, home: str, other: Place) -> bool:
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            return (self._generous or not other.namespace) and (
                _within(block["cidr"], other.address)
                and not any(
                    _within(one, other.address) for one in block.get("except", [])
                )
            )
        if not other.namespace:
            return False
        if "namespaceSelector" not in peer:
            is_near = other.namespace == home
        else:
            labels = ((_NAME, other.namespace),)
            is_near = _selects(peer["namespaceSelector"], labels)
        return is_near and _selects(peer.get("podSelector"), other.labels)


def _means(policy: Manifest, way: str, who: Place) -> bool:
    return (
        policy["metadata"]["namespace"] == who.namespace
        and way in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], who.labels)
    )


def _selects(selector: Manifest | None, labels: tuple[tuple[str, str], ...]) -> bool:
    selector = selector or {}  # of all
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    held = dict(labels)
    among = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in among), "no other is understood here"
    same: dict[str, str] = selector.get("matchLabels", {})
    return same.items() <= held.items() and all(
        held.get(one["key"]) in one["values"] for one in among
    )


def _has(ports: list[Manifest] | None, port: int) -> bool:
    return ports is None or any(one["port"] == port for one in ports)


def _within(block: str, address: str) -> bool:
    return ip_address(address) in ip_network(block)
