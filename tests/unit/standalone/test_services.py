"""What each process is told, and what it is not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from standalone.machine.node import Node
from standalone.services import Backends, Service, Services
from standalone.settings import Settings

BACKENDS = Backends(
    nats_urls={
        name: f"nats://{name}" for name in ("agent", "api", "gateway", "sandbox")
    },
    database_urls={"agent": "postgresql://agent", "api": "postgresql://api"},
    secret_key="signs",  # noqa: S106 - an example
)
NODE = Node(Path("/opt/node/bin/node"), Path("/opt/node/lib/npm-cli.js"))


def services(key: str | None = None, base_url: str | None = None) -> Services:
    settings = Settings(openrouter_api_key=key, openrouter_base_url=base_url)
    return Services(settings, Path("/data"), NODE, colors=False)


def everybody(of: Services) -> dict[str, Mapping[str, str]]:
    found: list[Service] = [
        of.api(BACKENDS),
        of.gateway(BACKENDS),
        of.agent(BACKENDS),
        of.sandbox(BACKENDS),
        of.edge((5, 6)),
        of.demo_model(),
    ]
    return {one.program.name: one.program.env for one in found}


def who_has(variable: str, of: Services) -> set[str]:
    return {name for name, env in everybody(of).items() if variable in env}


def test_only_the_owners_of_tables_reach_the_database() -> None:
    environments = everybody(services())
    assert who_has("DATABASE_URL", services()) == {"agent", "api"}
    assert environments["agent"]["DATABASE_URL"] == "postgresql://agent"


def test_each_service_is_its_own_user_of_the_bus() -> None:
    environments = everybody(services())
    assert environments["gateway-ws"]["NATS_URL"] == "nats://gateway"
    assert environments["sandbox"]["NATS_URL"] == "nats://sandbox"
    assert "NATS_URL" not in environments["edge"]


def test_only_the_agent_knows_the_key_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-secret")
    of = services(key="sk-secret")
    assert who_has("OPENROUTER_API_KEY", of) == {"agent"}
    assert everybody(of)["agent"]["OPENROUTER_API_KEY"] == "sk-secret"


def test_the_demo_model_answers_without_a_key() -> None:
    environments = everybody(services())
    port = environments["demo-model"]["HTTP_PORT"]
    url = environments["agent"]["OPENROUTER_BASE_URL"]
    assert url == f"http://127.0.0.1:{port}/api/v1"
    assert environments["api"]["DEMO_MODEL"] == "1"


def test_a_model_on_this_machine_needs_no_key() -> None:
    of = services(base_url="http://127.0.0.1:8000/v1")
    agent = everybody(of)["agent"]
    assert agent["OPENROUTER_BASE_URL"] == "http://127.0.0.1:8000/v1"
    assert "DEMO_MODEL" not in agent


def test_ports_stay_when_a_process_starts_again() -> None:
    of = services()
    assert of.api(BACKENDS).http_port == of.api(BACKENDS).http_port


def test_the_door_knows_where_everybody_listens() -> None:
    environments = everybody(services())
    edge = environments["edge"]
    assert edge["API_PORT"] == environments["api"]["HTTP_PORT"]
    assert edge["GATEWAY_PORT"] == environments["gateway-ws"]["HTTP_PORT"]
    assert edge["PREVIEW_PORT"] == environments["sandbox"]["PREVIEW_PORT"]
    assert edge["LISTEN_FDS"] == "5,6"


def test_the_sandbox_is_told_where_node_is() -> None:
    sandbox = everybody(services())["sandbox"]
    assert sandbox["NODE_BIN"] == "/opt/node/bin"
    assert sandbox["SANDBOX_DIR"] == "/data/sandboxes"


def test_settings_of_the_start_itself_do_not_leak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("HTTP_PORT", "1")
    monkeypatch.setenv("PORT", "2")
    assert who_has("PORT", services()) == set()
    assert "1" not in {env["HTTP_PORT"] for env in everybody(services()).values()}


def test_whatever_else_is_in_the_environment_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ca.pem")
    assert len(who_has("SSL_CERT_FILE", services())) == 6
