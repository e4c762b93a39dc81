"""What a cluster is asked for when a project gets a pod.

One pure function, so that everything that keeps an app in is seen in one place, and
compared as a whole by a test. Nothing that a user, a model or a message says reaches
it: names are made by the service from ids of its own.
"""

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

OWNER_LABEL = "atelier.owner"
PROJECT_LABEL = "atelier.project"
CONTROLLER_LABEL = "atelier.controller"
"""Names the folder of the controller that has made the pod."""
MADE_AS = "atelier.made-as"
"""Annotation: a digest of what the pod was made from, but for its names."""
ROOT = "/sandbox"
CONTAINER = "app"
PATH = "/usr/local/bin:/usr/bin:/bin"

_UID = 10_001
_TEMPORARY_BYTES = 134_217_728
_OURS_BYTES = 67_108_864
"""Memory of what we run in the pod beside the app."""
_LOGS_BYTES = 16_777_216
_STOP_S = 2

# The first process: it takes note of those who have lost their parents, and does
# nothing else. What works in the pod comes and goes with a connection of the service.
_HOLDER = """
import os, signal
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True: signal.pause()
"""


class Order(Struct, frozen=True):
    """What one pod is made of."""

    name: str
    owner: str
    controller: str
    project: str
    image: str
    memory_bytes: int
    processors: float
    disk_bytes: int
    runtime_class: str
    """Name of a RuntimeClass, such as one of gVisor; empty: the cluster's default."""
    lasts_s: int = 0
    """After so many seconds the cluster ends it; 0: it does not."""


def body(order: Order) -> dict[str, Any]:
    """Return the body of the request for a pod."""
    spec = _spec(order)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": order.name,
            "labels": {
                OWNER_LABEL: order.owner,
                CONTROLLER_LABEL: order.controller,
                PROJECT_LABEL: order.project,
            },
            "annotations": {
                MADE_AS: _digest(spec),
                # Moving it would lose what is in it; it is made anew where it has to.
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
            },
        },
        "spec": spec,
    }


def made_as(order: Order) -> str:
    """Return what the annotation of a pod says that was made from such an order."""
    return _digest(_spec(order))


def _digest(spec: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()[:16]


def _spec(order: Order) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _STOP_S,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": "sandbox",
        # It has no way to a name server, and shall not wait for one.
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _UID,
            "runAsGroup": _UID,
            "fsGroup": _UID,
            "supplementalGroups": [],
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(order)],
        "volumes": [
            {"name": "work", "emptyDir": {"sizeLimit": str(order.disk_bytes)}},
            {
                "name": "tmp",
                "emptyDir": {"medium": "Memory", "sizeLimit": str(_TEMPORARY_BYTES)},
            },
        ],
    }
    if order.runtime_class:
        # Such a runtime has a kernel of its own, and users of its own on top of it.
        spec["runtimeClassName"] = order.runtime_class
    else:
        # Its users are nobody on the node, and no other pod's: bounds that the kernel
        # keeps for a user are bounds of this pod.
        spec["hostUsers"] = False
    if order.lasts_s:
        spec["activeDeadlineSeconds"] = order.lasts_s
    return spec


def _container(order: Order) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": order.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-I", "-S", "-c", _HOLDER],
        "workingDir": "/",
        "env": [{"name": "PATH", "value": PATH}],
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            # Most apps sleep most of the time: what they may take is not set aside.
            "requests": {
                "cpu": "50m",
                "memory": str(min(268_435_456, order.memory_bytes)),
                "ephemeral-storage": str(order.disk_bytes // 4),
            },
            "limits": {
                "cpu": f"{int(order.processors * 1000)}m",
                "memory": str(order.memory_bytes + _OURS_BYTES),
                "ephemeral-storage": str(order.disk_bytes + _LOGS_BYTES),
            },
        },
        "volumeMounts": [
            {"name": "work", "mountPath": ROOT},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's
        ],
    }
