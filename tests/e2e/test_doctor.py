"""`atelier doctor`: nothing wrong with a good installation, and what is with others."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from standalone.doctor import cluster, engine, machine, servers, services
from standalone.doctor.finding import Finding, Level
from standalone.machine import data_dir
from standalone.migrate import MIGRATIONS
from standalone.settings import Settings
from tests.support.cluster import (
    ADMINISTRATOR,
    FakeCluster,
    allowed,
    fake_cluster,
    kubeconfig,
)
from tests.support.engine import engine_url
from tests.support.polling import wait_until
from tests.support.stack import Stack, atelier

NOWHERE = "127.0.0.1:9"


async def all_of(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def problems(findings: list[Finding]) -> str:
    return "\n".join(
        f"{one.about}: {one.sentence}" for one in findings if one.level is Level.PROBLEM
    )


def test_a_good_installation_has_no_problem(stack: Stack) -> None:
    said = atelier(stack.data_dir, "doctor", PORT=str(stack.port))
    assert "PROBLEM" not in said
    lines = said.splitlines()
    told = {line[9:].partition(":")[0] for line in lines}
    assert told >= {
        *("Python", "Node.js", "Data directory", "Disk", "Port", "Descriptors"),
        *("Exposure", "Database", "Tables", "Clock", "NATS", "Streams", "Relay"),
        *("Isolation", "Model", "api", "gateway-ws", "agent", "sandbox", "edge"),
    }


def test_whoever_may_not_look_inside_knows_how_apps_are_kept_apart(
    stack: Stack,
) -> None:
    def told() -> bool:
        with httpx.Client(base_url=stack.url, trust_env=False) as nobody:
            summary = nobody.get("/api/config").json()["isolation"]
            ready = nobody.get("/ready").text
        return summary is not None and ready == f"ready; apps are run by {summary}"

    wait_until(told, "the sandbox has told the api")


def test_a_service_that_hangs_is_named(stack: Stack) -> None:
    with stack.frozen("gateway_ws"):
        said = atelier(stack.data_dir, "doctor", PORT=str(stack.port))
    assert "PROBLEM  gateway-ws: It does not answer" in said


async def test_tables_that_are_missing_or_too_new_are_named(
    empty_postgres: str, postgres: str
) -> None:
    empty = Settings(database_url=empty_postgres)
    found = await all_of(servers.postgres(empty, MIGRATIONS))
    assert problems(found).startswith("Tables: There are none")

    connection = await asyncpg.connect(postgres)
    await connection.execute(
        "DELETE FROM schema_migrations WHERE version = 2;"
        "INSERT INTO schema_migrations VALUES (9999, 'x', 'y')"
    )
    full = Settings(database_url=postgres)
    found = await all_of(servers.postgres(full, MIGRATIONS))
    assert problems(found) == (
        "Tables: Migration 9999 is of a later version: run that one."
    )
    await connection.execute("DELETE FROM schema_migrations WHERE version = 9999")
    found = await all_of(servers.postgres(full, MIGRATIONS))
    assert "0002_identity.sql is not applied" in problems(found)
    await connection.close()


async def test_servers_that_are_away_are_named() -> None:
    settings = Settings(
        database_url=f"postgresql://x@{NOWHERE}/x", nats_url=f"nats://{NOWHERE}"
    )
    found = await all_of(servers.postgres(settings, MIGRATIONS))
    assert problems(found).startswith("Database: It does not let us in")
    found = await all_of(servers.nats(settings))
    assert problems(found).startswith("NATS: It does not let us in")


async def test_a_bus_without_streams_is_named(nats_url: str) -> None:
    found = await all_of(servers.nats(Settings(nats_url=nats_url)))
    assert problems(found) == "Streams: EVT_0: stream not found."


def test_secrets_that_others_can_read_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    secrets = tmp_path / "secrets.json"
    secrets.write_text("{}")
    secrets.chmod(0o644)
    said = problems(list(machine.data_directory(tmp_path)))
    assert said.startswith(f"Data directory: Others can read {secrets}")
    secrets.chmod(0o600)
    assert problems(list(machine.data_directory(tmp_path))) == ""


def test_a_port_of_somebody_else_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1], data_dir=tmp_path)
        assert "is in use" in machine.the_port(settings).sentence
        with data_dir.opened(tmp_path):
            assert machine.the_port(settings).level is Level.FINE


def test_an_open_door_without_encryption_is_named() -> None:
    shown = Settings(host="0.0.0.0", secret_key="short")  # noqa: S104, S106 - that is the mistake
    found = problems(list(machine.exposure(shown)))
    assert "SECRET_KEY is short" in found
    assert "nothing is encrypted" in found


@pytest.mark.parametrize(
    ("page", "apps", "is_named"),
    [
        ("https://atelier.example.com", "preview.atelier.example.com", True),
        ("https://Atelier.Example.com.:8443", "atelier.example.com", True),
        ("https://www.atelier.example.com", "atelier.example.com:8443", True),
        ("https://atelier.example.com", "previews.example.net", False),
        ("https://atelier.example.com", "myatelier.example.com", False),
        ("http://localhost:3000", "preview.localhost", False),
        (None, "preview.localhost", False),
    ],
)
def test_previews_that_share_a_domain_with_the_page_are_named(
    page: str | None, apps: str, *, is_named: bool
) -> None:
    settings = Settings(public_url=page, preview_domain=apps)
    found = problems(list(machine.previews(settings)))
    assert found.startswith("Previews: PREVIEW_DOMAIN=") == is_named


@contextmanager
def model_that_answers(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "refuses OPENROUTER_API_KEY"), (500, "answers with status 500"), (200, "")],
)
async def test_a_model_that_refuses_is_named(status: int, said: str) -> None:
    with model_that_answers(status) as url:
        settings = Settings(openrouter_base_url=url, openrouter_api_key="k")
        found = await all_of(services.model(settings))
    assert said in problems(found)
    assert bool(problems(found)) == bool(said)


async def test_what_a_container_engine_lacks_is_named() -> None:
    good = Settings(sandbox_runtime="docker", docker_host=engine_url())
    assert problems(await all_of(engine.engine(good))) == ""
    odd = replace(good, sandbox_oci_runtime="odd", sandbox_image="missing")
    said = problems(await all_of(engine.engine(odd)))
    assert "SANDBOX_OCI_RUNTIME=odd, but it knows only" in said
    assert "There is no image missing: `docker build" in said


async def test_an_engine_that_is_not_there_is_named() -> None:
    for host in ("unix:///nowhere.sock", "tcp://127.0.0.1:9"):
        settings = Settings(sandbox_runtime="docker", docker_host=host)
        assert host in problems(await all_of(engine.engine(settings)))
    assert not await all_of(engine.engine(Settings()))


@pytest.fixture
def lent() -> Iterator[FakeCluster]:
    with fake_cluster(engine_url()) as made:
        yield made


def with_pods(file: Path, **changed: str) -> Settings:
    settings = Settings(sandbox_runtime="kubernetes", kubeconfig=str(file))
    return replace(settings, **changed)


async def test_a_good_cluster_has_no_problem_whoever_looks(lent: FakeCluster) -> None:
    service = await all_of(cluster.cluster(with_pods(lent.kubeconfig)))
    assert problems(service) == ""
    assert [one.level for one in service].count(Level.NOTE) == 2
    file = lent.account(ADMINISTRATOR)
    administrator = await all_of(cluster.cluster(with_pods(file)))
    assert problems(administrator) == ""
    said = " ".join(one.sentence for one in administrator)
    assert "takes restricted pods alone" in said
    assert "shuts atelier-apps both ways" in said


def test_the_rights_that_are_looked_for_are_those_of_the_role() -> None:
    assert set(cluster.NEEDED) == allowed()


async def test_what_a_cluster_lacks_is_named(lent: FakeCluster) -> None:
    lent.roles.discard(("create", "pods/exec"))
    found = await all_of(cluster.cluster(with_pods(lent.kubeconfig)))
    assert "In atelier-apps it may not create pods/exec: apply" in problems(found)
    kinds = {one["kind"]: one for one in lent.objects}
    kinds["Namespace"]["metadata"]["labels"] = {}
    policy = kinds["NetworkPolicy"]["spec"]
    policy["podSelector"] = {"matchLabels": {"app": "one"}}
    file = lent.account(ADMINISTRATOR)
    looked = with_pods(file, sandbox_oci_runtime="gvisor")
    found = await all_of(cluster.cluster(looked))
    assert "takes pods that are privileged: `kubectl label" in problems(found)
    assert "No policy shuts atelier-apps both ways" in problems(found)
    assert "there is no such RuntimeClass" in problems(found)
    policy["egress"] = [{}]
    found = await all_of(cluster.cluster(looked))
    assert "A policy of atelier-apps lets pods speak to somebody" in problems(found)


async def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig(f"https://{NOWHERE}", "token")))
    found = await all_of(cluster.cluster(with_pods(file)))
    assert "does not answer as one" in problems(found)
    found = await all_of(cluster.cluster(with_pods(tmp_path / "nothing")))
    assert "None is known, KUBECONFIG should name one" in problems(found)
