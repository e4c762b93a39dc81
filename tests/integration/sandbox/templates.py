"""A service with templates that were made before, and the demo's app that fits one."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.sandbox import Failed, InstallDependencies, Installed, SyncFiles
from tests.integration.sandbox.stage import Stage
from tests.support.engine import engine_url
from tests.support.polling import until

ROOT = Path(__file__).parents[3]
SHARED = ROOT / ".cache" / "templates"
"""Made once, by whichever test comes first; its name is a digest, so never stale."""
KANBAN = ROOT / "services/standalone/src/standalone/demo_model/apps/kanban/phase-1"
MADE_S = 240.0


def kanban(**dependencies: str) -> dict[str, str | bytes]:
    """Return the demo's app, with these *dependencies* more."""
    files: dict[str, str | bytes] = {
        path.relative_to(KANBAN).as_posix(): path.read_text(encoding="utf-8")
        for path in KANBAN.rglob("*")
        if path.is_file()
    }
    package = json.loads(files["package.json"])
    package["dependencies"] |= dependencies
    return {**files, "package.json": json.dumps(package)}


def templates(**settings: str) -> Mapping[str, str]:
    """Return the settings of a service that has templates."""
    SHARED.mkdir(parents=True, exist_ok=True)
    return {
        "SANDBOX_TEMPLATES": "true",
        "SANDBOX_TEMPLATES_DIR": str(SHARED),
        "SANDBOX_HOT_MIB": "0",
        **settings,
    }


def runtime(name: str) -> dict[str, str]:
    """Return the settings of a runtime; skip where the machine cannot have it."""
    chosen = {"SANDBOX_RUNTIME": name}
    return chosen if name != "docker" else {**chosen, "DOCKER_HOST": engine_url()}


def made(name: str) -> bool:
    """Tell whether a template is there."""
    return any(SHARED.glob(f"{name}-*/made"))


async def are_made(stage: Stage, *names: str) -> None:
    """Wait until these templates are there; skip where packages cannot be had."""

    async def there() -> bool:
        log = stage.server.log.read_text(errors="replace")
        if "a template failed" in log:
            pytest.skip(f"templates cannot be made here: {log[-500:]}")
        return all(map(made, names))

    await until(there, "templates are made", timeout_s=MADE_S)


async def install(stage: Stage, files: Mapping[str, str | bytes]) -> list[str]:
    """Install an app; return the programs that this took."""
    project = stage.add(files)
    stage.logs.clear()
    synced = await stage.ask(project, SyncFiles(1))
    assert not isinstance(synced, Failed), synced
    outcome = await stage.ask(project, InstallDependencies())
    assert isinstance(outcome, Installed), outcome

    async def told() -> bool:
        return bool(stage.logs)

    await until(told, "the install is told")
    lines = "".join(one.content for one in stage.logs).splitlines()
    return [line.split()[1] for line in lines if line.startswith("$ ")]
