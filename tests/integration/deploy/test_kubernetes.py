"""Overlays come to what three versions of Kubernetes accept, and to nothing open."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.application.metrics import DRIVEN
from api.entrypoints.projects.importing import MAX_ZIP_BYTES
from gateway_ws.application.metrics import CONNECTIONS
from tests.integration.deploy.conftest import OVERLAYS, WITH_PODS
from tests.integration.deploy.tools import DEPLOY, SETTINGS, faults, unknown
from tests.support.cluster import violations

VERSIONS = ("1.35.0", "1.36.0", "1.37.0")
Manifest = dict[str, Any]


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(
    rendered: dict[str, Path], request: pytest.FixtureRequest
) -> list[Manifest]:
    text = rendered[request.param].read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in kinds]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for one in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def replicas(manifests: list[Manifest]) -> dict[str, int]:
    """Return how many there are of each at least."""
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]["minReplicas"]
        for one in of_kind(manifests, "HorizontalPodAutoscaler")
    }
    fixed = {
        one["metadata"]["name"]: one["spec"].get("replicas")
        for one in of_kind(manifests, "Deployment", "StatefulSet")
    }
    return {name: count or scaled.get(name, 1) for name, count in fixed.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas_of_the_version_accept_it(
    manifests: list[Manifest], version: str
) -> None:
    for one in manifests:
        assert not faults(one, version), one["metadata"]["name"]


def test_schemas_refuse_a_field_that_is_not_there(manifests: list[Manifest]) -> None:
    (sandbox,) = (
        one
        for one in manifests
        if one["metadata"]["name"] == "sandbox" and one["kind"] == "Deployment"
    )
    changed = copy.deepcopy(sandbox)
    changed["spec"]["template"]["spec"]["hostUser"] = False
    assert "'hostUser' was unexpected" in str(faults(changed, VERSIONS[-1]))


def test_every_pod_is_nobody_and_cannot_write(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        (container,) = pod["containers"]
        security = pod["securityContext"] | container["securityContext"]
        assert security["runAsNonRoot"], name
        assert security["runAsUser"] > 0, name
        assert security["readOnlyRootFilesystem"], name
        assert not security["allowPrivilegeEscalation"], name
        assert security["capabilities"]["drop"] == ["ALL"], name
        added = security["capabilities"].get("add", [])
        assert added == (["NET_BIND_SERVICE"] if name == "door" else []), name
        kind = "Unconfined" if name == "sandbox" else "RuntimeDefault"
        assert security["seccompProfile"]["type"] == kind, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), name
        assert container["resources"]["limits"]["memory"], name


def test_apps_have_a_user_namespace_and_a_namespace_of_their_own(
    manifests: list[Manifest],
) -> None:
    namespaces = {
        one["metadata"]["name"]: one["metadata"]["labels"]
        for one in of_kind(manifests, "Namespace")
    }
    enforced = "pod-security.kubernetes.io/enforce"
    assert namespaces["atelier"][enforced] == "restricted"
    alone = [
        one["metadata"]["name"]
        for one in of_kind(manifests, "Deployment", "StatefulSet", "Job")
        if one["metadata"]["namespace"] == "atelier-sandbox"
    ]
    assert alone == ["sandbox"]
    assert dict(pods(manifests))["sandbox"]["hostUsers"] is False


def test_nobody_speaks_to_the_api_server(manifests: list[Manifest]) -> None:
    kinds = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    assert not of_kind(manifests, *kinds)
    for name, pod in pods(manifests):
        assert pod["automountServiceAccountToken"] is False, name


def test_what_serves_says_whether_it_is_alive_and_ready(
    manifests: list[Manifest],
) -> None:
    for name, pod in pods(manifests):
        if name != "provision":
            (container,) = pod["containers"]
            assert {"livenessProbe", "readinessProbe"} <= container.keys(), name


def test_what_is_there_twice_stays_through_the_loss_of_a_node(
    manifests: list[Manifest],
) -> None:
    several = {name for name, count in replicas(manifests).items() if count > 1}
    budgets = of_kind(manifests, "PodDisruptionBudget")
    assert several <= {one["spec"]["selector"]["matchLabels"]["app"] for one in budgets}
    for name, pod in pods(manifests):
        assert name not in several or "podAntiAffinity" in pod["affinity"], name


def test_every_pod_is_meant_by_a_network_policy(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    closed = [one for one in policies if one["spec"]["podSelector"] in ({}, None)]
    everywhere = {
        one["metadata"]["namespace"]
        for one in closed
        if one["metadata"]["name"] == "nothing"
    }
    assert everywhere == {"atelier", "atelier-sandbox"}


def test_services_read_what_they_are_given(manifests: list[Manifest]) -> None:
    given: set[str] = set()
    for one in of_kind(manifests, "ConfigMap"):
        if one["metadata"]["name"].startswith("settings-"):
            given |= one["data"].keys()
    fields = {name for service in SETTINGS for name in given - unknown(service, given)}
    assert given - fields == {"PUBLIC_HOST"}, "the door's"
    for name, pod in pods(manifests):
        if name in SETTINGS:
            env = {one["name"] for one in pod["containers"][0].get("env", [])}
            assert not unknown(name, env), name


def test_every_file_that_is_read_is_in_the_secret_of_its_pod(
    manifests: list[Manifest],
) -> None:
    secrets = {
        one["metadata"]["name"]: one.get("data", {})
        for one in of_kind(manifests, "Secret")
    }
    for name, pod in pods(manifests):
        held = {
            key
            for volume in pod.get("volumes", [])
            if "secret" in volume
            for key in secrets[volume["secret"]["secretName"]]
        }
        env = pod["containers"][0].get("env", [])
        read = [one["value"] for one in env if one["name"].endswith("_FILE")]
        assert {Path(path).name for path in read} == held, name


def test_scaling_looks_at_what_services_count(manifests: list[Manifest]) -> None:
    looked_at = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]["metrics"][0]["pods"][
            "metric"
        ]["name"]
        for one in of_kind(manifests, "HorizontalPodAutoscaler")
    }
    counted = {"agent": DRIVEN, "gateway-ws": CONNECTIONS}
    assert looked_at == {
        name: next(iter(gauge.collect())).name for name, gauge in counted.items()
    }


def test_what_scales_is_not_set_back_when_it_is_applied(
    manifests: list[Manifest],
) -> None:
    scaled = of_kind(manifests, "HorizontalPodAutoscaler")
    names = {one["spec"]["scaleTargetRef"]["name"] for one in scaled}
    fixed = of_kind(manifests, "Deployment")
    assert not [
        one
        for one in fixed
        if one["metadata"]["name"] in names and "replicas" in one["spec"]
    ]


def test_hosts_of_the_ingress_are_those_of_the_settings(
    manifests: list[Manifest],
) -> None:
    (settings,) = (
        one["data"]
        for one in of_kind(manifests, "ConfigMap")
        if one["metadata"]["name"].startswith("settings-")
        and one["metadata"]["namespace"] == "atelier"
    )
    (ingress,) = of_kind(manifests, "Ingress")
    hosts = [settings["PUBLIC_HOST"], f"*.{settings['PREVIEW_DOMAIN']}"]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == hosts
    assert ingress["spec"]["tls"][0]["hosts"] == hosts


def test_apps_lie_below_another_domain_than_the_page_in_production() -> None:
    text = (DEPLOY / "kubernetes/overlays/production/kustomization.yaml").read_text()
    names = dict(re.findall(r"- (PUBLIC_HOST|PREVIEW_DOMAIN)=(\S+)", text))
    page, apps = (names[one].split(".") for one in ("PUBLIC_HOST", "PREVIEW_DOMAIN"))
    assert page[-2:] != apps[-2:]


def test_each_event_is_on_every_server_of_the_bus(manifests: list[Manifest]) -> None:
    copies = {
        one["data"]["STREAM_REPLICAS"]
        for one in of_kind(manifests, "ConfigMap")
        if one["metadata"]["name"].startswith("settings-")
    }
    assert copies == {str(replicas(manifests)["nats"])}


def test_an_import_fits_through_the_ingress(rendered: dict[str, Path]) -> None:
    text = rendered["production"].read_text(encoding="utf-8")
    (ingress,) = of_kind(list(yaml.safe_load_all(text)), "Ingress")
    notes = {
        name.rpartition("/")[2]: value
        for name, value in ingress["metadata"]["annotations"].items()
    }
    mebibytes = int(notes["proxy-body-size"].removesuffix("m"))
    assert mebibytes << 20 > MAX_ZIP_BYTES
    assert {notes["proxy-read-timeout"], notes["proxy-send-timeout"]} == {"3600"}


def test_in_production_nobody_but_the_ingress_comes_to_the_door(
    rendered: dict[str, Path],
) -> None:
    text = rendered["production"].read_text(encoding="utf-8")
    (door,) = (
        one["spec"]
        for one in of_kind(list(yaml.safe_load_all(text)), "NetworkPolicy")
        if one["metadata"]["name"] == "door"
    )
    (way,) = door["ingress"]
    assert way["from"] == [
        {
            "namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}
            }
        }
    ]


def test_other_peoples_images_are_those_of_compose(manifests: list[Manifest]) -> None:
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    images = {pod["containers"][0]["image"] for _, pod in pods(manifests)}
    theirs = {image for image in images if "atelier" not in image}
    assert {image.partition(":")[0] for image in theirs} >= {"caddy", "nats"}
    assert all(f":-{image}}}" in compose for image in theirs)


# --- apps in pods ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_pods(rendered: dict[str, Path]) -> list[Manifest]:
    return list(yaml.safe_load_all(rendered[WITH_PODS].read_text(encoding="utf-8")))


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas_of_the_version_accept_it_with_pods(
    with_pods: list[Manifest], version: str
) -> None:
    for one in with_pods:
        assert not faults(one, version), one["metadata"]["name"]


def test_with_pods_every_namespace_is_restricted(with_pods: list[Manifest]) -> None:
    enforced = {
        one["metadata"]["name"]: one["metadata"]["labels"][
            "pod-security.kubernetes.io/enforce"
        ]
        for one in of_kind(with_pods, "Namespace")
    }
    names = ("atelier", "atelier-apps", "atelier-sandbox")
    assert enforced == dict.fromkeys(names, "restricted")
    for name, pod in pods(with_pods):
        if name != "door":  # its program is marked with a capability
            assert not violations({"spec": pod}), name


def test_with_pods_the_sandbox_alone_speaks_to_the_api_server(
    with_pods: list[Manifest],
) -> None:
    told = {
        name for name, pod in pods(with_pods) if pod["automountServiceAccountToken"]
    }
    assert told == {"sandbox"}
    (role,) = of_kind(with_pods, "Role")
    (binding,) = of_kind(with_pods, "RoleBinding")
    assert not of_kind(with_pods, "ClusterRole", "ClusterRoleBinding")
    assert role["metadata"]["namespace"] == "atelier-apps"
    assert binding["subjects"][0]["namespace"] == "atelier-sandbox"
    everything = {one for rule in role["rules"] for one in rule["verbs"]}
    assert everything == {"create", "delete", "get", "list", "watch"}


def test_with_pods_nothing_goes_in_or_out_of_the_apps_namespace(
    with_pods: list[Manifest],
) -> None:
    policies = [
        one["spec"]
        for one in of_kind(with_pods, "NetworkPolicy")
        if one["metadata"]["namespace"] == "atelier-apps"
    ]
    assert policies == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]


def test_with_pods_the_service_reads_what_it_is_given(
    with_pods: list[Manifest],
) -> None:
    env = dict(pods(with_pods))["sandbox"]["containers"][0]["env"]
    given = {one["name"]: one.get("value") for one in env}
    assert unknown("sandbox", set(given)) == {"POD_IP"}, "part of the address"
    assert given["SANDBOX_ADDRESS"] == "$(POD_IP):3005"
    assert given["SANDBOX_RUNTIME"] == "kubernetes"
    assert given["SANDBOX_ISOLATION"] == "auto"


def test_with_pods_there_are_two_controllers_that_reach_each_other(
    with_pods: list[Manifest],
) -> None:
    assert replicas(with_pods)["sandbox"] == 2
    test_what_is_there_twice_stays_through_the_loss_of_a_node(with_pods)
    (policy,) = (
        one["spec"]
        for one in of_kind(with_pods, "NetworkPolicy")
        if one["metadata"]["name"] == "to-each-other"
    )
    ports = [*policy["ingress"][0]["ports"], *policy["egress"][0]["ports"]]
    assert ports == [{"port": 3005}] * 2
