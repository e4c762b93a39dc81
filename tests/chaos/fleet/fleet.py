"""Three agents, two gateways, two apis, two sandbox controllers, three nats-servers.

All of them are processes of this machine on loopback, as `make run` starts them one by
one; the language model is a server of the tests that takes its time.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from standalone.ports import free_port
from tests.support.backend import PASSWORD, ServiceProcess
from tests.support.model_server import Asked, FakeApp, FakePhase, Script, model_server
from tests.support.servers import (
    NatsServer,
    PostgresServer,
    Server,
    as_role,
    server_folder,
)

FILES = {
    "index.html": "<!doctype html>\n<title>Board</title>\n<h1>Deep board</h1>\n",
    "board.js": "export const columns = ['Todo', 'Doing', 'Done']\n" * 12,
    "styles.css": "body { margin: 0 }\n" * 20,
}
THINKS_S = 1.0
"""What the model takes for an answer, beside writing it."""
SLOTS = 2
"""Runs of one agent at a time: so that more agents do more, on two cores too."""
SECRET = "a secret key of the fleet's own, for this test alone"  # noqa: S105 - lives once
RUN_S = 120.0

Message = dict[str, Any]


class SlowApp(FakeApp):
    """An app whose model thinks before it answers."""

    def answer(self, asked: Asked) -> Script:
        return [THINKS_S, *super().answer(asked)]


class Fleet:
    """The processes by kind, and where people come in."""

    def __init__(self, servers: dict[str, list[Server]]) -> None:
        self.servers = servers

    def url(self, kind: str, number: int) -> str:
        """Return where a service answers."""
        servers = self.servers[kind]
        server = servers[number % len(servers)]
        assert isinstance(server, ServiceProcess)
        return server.url


@contextmanager
def cluster(folder: Path) -> Iterator[list[NatsServer]]:
    """Start three nats-servers that copy streams among each other."""
    ports = [free_port() for _ in range(3)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    nodes = []
    for number, port in enumerate(ports):
        place = folder / f"nats-{number}"
        place.mkdir(mode=0o711)
        own = (
            f"server_name: node-{number}\n"
            f'cluster {{ name: fleet, listen: "127.0.0.1:{port}", routes: [{routes}] }}'
        )
        nodes.append(NatsServer(place, authorization=own))
    with ExitStack() as stack:
        # A node alone is not healthy: they have to start at the same moment.
        for node in nodes:
            stack.callback(node.stop)
            node.launch()
        for node in nodes:
            node.await_ready()
        yield nodes


@asynccontextmanager
async def fleet(*, agents: int = 3) -> AsyncIterator[Fleet]:
    """Lend everything, started."""
    app = SlowApp([FakePhase("Board", FILES)])
    async with model_server(app) as model:
        with server_folder() as folder, ExitStack() as stack:
            postgres = stack.enter_context(PostgresServer(folder))
            postgres.make_template()
            dsn = stack.enter_context(postgres.database())
            nodes = stack.enter_context(cluster(folder))
            common = {
                "NATS_URL": ",".join(node.url for node in nodes),
                "LOG_FORMAT": "json",
                "SECRET_KEY": SECRET,
            }
            agent = {
                "DATABASE_URL": as_role(dsn, "agent"),
                "OPENROUTER_BASE_URL": model.url,
                "OPENROUTER_API_KEY": "none",
                "OPENROUTER_MODEL": "fake/model",
                "LEASE_TTL_S": "3",
                "SCAN_S": "0.5",
                "MAX_RUNS": str(SLOTS),
                "STREAM_REPLICAS": "3",
            }
            api = {
                "DATABASE_URL": as_role(dsn, "api"),
                "SIGN_UPS_PER_MINUTE": "100000",
                "SIGN_UP": "open",
            }
            servers: dict[str, list[Server]] = {"nats": list(nodes)}
            for module, count, own in (
                ("agent", agents, agent),
                ("api", 2, api),
                ("gateway_ws", 2, {}),
                ("sandbox", 2, {}),
            ):
                servers[module] = [
                    _service(module, folder / f"{module}-{number}", common | own)
                    for number in range(count)
                ]
                for server in servers[module]:
                    stack.enter_context(server)
            yield Fleet(servers)


def _service(module: str, folder: Path, environment: dict[str, str]) -> ServiceProcess:
    folder.mkdir(mode=0o711)
    if module == "sandbox":
        previews = free_port()
        environment |= {
            "PREVIEW_PORT": str(previews),
            "SANDBOX_ADDRESS": f"127.0.0.1:{previews}",
            "SANDBOX_LEASE_S": "4",
            "STREAM_REPLICAS": "3",
            "SANDBOX_DIR": str(folder / "sandboxes"),
            "SANDBOX_PAGE_CHECK": "false",
            "SANDBOX_TEMPLATES": "false",
            "SANDBOX_HOT_MIB": "0",
        }
    return ServiceProcess(module, folder, environment)


class Visitor:
    """Somebody who has an app built, and comes back whenever the socket closes."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self._fleet = fleet
        self._number = number
        self._cookie = ""
        self.project_id = ""
        self.seqs: list[int] = []
        self.files: dict[str, str] = {}
        self.outcome: Message | None = None
        self.has_a_file = asyncio.Event()
        self.longest_silence_s = 0.0
        """Between two messages of the run, while it went on."""

    async def arrive(self) -> None:
        """Get an account and a project, at whichever api answers."""
        email = f"{uuid4().hex}@example.org"
        body = {"name": "Ada", "email": email, "password": PASSWORD}
        answer = await self._post("/api/auth/sign-up/email", body, uuid4().hex)
        self._cookie = "; ".join(f"{k}={v}" for k, v in answer.cookies.items())
        about = {"name": "Board", "description": "A board"}
        made = await self._post("/api/projects", about, uuid4().hex)
        self.project_id = str(made.json()["id"])

    async def _post(self, path: str, body: dict[str, str], key: str) -> httpx.Response:
        async with asyncio.timeout(RUN_S):
            while True:
                self._number += 1
                headers = {"Idempotency-Key": key, "Cookie": self._cookie}
                with contextlib.suppress(httpx.TransportError):
                    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
                        url = self._fleet.url("api", self._number)
                        answer = await http.post(
                            f"{url}{path}", json=body, headers=headers
                        )
                    if answer.status_code == httpx.codes.OK:
                        return answer
                await asyncio.sleep(0.1)

    async def build(self) -> None:
        """Start a run and follow it to its end."""
        async with asyncio.timeout(RUN_S):
            while self.outcome is None:
                self._number += 1
                with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError):
                    await self._watch()
                await asyncio.sleep(0.05)

    async def _watch(self) -> None:
        base = self._fleet.url("gateway_ws", self._number).replace("http", "ws")
        after = self.seqs[-1] if self.seqs else 0
        url = f"{base}/ws/{self.project_id}?after={after}"
        headers = {"Cookie": self._cookie}
        async with connect(url, additional_headers=headers, open_timeout=5) as socket:
            if len(self.seqs) < 2:  # nothing but that it was created
                await socket.send('{"type": "start_generation"}')
            heard_at = time.monotonic()
            async for frame in socket:
                silence_s, heard_at = time.monotonic() - heard_at, time.monotonic()
                self.longest_silence_s = max(self.longest_silence_s, silence_s)
                self._take(msgspec.json.decode(frame))
                if self.outcome is not None:
                    return

    def _take(self, message: Message) -> None:
        if "seq" in message:
            self.seqs.append(message["seq"])
        if message["type"] == "file_end":
            self.files[message["data"]["path"]] = message["data"]["content"]
            self.has_a_file.set()
        if message["type"] in ("generation_complete", "generation_error"):
            self.outcome = message

    def check(self) -> None:
        """Check that nothing was lost, nothing came twice, and the app is whole."""
        assert self.outcome is not None
        assert self.outcome["type"] == "generation_complete", self.outcome
        assert self.seqs == list(range(1, len(self.seqs) + 1))
        assert self.files == FILES


async def people(fleet: Fleet, count: int) -> list[Visitor]:
    """Return so many who have arrived."""
    visitors = [Visitor(fleet, number) for number in range(count)]
    await asyncio.gather(*(one.arrive() for one in visitors))
    return visitors
