"""Alerts and dashboards: what they ask for is counted, and every alert is explained."""

import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "observability"
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


@pytest.mark.parametrize("what", ["config prometheus.yaml", "rules alerts.yaml"])
def test_prometheus_understands_its_files(what: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: install Debian's package `prometheus`")
    command = [promtool, "check", *what.split()]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
