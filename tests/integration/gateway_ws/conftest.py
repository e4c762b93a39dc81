"""Gateways as processes, in front of a real api, agent, bus and database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from eventcore.adapters.nats import NatsBus, open_bus
from tests.integration.gateway_ws.guests import Guest, Host, guest
from tests.support.backend import Backend, backend_of
from tests.support.servers import PostgresServer, server_folder


@pytest.fixture(scope="package")
def own_backend(postgres_server: PostgresServer) -> Iterator[Backend]:
    """An api and an agent whose bus these tests may take away."""
    with server_folder() as folder, backend_of(folder, postgres_server) as started:
        yield started


@pytest.fixture(scope="package")
def host(own_backend: Backend) -> Iterator[Host]:
    """A gateway with the patience that it has for people."""
    with server_folder() as folder, Host(own_backend, folder) as started:
        yield started


@pytest.fixture(scope="package")
def replica(own_backend: Backend) -> Iterator[Host]:
    """Another one beside it."""
    with server_folder() as folder, Host(own_backend, folder) as started:
        yield started


@pytest.fixture(scope="package")
def strict(own_backend: Backend) -> Iterator[Host]:
    """A gateway that waits for nobody and lets few in."""
    with ExitStack() as stack:
        folder = stack.enter_context(server_folder())
        yield stack.enter_context(
            Host(
                own_backend,
                folder,
                HANDSHAKE_S="2",
                PING_S="2",
                PONG_S="5",
                STALL_S="3",
                VERIFY_S="6",
                SOCKETS_PER_USER="3",
                SOCKETS_PER_ADDRESS="5",
            )
        )


@pytest.fixture
async def ada(own_backend: Backend) -> AsyncIterator[Guest]:
    """Somebody with a project."""
    async with guest(own_backend) as somebody:
        yield somebody


@pytest.fixture
async def bus(own_backend: Backend) -> AsyncIterator[NatsBus]:
    """A connection to the bus that the gateways hear."""
    async with open_bus(own_backend.nats.url) as bus:
        yield bus
