"""What a client is told while something is away, and that it comes back by itself."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import asyncpg
import httpx
import pytest

from tests.support.backend import PASSWORD, TODO, Backend, backend_of
from tests.support.polling import wait_until
from tests.support.servers import PostgresServer, server_folder

GRACE_S = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    """A database that these tests kill."""
    with server_folder() as folder, PostgresServer(folder) as server:
        server.make_template()
        yield server


@pytest.fixture(scope="module")
def mortal(cluster: PostgresServer) -> Iterator[Backend]:
    """An installation that these tests break."""
    with server_folder() as folder, backend_of(folder, cluster) as started:
        yield started


@pytest.fixture
def ada(mortal: Backend) -> Iterator[httpx.Client]:
    """Somebody who is signed in."""
    with mortal.person() as person:
        yield person


def ready(backend: Backend) -> httpx.Response:
    """Return what /ready answers."""
    with backend.client() as nobody:
        return nobody.get("/ready")


def works(ada: httpx.Client) -> bool:
    """Tell whether a project can be made."""
    return ada.post("/api/projects", json=TODO).status_code == HTTPStatus.OK


def assert_unavailable(answer: httpx.Response) -> None:
    """Check that the answer is a 503 that says when to come back."""
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE, answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_without_a_database_it_is_503_until_it_is_back(
    mortal: Backend, ada: httpx.Client, cluster: PostgresServer
) -> None:
    assert works(ada)
    cluster.kill()
    try:
        assert_unavailable(ada.get("/api/projects"))
        assert ready(mortal).text == "waiting for database"
        assert ada.get("/health").status_code == HTTPStatus.OK
        credentials = {"email": "a@b.org", "password": PASSWORD}
        sign_in = ada.post("/api/auth/sign-in/email", json=credentials)
        assert_unavailable(sign_in)
        assert sign_in.json()["code"] == "SERVICE_UNAVAILABLE"
    finally:
        cluster.start()
    wait_until(lambda: works(ada), "projects can be made again")
    assert ready(mortal).status_code == HTTPStatus.OK


def test_without_a_bus_it_is_503_and_reading_works(
    mortal: Backend, ada: httpx.Client
) -> None:
    mortal.nats.kill()
    try:
        assert_unavailable(ada.post("/api/projects", json=TODO))
        assert ada.get("/api/projects").json() == []
        assert ready(mortal).text == "waiting for nats"
    finally:
        mortal.nats.start()
    wait_until(lambda: works(ada), "projects can be made again")


def test_a_killed_api_loses_nothing(mortal: Backend, ada: httpx.Client) -> None:
    before = ada.post("/api/projects", json=TODO).json()
    mortal.api.kill()
    mortal.api.start()
    assert ada.get("/api/projects").json() == [before]
    assert works(ada)


def test_a_write_can_be_read_while_nobody_projects(
    mortal: Backend, ada: httpx.Client
) -> None:
    mortal.api.kill()
    with frozen_projector(mortal.dsn):
        mortal.api.start()
        project = ada.post("/api/projects", json={**TODO, "name": "late"}).json()
    assert project["name"] == "late"


@contextmanager
def frozen_projector(dsn: str) -> Iterator[None]:
    """Hold the turn to project, as another process does, and do nothing with it."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(dsn))
        runner.run(connection.execute("SELECT pg_advisory_lock(7003, 0)"))
        try:
            yield
        finally:
            runner.run(connection.close())


def test_the_api_ends_when_it_is_asked_to(mortal: Backend) -> None:
    process = mortal.api._process  # noqa: SLF001 - nobody else needs its exit code
    assert process is not None
    process.send_signal(signal.SIGTERM)
    assert process.wait(GRACE_S) == 0
    mortal.api.start()
