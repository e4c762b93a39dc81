"""Fixtures of all tests: the real Postgres and the real nats-server."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.backend import Backend, backend_of
from tests.support.otlp import Receiver, receiver
from tests.support.servers import NatsServer, PostgresServer, server_folder
from tests.support.stack import Person, Stack, person
from tests.support.turns import Turns

if TYPE_CHECKING:
    from xdist.remote import Producer

# Services that live for one test install no packages in advance.
os.environ.setdefault("SANDBOX_TEMPLATES", "false")
# Where this is set, every process compiles all that it imports, for a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# How long an example takes says how busy the machine is.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> Turns:
    """Have the workers of xdist take turns as `turns` says."""
    return Turns(config, log)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's cluster; tests that kill a server make one of their own."""
    with server_folder(in_memory=True) as folder, PostgresServer(folder) as server:
        server.make_template()
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """DSN of a fresh database with all migrations applied, as its owner."""
    with postgres_server.database() as dsn:
        yield dsn


@pytest.fixture
def empty_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """DSN of a fresh database without any table."""
    with postgres_server.database(migrated=False) as dsn:
        yield dsn


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A fresh nats-server that the test may kill and start again."""
    with server_folder(in_memory=True) as folder, NatsServer(folder) as server:
        yield server


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """URL of a fresh nats-server with JetStream and without users."""
    return nats_server.url


@pytest.fixture(scope="session")
def backend(postgres_server: PostgresServer) -> Iterator[Backend]:
    """The api and the agent, without a door, a sandbox or a language model."""
    with (
        server_folder() as folder,
        # Whoever signs up first may close it, and tests come in any order.
        backend_of(folder, postgres_server, SIGN_UP="open") as started,
    ):
        yield started


@pytest.fixture(scope="session")
def collector() -> Iterator[Receiver]:
    """Where the traces of `stack` go."""
    with receiver() as started:
        yield started


@pytest.fixture(scope="session")
def stack(collector: Receiver) -> Iterator[Stack]:
    """Atelier with the demo model, which writes faster than it would for a person."""
    environment = {
        "DEMO_CHARACTERS_PER_SECOND": "6000",
        # Looking at pages has tests of its own; here it would cost seconds a phase.
        "SANDBOX_PAGE_CHECK": "false",
        # Who sends a thousand bodies is to hear what is wrong with each.
        "SERVICE_BURST": "1000000",
        "LOG_FORMAT": "json",
        "ERASE_AFTER_S": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with server_folder() as folder, Stack(folder, **environment) as started:
        yield started


@pytest.fixture
async def ada(stack: Stack) -> AsyncIterator[Person]:
    """Somebody with an account."""
    async with person(stack) as somebody:
        yield somebody
