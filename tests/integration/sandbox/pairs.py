"""Two controllers on one bus, each with a folder of its own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeAlias
from uuid import UUID

import httpx

from standalone.ports import free_port
from tests.integration.sandbox.stage import SandboxServer, host_of
from tests.support.loopback import NO_TLS
from tests.support.servers import NatsServer, server_folder

LEASE_S = 3.0

Pair: TypeAlias = tuple[SandboxServer, SandboxServer]


@contextmanager
def two_controllers(
    *settings: Mapping[str, str], world: bool = False
) -> Iterator[Pair]:
    """Lend two of them, which have the *settings* of theirs."""
    with server_folder() as folder, ExitStack() as stack:
        nats = stack.enter_context(NatsServer(folder))
        servers = []
        for number, own in enumerate(settings):
            place = folder / str(number)
            place.mkdir(mode=0o711)
            port = free_port()
            given = {
                "PREVIEW_PORT": str(port),
                "SANDBOX_ADDRESS": f"127.0.0.1:{port}",
                "SANDBOX_LEASE_S": str(LEASE_S),
                "SANDBOX_TEMPLATES": "false",
                "SANDBOX_PAGE_CHECK": "false",
                **own,
            }
            server = SandboxServer(place, nats.url, world=world, **given)
            server.preview_port = port
            servers.append(stack.enter_context(server))
        one, two = servers
        yield one, two


async def seen(server: SandboxServer, project: UUID) -> str:
    """Return what a visitor is shown; nothing, where that takes too long."""
    headers = {"host": host_of(project), "accept": "text/html"}
    url = f"http://127.0.0.1:{server.preview_port}/"
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=5) as client:
        try:
            return (await client.get(url, headers=headers)).text
        except httpx.TimeoutException:
            return ""
