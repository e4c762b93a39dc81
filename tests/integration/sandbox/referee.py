"""Two controllers with a cluster, and somebody who sees that they do not fight."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import msgspec
from nats.js.errors import KeyNotFoundError

from contracts.sandbox import Running, StartServer, SyncFiles
from contracts.subjects import OWNERS_BUCKET
from sandbox.ports import Owner
from tests.integration.sandbox.pairs import Pair, seen, two_controllers
from tests.integration.sandbox.stage import SandboxServer, Stage
from tests.integration.sandbox.test_kubernetes import settings
from tests.support.cluster import shared_cluster
from tests.support.kubelet import Pod

ACCOUNTS = ("one", "two")
APP = {
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "server.js": "require('http').createServer((_, answer) => answer.end('I am here'))"
    ".listen(process.env.PORT, process.env.HOST)",
}


@contextmanager
def two_with_pods(owner: str) -> Iterator[Pair]:
    """Lend two controllers of one installation, known to the cluster by name."""
    files = [str(shared_cluster().account(name)) for name in ACCOUNTS]
    own = [settings(SANDBOX_OWNER=owner, KUBECONFIG=file) for file in files]
    with two_controllers(*own) as pair:
        yield pair
        shared_cluster().watch_deletions(None)
        for server in pair:
            server.kill()
    for pod in shared_cluster().pods(owner):
        shared_cluster().remove(pod)


def name_of(server: SandboxServer) -> str:
    """Return what pods say of the controller that has made them."""
    return (server.root / "sandboxes" / "installation").read_text(encoding="ascii")


def pods(owner: str, server: SandboxServer | None = None) -> dict[UUID, str]:
    """Return what names the pods of an installation, or one controller, by project."""
    return {
        UUID(pod["metadata"]["labels"]["atelier.project"]): pod["metadata"]["uid"]
        for pod in shared_cluster().pods(owner)
        if server is None
        or pod["metadata"]["labels"]["atelier.controller"] == name_of(server)
    }


async def build(world: Stage) -> UUID:
    """Return a project whose app runs."""
    project = world.add(APP)
    await world.ask(project, SyncFiles(1))
    assert isinstance(await world.ask(project, StartServer()), Running)
    return project


async def shows(server: SandboxServer, project: UUID) -> bool:
    """Tell whether a visitor of *server* sees the app."""
    return await seen(server, project) == "I am here"


class Referee:
    """Looks at each deletion whether whoever asks for it has the project then."""

    def __init__(self, world: Stage, pair: Pair) -> None:
        self.fouls: list[str] = []
        self.reaped = 0
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._ports = {
            account: server.preview_port
            for account, server in zip(ACCOUNTS, pair, strict=True)
        }
        self._makers = {
            name_of(server): account
            for account, server in zip(ACCOUNTS, pair, strict=True)
        }

    async def look(self, account: str, pod: Pod) -> None:
        """Look at one deletion, in the loop of the cluster."""
        looked = asyncio.run_coroutine_threadsafe(self._look(account, pod), self._loop)
        await asyncio.wrap_future(looked)

    async def _look(self, account: str, pod: Pod) -> None:
        labels = pod["metadata"]["labels"]
        maker = self._makers.get(labels["atelier.controller"])
        if maker is None or maker == account:
            return
        self.reaped += 1
        holder = await self._holder(labels["atelier.project"])
        if holder != self._ports[account]:
            name = pod["metadata"]["name"]
            self.fouls.append(f"{account} ended {name} of {maker}, held by {holder}")

    async def _holder(self, project: str) -> int | None:
        """Return where the previews of the controller are that has a project."""
        jetstream = self._world.bus.client.jetstream()
        bucket = await jetstream.key_value(OWNERS_BUCKET)
        try:
            entry = await bucket.get(project)
        except KeyNotFoundError:
            return None
        return msgspec.json.decode(entry.value or b"", type=Owner).port
