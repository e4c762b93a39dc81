"""Programs that read what deploy/ says, and which services take which settings."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.retrieval import to_cached_resource

import agent.settings
import api.settings
import gateway_ws.settings
import sandbox.settings
from standalone.provision import ProvisionSettings
from tests.support.npm import ROOT

DEPLOY = ROOT / "deploy"
_BIN = ROOT / ".cache" / "deploy" / "bin"

SETTINGS: dict[str, type[msgspec.Struct]] = {
    "agent": agent.settings.Settings,
    "api": api.settings.Settings,
    "gateway-ws": gateway_ws.settings.Settings,
    "provision": ProvisionSettings,
    "sandbox": sandbox.settings.Settings,
}
_OF_EVERY_PROCESS = {
    "LOG_LEVEL",
    "LOG_FORMAT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_SAMPLER_ARG",
}


def tool(name: str) -> str:
    """Return a program of the environment for deploy/; skip where there is none."""
    path = _BIN / name
    if not path.exists():
        pytest.skip(f"{name} is not here: run `make .cache/deploy/.stamp`")
    return str(path)


def run(*words: str, **environment: str) -> str:
    """Run a program; return what it prints on standard output."""
    done = subprocess.run(
        words,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def make_secrets(folder: Path, **environment: str) -> None:
    """Make the secrets of an installation in *folder*."""
    run(str(DEPLOY / "secrets.sh"), str(folder), **environment)


def kustomize(folder: Path) -> str:
    """Return what the kustomization in *folder* comes to; skip without a program."""
    if found := shutil.which("kustomize"):
        return run(found, "build", str(folder))
    if found := shutil.which("kubectl"):
        return run(found, "kustomize", str(folder))
    pytest.skip("neither kustomize nor kubectl is installed")


def _schema_folders(version: str) -> list[Path]:
    pattern = "lib/python*/site-packages/kubernetes_validate/kubernetes-json-schema"
    return list(_BIN.parent.glob(f"{pattern}/v{version}-local-strict"))


def has_schemas(version: str) -> bool:
    """Tell whether the schemas of Kubernetes of *version* are here."""
    return bool(_schema_folders(version))


@cache
def _schemas(version: str) -> Registry[Any]:
    found = _schema_folders(version)
    if not found:
        pytest.skip(f"the schemas of Kubernetes {version} are not here")

    @to_cached_resource()
    def retrieve(uri: str) -> str:
        return (found[0] / uri.rpartition("/")[2]).read_text(encoding="utf-8")

    # Its classes are made in a way that mypy cannot follow.
    return Registry(retrieve=retrieve)  # type: ignore[call-arg]


def faults(manifest: dict[str, Any], version: str) -> list[str]:
    """Return what Kubernetes of *version* would say against *manifest*."""
    *group, number = manifest["apiVersion"].split("/")
    parts = (manifest["kind"], *(one.partition(".")[0] for one in group), number)
    schema = {"$ref": f"schema:///{'-'.join(parts).lower()}.json"}
    validator = Draft202012Validator(schema, registry=_schemas(version))
    return [error.message for error in validator.iter_errors(manifest)]


def unknown(service: str, variables: set[str]) -> set[str]:
    """Return those of *variables* that *service* does not read."""
    fields = {field.name.upper() for field in msgspec.structs.fields(SETTINGS[service])}
    plain = {name.removesuffix("_FILE") for name in variables}
    return plain - fields - _OF_EVERY_PROCESS
