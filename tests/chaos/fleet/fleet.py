"""Three agents, two gateways, two apis, two sandbox controllers, three nats-servers.

All of them are processes of this machine on loopback, as `make run` starts them one by
one; the language model is a server of the tests that takes its time.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from standalone.migrate import MIGRATIONS, migrate
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
from tests.support.standby import Standby, standby_of

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


class Sandbox(ServiceProcess):
    """A sandbox controller, which owns the projects that it was asked for first."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.preview_port = free_port()
        own = {
            "PREVIEW_PORT": str(self.preview_port),
            "SANDBOX_ADDRESS": f"127.0.0.1:{self.preview_port}",
            "SANDBOX_LEASE_S": "15",
            "SANDBOX_DIR": str(folder / "sandboxes"),
            "SANDBOX_PAGE_CHECK": "false",
            "SANDBOX_TEMPLATES": "false",
            "SANDBOX_HOT_MIB": "0",
        }
        super().__init__("sandbox", folder, {**environment, **own})


class Fleet:
    """The processes by kind, and where people come in."""

    def __init__(
        self, folder: Path, dsn: str, nodes: list[NatsServer], model: str
    ) -> None:
        self.dsn = dsn
        """The database, as its owner."""
        self.primary: PostgresServer | None = None
        self.standby: Standby | None = None
        """What takes the place of the database, where that was asked for."""
        self.servers: dict[str, list[Server]] = {"nats": list(nodes)}
        self._folder = folder
        self._numbers = itertools.count()
        self._common = {
            "NATS_URL": ",".join(node.url for node in nodes),
            "LOG_FORMAT": "json",
            "SECRET_KEY": SECRET,
            "STREAM_REPLICAS": str(len(nodes)),
        }
        self._own = {
            "agent": {
                "DATABASE_URL": as_role(dsn, "agent"),
                "OPENROUTER_BASE_URL": model,
                "OPENROUTER_API_KEY": "none",
                "OPENROUTER_MODEL": "fake/model",
                "LEASE_TTL_S": "3",
                "SCAN_S": "0.5",
                "MAX_RUNS": str(SLOTS),
            },
            "api": {
                "DATABASE_URL": as_role(dsn, "api"),
                "SIGN_UPS_PER_MINUTE": "100000",
                "SIGN_UP": "open",
            },
        }

    def url(self, kind: str, number: int) -> str:
        """Return where a service answers."""
        servers = self.servers[kind]
        server = servers[number % len(servers)]
        assert isinstance(server, ServiceProcess)
        return server.url

    def start(self, kind: str, **environment: str) -> None:
        """Start one more of a kind."""
        folder = self._folder / f"{kind}-{next(self._numbers)}"
        folder.mkdir(mode=0o711)
        whole = {**self._common, **self._own.get(kind, {}), **environment}
        server = (
            Sandbox(folder, whole)
            if kind == "sandbox"
            else ServiceProcess(kind, folder, whole)
        )
        self.servers.setdefault(kind, []).append(server)
        server.start()

    def leave(self, kind: str) -> None:
        """Have the oldest of a kind end as a deployment ends it."""
        self.servers[kind].pop(0).stop()

    def stop(self) -> None:
        """End every service."""
        for kind in ("gateway_ws", "api", "agent", "sandbox"):
            for server in self.servers.get(kind, []):
                server.stop()


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
async def surroundings(
    migrations: Path = MIGRATIONS, *, with_standby: bool = False
) -> AsyncIterator[Fleet]:
    """Lend what a fleet stands on, with the tables of a version, and no service."""
    async with model_server(SlowApp([FakePhase("Board", FILES)])) as model:
        with server_folder() as folder, ExitStack() as stack:
            postgres = stack.enter_context(PostgresServer(folder))
            postgres.make_template()
            dsn = stack.enter_context(postgres.database(migrated=False))
            await migrate(dsn, migrations)
            standby = None
            if with_standby:
                standby = stack.enter_context(standby_of(postgres, folder))
                dsn = standby.either(dsn)
            nodes = stack.enter_context(cluster(folder))
            lent = Fleet(folder, dsn, nodes, model.url)
            lent.primary, lent.standby = postgres, standby
            stack.callback(lent.stop)
            yield lent


@asynccontextmanager
async def fleet(*, agents: int = 3, with_standby: bool = False) -> AsyncIterator[Fleet]:
    """Lend everything, started."""
    async with surroundings(with_standby=with_standby) as started:
        for kind, count in (
            ("agent", agents),
            ("api", 2),
            ("gateway_ws", 2),
            ("sandbox", 2),
        ):
            for _ in range(count):
                started.start(kind)
        yield started


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
        self.took_s = 0.0
        """From the click to the end of the run."""
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
        begun = time.monotonic()
        async with asyncio.timeout(RUN_S):
            while self.outcome is None:
                self._number += 1
                with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError):
                    await self._watch()
                await asyncio.sleep(0.05)
        self.took_s = time.monotonic() - begun

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

    async def shown(self, number: int) -> tuple[Message, list[Message]]:
        """Return the finished project and its files, as one of the apis shows them."""
        url = self._fleet.url("api", number)
        headers = {"Cookie": self._cookie}
        async with (
            asyncio.timeout(RUN_S),
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
        ):
            while True:
                project = (await http.get(f"/api/projects/{self.project_id}")).json()
                if project["status"] == "complete" and project["previewUrl"]:
                    break
                await asyncio.sleep(0.05)
            files = await http.get(f"/api/project-files/{self.project_id}")
        return project, files.json()

    async def visit(self, preview_url: str, number: int) -> None:
        """Wait until the app is seen through one of the sandbox controllers."""
        servers = self._fleet.servers["sandbox"]
        sandbox = servers[number % len(servers)]
        assert isinstance(sandbox, Sandbox)
        url = f"http://127.0.0.1:{sandbox.preview_port}/"
        headers = {"Host": httpx.URL(preview_url).netloc.decode()}
        async with (
            asyncio.timeout(RUN_S),
            httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
        ):
            while True:
                if "Deep board" in (await http.get(url)).text:
                    return
                await asyncio.sleep(0.1)

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


async def built(
    fleet: Fleet, count: int, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> list[Visitor]:
    """Have apps built, *meanwhile* beginning with the first file; check them."""
    visitors = await people(fleet, count)
    async with asyncio.TaskGroup() as tasks:
        for visitor in visitors:
            tasks.create_task(visitor.build())
        if meanwhile is not None:
            await visitors[0].has_a_file.wait()
            await meanwhile()
    for visitor in visitors:
        visitor.check()
    return visitors
