"""A real Prometheus watches a run, and answers what dashboards and alerts ask for."""

import contextlib
import json
import re

from tests.support.polling import wait_until
from tests.support.prometheus import OBSERVABILITY, Prometheus, prometheus
from tests.support.stack import Person, Stack

DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))
SERVICES = {"api", "gateway-ws", "agent", "sandbox"}
OF_EVERY_RUN = (
    "gateway_first_character_seconds",
    "gateway_preview_seconds",
    "gateway_event_to_screen_seconds",
    "api_event_to_view_seconds",
)
# By what an expression asks for; all others have to show something.
NOT_OF_EVERY_RUN = {
    "agent_cost_usd_total": "the demo model costs nothing",
    "gateway_refused_total": "nothing was refused",
}


def asked() -> dict[str, list[str]]:
    """Return all expressions of the dashboards, with the labels that legends show."""
    panels = [
        panel
        for file in DASHBOARDS
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]
    ]
    return {
        target["expr"].replace("$__rate_interval", "1m"): re.findall(
            r"{{(\w+)}}", target["legendFormat"]
        )
        for panel in panels
        for target in panel["targets"]
    }


def answering(watching: Prometheus) -> set[str]:
    return {one["metric"]["job"] for one in watching.query("up == 1")}


def missing(watching: Prometheus) -> list[str]:
    """Return what is empty, lacks a label that its legend shows, or is no number."""
    found = []
    for expression, labels in asked().items():
        series = watching.query(expression)
        is_shown = bool(series) and all(
            set(labels) <= one["metric"].keys() for one in series
        )
        if any(name in expression for name in OF_EVERY_RUN):
            is_shown &= all(float(one["value"][1]) > 0 for one in series)
        if not is_shown:
            found.append(expression)
    return [one for one in found if not any(name in one for name in NOT_OF_EVERY_RUN)]


async def test_every_panel_shows_a_run_and_no_alert_fires(
    stack: Stack, ada: Person
) -> None:
    with prometheus(stack.data_dir / "targets.json") as watching:
        # It reads the file of targets after five seconds, and not before.
        wait_until(lambda: answering(watching) >= SERVICES, "it watches all services")
        project = await ada.create_project("A pomodoro timer")
        async with ada.socket(project) as socket:
            await socket.build()
        await ada.project_as(project, "complete")
        with contextlib.suppress(AssertionError):  # the next line says what is missing
            wait_until(lambda: not missing(watching), "all panels")
        assert missing(watching) == []
        rules = watching.rules()
        assert rules
        assert [one for one in rules if one["health"] != "ok"] == []
        assert [one["name"] for one in rules if one["state"] == "firing"] == []
