"""Alerts and dashboards: what they ask for is counted, and every alert is explained."""

import json
import re
import subprocess
from importlib import import_module
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from prometheus_client import REGISTRY

from tests.support.prometheus import OBSERVABILITY as FOLDER
from tests.support.prometheus import program

ROOT = Path(__file__).resolve().parents[3]
CASES = Path(__file__).with_name("alerts.yaml")
ALERTS = FOLDER / "alerts.yaml"
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
COUNTING = (
    "agent.application.metrics",
    "api.application.metrics",
    "api.entrypoints.http.door",
    "gateway_ws.application.metrics",
    "sandbox.application.metrics",
)
METRIC = re.compile(r"\b(?:agent|api|gateway|sandbox|http|process)_\w+")
SUFFIXES = ("_total", "_bucket", "_count", "_sum")


def counted() -> set[str]:
    for module in COUNTING:
        import_module(module)
    names = {family.name for family in REGISTRY.collect()}
    return names | {name + suffix for name in names for suffix in SUFFIXES}


def expressions(file: Path) -> list[str]:
    """Return the expressions of a dashboard, or the lines of rules that have some."""
    if file.suffix == ".json":
        panels = json.loads(file.read_text())["panels"]
        return [target["expr"] for panel in panels for target in panel["targets"]]
    return [line for line in file.read_text().splitlines() if "summary:" not in line]


@pytest.mark.parametrize("file", [ALERTS, *DASHBOARDS], ids=lambda file: file.name)
def test_every_metric_that_is_asked_for_is_counted(file: Path) -> None:
    asked = {name for line in expressions(file) for name in METRIC.findall(line)}
    assert asked
    assert asked - counted() == set()


def test_every_alert_has_a_section_that_says_what_to_do() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    told = (ROOT / "docs" / "operate.md").read_text()
    assert alerts
    assert [name for name in alerts if f"**{name}**" not in told] == []


@pytest.mark.parametrize(
    "what",
    [
        ("check", "config", "prometheus.yaml"),
        ("check", "rules", "alerts.yaml"),
        ("test", "rules", str(CASES)),
    ],
    ids=" ".join,
)
def test_prometheus_understands_its_files(what: tuple[str, ...]) -> None:
    command = [program("promtool"), *what]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_played_once_where_it_has_to_fire() -> None:
    played = [
        case
        for test in yaml.safe_load(CASES.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    fires = {case["alertname"] for case in played if case["exp_alerts"]}
    waits = {case["alertname"] for case in played if not case["exp_alerts"]}
    alerts = set(re.findall(r"- alert: (\w+)", ALERTS.read_text()))
    assert fires == waits == alerts


def test_prometheus_looks_where_the_services_of_compose_answer() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())[
        "services"
    ]
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    looked_at = {
        (job["job_name"], *found["names"], found["port"])
        for job in config["scrape_configs"]
        for found in job["dns_sd_configs"]
    }
    image = (ROOT / "deploy" / "service.Dockerfile").read_text()
    (default,) = re.findall(r"HTTP_PORT=(\d+)", image)
    answering = {
        (name, name, int(services[name]["environment"].get("HTTP_PORT", default)))
        for name in ("api", "gateway-ws", "agent", "sandbox")
    }
    assert looked_at == answering


def overlaps(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_a_dashboard_is_what_grafana_lays_out(file: Path) -> None:
    dashboard = json.loads(file.read_text())
    sources = yaml.safe_load(
        (FOLDER / "grafana/provisioning/datasources/atelier.yaml").read_text()
    )["datasources"]
    known = [{"type": one["type"], "uid": one["uid"]} for one in sources]
    panels = dashboard["panels"]
    places = [panel["gridPos"] for panel in panels]
    assert all(panel["datasource"] in known for panel in panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not any(overlaps(*pair) for pair in combinations(places, 2))
    for panel in panels:
        names = [target["refId"] for target in panel["targets"]]
        assert len(set(names)) == len(names)
        assert all({"expr", "legendFormat"} <= one.keys() for one in panel["targets"])


def test_dashboards_have_names_of_their_own() -> None:
    read = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({one["uid"] for one in read}) == len({one["title"] for one in read}) == 2


def test_the_collector_takes_what_the_services_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text())
    pipeline = config["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    # OTLP over HTTP, in Protobuf, on the port that docs/operate.md names.
    listens = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    port = int(listens.rpartition(":")[2])
    assert f"HOST:{port}" in (ROOT / "docs" / "operate.md").read_text()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://jaeger:{port}")
    assert OTLPSpanExporter()._endpoint == f"http://jaeger:{port}/v1/traces"  # noqa: SLF001 - what it sends to


def test_traces_are_shown_from_where_they_are_kept() -> None:
    config = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text())
    extensions = config["extensions"]
    kept = extensions["jaeger_storage"]["backends"].keys()
    assert {config["exporters"]["jaeger_storage_exporter"]["trace_storage"]} == kept
    assert {extensions["jaeger_query"]["storage"]["traces"]} == kept
    page = extensions["jaeger_query"]["http"]["endpoint"].rpartition(":")[2]
    sources = (FOLDER / "grafana/provisioning/datasources/atelier.yaml").read_text()
    assert f"http://jaeger:{page}" in sources
