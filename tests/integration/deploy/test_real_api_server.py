"""What the real API server says of deploy/: defaults, rights, Pod Security."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from standalone.doctor import cluster as doctor
from standalone.doctor.finding import Level
from standalone.settings import Settings
from tests.integration.deploy.conftest import OVERLAYS, WITH_PODS
from tests.support.real_cluster import RealCluster, real_cluster

SANDBOX = "system:serviceaccount:atelier-sandbox:sandbox"
APPS = "atelier-apps"
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    with real_cluster() as lent:
        yield lent


def applied(cluster: RealCluster, file: Path) -> list[Manifest]:
    """Apply what an overlay comes to; return it."""
    # A job cannot be changed: docs/deploy.md says so.
    job = "/apis/batch/v1/namespaces/atelier/jobs/provision"
    cluster.ask("DELETE", f"{job}?propagationPolicy=Background")
    assert "Warning" not in cluster.apply(file)
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("overlay", [*OVERLAYS, WITH_PODS])
def test_it_takes_the_overlay_and_the_pods_of_it(
    cluster: RealCluster, rendered: dict[str, Path], overlay: str
) -> None:
    made = 0
    manifests = applied(cluster, rendered[overlay])
    # A controller of every cluster makes it; here is the API server alone.
    accounts = "/api/v1/namespaces/atelier/serviceaccounts"
    cluster.ask("POST", accounts, {"metadata": {"name": "default"}})
    for one in manifests:
        if one["kind"] not in ("Deployment", "StatefulSet", "Job"):
            continue
        metadata = {"generateName": f"{one['metadata']['name']}-"}
        template = one["spec"]["template"]
        for claim in one["spec"].get("volumeClaimTemplates", []):
            name = claim["metadata"]["name"]
            volume = {"name": name, "persistentVolumeClaim": {"claimName": name}}
            template["spec"]["volumes"].append(volume)
        pod = {"metadata": {**template["metadata"], **metadata}}
        namespace = one["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
        answer = cluster.ask("POST", path, pod | {"spec": template["spec"]})
        assert answer.status_code == 201, answer.text
        assert "warning" not in answer.headers, answer.headers["warning"]
        made += 1
    assert made >= 7


def may(
    cluster: RealCluster, verb: str, resource: str, namespace: str, group: str = ""
) -> bool:
    resource, _, part = resource.partition("/")
    attributes = {
        "verb": verb,
        "resource": resource,
        "subresource": part,
        "namespace": namespace,
        "group": group,
    }
    review = {"spec": {"user": SANDBOX, "resourceAttributes": attributes}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = cluster.ask("POST", path, review).raise_for_status().json()
    return bool(answer["status"]["allowed"])


def test_the_sandbox_may_do_what_it_does_and_nothing_else(
    cluster: RealCluster, rendered: dict[str, Path]
) -> None:
    applied(cluster, rendered[WITH_PODS])
    needed = [(verb, "pods") for verb in ("create", "delete", "list", "watch")]
    needed += [("create", "pods/exec"), ("get", "pods/exec")]
    for verb, resource in needed:
        assert may(cluster, verb, resource, APPS), (verb, resource)
        for elsewhere in ("atelier", "atelier-sandbox", "kube-system", ""):
            assert not may(cluster, verb, resource, elsewhere), elsewhere
    for verb in ("get", "patch", "update", "deletecollection"):
        assert not may(cluster, verb, "pods", APPS), verb
    for resource in ("secrets", "configmaps", "serviceaccounts", "nodes"):
        assert not may(cluster, "list", resource, APPS), resource
    assert not may(cluster, "create", "serviceaccounts/token", APPS)
    assert not may(cluster, "create", "pods/ephemeralcontainers", APPS)


def test_nobody_else_may_do_anything(cluster: RealCluster) -> None:
    names = [
        account["metadata"]["name"]
        for account in cluster.ask(
            "GET", "/api/v1/namespaces/atelier/serviceaccounts"
        ).json()["items"]
    ]
    assert "agent" in names
    for name in names:
        spec = {
            "user": f"system:serviceaccount:atelier:{name}",
            "resourceAttributes": {"verb": "*", "resource": "*", "group": "*"},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = cluster.ask("POST", path, {"spec": spec}).raise_for_status().json()
        assert not answer["status"]["allowed"], name


def test_a_pod_that_is_not_restricted_is_refused(
    cluster: RealCluster, rendered: dict[str, Path]
) -> None:
    applied(cluster, rendered[WITH_PODS])
    container = {"name": "app", "image": "any", "securityContext": {"privileged": True}}
    pod = {"metadata": {"name": "x"}, "spec": {"containers": [container]}}
    answer = cluster.ask("POST", f"/api/v1/namespaces/{APPS}/pods?dryRun=All", pod)
    assert answer.status_code == 403, answer.text
    assert "violates PodSecurity" in answer.text


async def test_the_doctor_finds_nothing_wrong_with_it(
    cluster: RealCluster, rendered: dict[str, Path]
) -> None:
    applied(cluster, rendered[WITH_PODS])
    for file, looks in ((cluster.kubeconfig, 2), (cluster.administrator, 1)):
        settings = Settings(sandbox_runtime="kubernetes", kubeconfig=str(file))
        found = [one async for one in doctor.cluster(settings)]
        assert not [one for one in found if one.level is Level.PROBLEM], found
        assert [one.level for one in found].count(Level.NOTE) == looks, found
