"""compose.yaml says what .env.example and the services' settings say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.deploy.tools import (
    DEPLOY,
    SETTINGS,
    make_secrets,
    run,
    tool,
    unknown,
)

PROFILES = ("demo", "cluster", "observability")
ADDED = {
    "door": ["NET_BIND_SERVICE"],  # its program is marked with it
    "nats-volumes": ["CHOWN", "DAC_READ_SEARCH"],  # gives volumes away, and ends
}
"""Capabilities that are given back to a container, by service."""
EXAMPLE = (DEPLOY / ".env.example").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    secrets = tmp_path_factory.mktemp("compose") / "secrets"
    make_secrets(secrets)
    profiles = [word for one in PROFILES for word in ("--profile", one)]
    text = run(
        *(tool("docker-compose"), "-f", str(DEPLOY / "compose.yaml"), *profiles),
        *("--env-file", str(DEPLOY / ".env.example"), "config", "--format", "json"),
        SECRETS=str(secrets),
    )
    read: dict[str, Any] = json.loads(text)
    return read


def test_every_variable_is_explained_with_its_default() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    used = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text))
    assert len(set(re.findall(r"\$\{([A-Z_]+)", text))) == len(used)
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    chosen = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert shown.keys() | chosen.keys() == used.keys() | {"COMPOSE_PROFILES"}
    assert {name: used[name] for name in shown} == shown


@pytest.mark.parametrize("service", sorted(SETTINGS))
def test_services_read_what_they_are_given(
    composed: dict[str, Any], service: str
) -> None:
    given = composed["services"][service]["environment"]
    assert not unknown(service, set(given))


def test_nothing_is_published_beyond_this_machine(composed: dict[str, Any]) -> None:
    ports = {
        name: [port["host_ip"] for port in one.get("ports", [])]
        for name, one in composed["services"].items()
    }
    assert {name for name in ports if ports[name]} == {"door", "grafana"}
    assert {address for one in ports.values() for address in one} == {"127.0.0.1"}


def test_every_service_is_bounded(composed: dict[str, Any]) -> None:
    for name, service in composed["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == ADDED.get(name, []), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert int(service["mem_limit"]) > 0, name
        assert float(service["cpus"]) > 0, name
        assert service["restart"].partition(":")[0] in ("unless-stopped", "on-failure")


def test_only_who_gives_volumes_away_is_root_and_that_one_without_a_network(
    composed: dict[str, Any],
) -> None:
    """Ours say it in their images, as those of the profile of observability do."""
    told = {
        name: service["user"].partition(":")[0]
        for name, service in composed["services"].items()
        if "user" in service
    }
    others = {"door", "nats", "nats-2", "nats-3", "postgres"}
    assert told.keys() == {"nats-volumes", *others}
    assert [name for name, user in told.items() if user == "0"] == ["nats-volumes"]
    assert composed["services"]["nats-volumes"]["network_mode"] == "none"


def test_only_those_who_need_it_are_near_the_database(
    composed: dict[str, Any],
) -> None:
    near = {
        name
        for name, service in composed["services"].items()
        if "database" in service.get("networks", [])
    }
    assert near == {"agent", "api", "postgres", "provision"}


def test_secrets_are_all_made_once_and_never_twice(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    named = re.findall(
        r"\{SECRETS:-\./secrets\}/([\w.-]+)", (DEPLOY / "compose.yaml").read_text()
    )
    made = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(named) <= {path.name for path in made}
    passwords = [made[path] for path in made if path.parent.name == "keys"]
    assert len(set(passwords)) == len(passwords)
    make_secrets(tmp_path)
    assert all(path.read_bytes() == content for path, content in made.items())


def test_others_on_the_machine_cannot_read_secrets(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_images_are_made_with_the_same_uv_as_everything_else() -> None:
    versions = [
        re.findall(pattern, file.read_text(encoding="utf-8"))
        for pattern, file in (
            (r"ARG UV=([\d.]+)", DEPLOY / "service.Dockerfile"),
            (r"uv==([\d.]+)", DEPLOY.parent / "Makefile"),
        )
    ]
    assert versions[0] == versions[1]


def test_there_is_an_image_of_every_service() -> None:
    text = (DEPLOY / "service.Dockerfile").read_text(encoding="utf-8")
    made = set(re.findall(r"AS runtime-([\w-]+)$", text, re.MULTILINE))
    folders = (DEPLOY.parent / "services").glob("*/pyproject.toml")
    assert made == {file.parent.name for file in folders}
