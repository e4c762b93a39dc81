"""How the service begins and ends, and what is left of the apps that it ran."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from api.adapters.bus.sandbox import BusApps
from contracts.sandbox import Running, StartServer, SyncFiles
from eventcore.adapters.nats import open_bus
from sandbox.adapters.keeping.keeper import descendants, parent_of
from sandbox.adapters.processes.leftovers import VARIABLE, mark_of
from tests.integration.sandbox.stage import (
    DEADLINE_S,
    SandboxServer,
    Stage,
    host_of,
    sandbox_server,
    stage,
)
from tests.support.engine import engine_url
from tests.support.polling import until, wait_until
from tests.support.servers import NatsServer, server_folder

ISOLATIONS = ("docker", "bubblewrap", "process")
# Children in sessions of their own that ignore SIGTERM, and theirs.
TREE = {
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "server.js": """
const {spawn} = require('child_process');
process.on('SIGTERM', () => {});
const depth = Number(process.argv[2] || 0);
if (depth < 2) for (const detached of [true, false])
  spawn(process.execPath, [__filename, depth + 1], {detached, stdio: 'ignore'});
if (depth === 0) require('http').createServer((_, answer) => answer.end('up'))
  .listen(process.env.PORT, process.env.HOST);
setInterval(() => {}, 1000);
""",
}

# A server that says no more on a WebSocket than that it has one.
CHAT = {
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "server.js": """
require('http').createServer((_, answer) => answer.end('up'))
  .on('upgrade', (request, socket) => {
    const words = request.headers['sec-websocket-key']
      + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    const accept = require('crypto').createHash('sha1').update(words).digest('base64');
    const protocol = request.headers['sec-websocket-protocol'];
    socket.write(['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket',
      'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`,
      ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []), '', '',
    ].join('\\r\\n'));
  }).listen(process.env.PORT, process.env.HOST);
""",
}


@pytest.fixture(scope="module", params=ISOLATIONS)
def server_of_module(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    if request.param == "bubblewrap" and not bubblewrap_works():
        pytest.skip("bubblewrap is not installed, or may not make namespaces")
    settings = {"SANDBOX_ISOLATION": request.param}
    if request.param == "docker":
        settings = {"SANDBOX_RUNTIME": "docker", "DOCKER_HOST": engine_url()}
    with sandbox_server(**settings) as server:
        yield server


@pytest.fixture
def own_server(server_of_module: SandboxServer) -> Iterator[SandboxServer]:
    """A running service that the test may end as it likes."""
    yield server_of_module
    print(server_of_module.log.read_text()[-4000:])  # noqa: T201 - when a test fails
    if not server_of_module.is_ready():
        server_of_module.start()


def bubblewrap_works() -> bool:
    program = shutil.which("bwrap")
    if program is None:
        return False
    words = (program, "--unshare-all", "--ro-bind", "/", "/", "/bin/true")
    return subprocess.run(words, check=False).returncode == 0


def start(settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Start a service that cannot live, and return how it ended."""
    with server_folder() as folder:
        environment = {
            **os.environ,
            "NATS_URL": "nats://127.0.0.1:1",
            "SECRET_KEY": "x",
            "HTTP_PORT": "0",
            "PREVIEW_PORT": "0",
            "SANDBOX_DIR": str(folder),
            **settings,
        }
        return subprocess.run(
            [sys.executable, "-m", "sandbox"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


async def running_tree(service: Stage) -> UUID:
    """Start an app with seven processes."""
    project = service.add(TREE)
    await service.ask(project, SyncFiles(1))
    running = await service.ask(project, StartServer())
    assert isinstance(running, Running), running

    async def all_there() -> bool:
        return len(service.processes_of(project)) >= 7

    await until(all_there, "the whole tree runs")
    return project


async def test_a_service_tells_what_it_keeps_apart_and_runs(
    own_server: SandboxServer,
) -> None:
    async with stage(own_server) as service:
        await running_tree(service)
        port = own_server.http_port
        isolation = (await service.get(port, "/isolation", "localhost")).json()
        assert isolation["name"] in isolation["summary"]
        assert isolation["network"] == (isolation["name"] != "process")
        ready = (await service.get(port, "/ready", "localhost")).text
        assert ready == f"ready; apps are run by {isolation['summary']}"
        metrics = (await service.get(port, "/metrics", "localhost")).text
        assert "sandbox_apps_running 0.0" not in metrics
        assert 'sandbox_answers_total{answer="running"}' in metrics


async def test_a_killed_service_leaves_no_process(own_server: SandboxServer) -> None:
    async with stage(own_server) as service:
        project = await running_tree(service)
        own_server.kill()

        async def none_left() -> bool:
            return not service.processes_of(project)

        await until(none_left, "nothing is left")


async def test_a_stopped_service_leaves_no_process(own_server: SandboxServer) -> None:
    async with stage(own_server) as service:
        project = await running_tree(service)
        own_server.stop()
        assert service.processes_of(project) == []
        said = own_server.log.read_text(encoding="utf-8")
        assert '"exit_code":0' in said
        assert "exception" not in said


def command_line(pid: int) -> bytes:
    with suppress(OSError):  # it may have ended meanwhile
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_a_service_that_cannot_mount_any_more_ends(own_server: SandboxServer) -> None:
    ours = descendants(own_server.pid)
    mounters = [pid for pid in ours if b"mounter.py" in command_line(pid)]
    if not mounters:
        pytest.skip("this one mounts nothing")
    os.kill(mounters[0], signal.SIGKILL)
    wait_until(lambda: parent_of(str(own_server.pid)) is None, "the service ends")
    own_server.kill()


async def joined(service: Stage, project: UUID, *protocols: str) -> ClientConnection:
    """Open a WebSocket to an app, once that is awake."""
    opened: list[ClientConnection] = []

    async def is_open() -> list[ClientConnection]:
        await service.sees(project, "up")
        with suppress(InvalidStatus):
            opened.append(
                await connect(
                    f"ws://{host_of(project)}/",
                    host="127.0.0.1",
                    port=service.server.preview_port,
                    subprotocols=[Subprotocol(one) for one in protocols],
                    ping_interval=None,
                    close_timeout=0,
                    proxy=None,
                )
            )
        return opened

    await until(is_open, "the app takes a socket")
    return opened[0]


async def test_an_app_that_nobody_visits_is_stopped() -> None:
    with sandbox_server(SANDBOX_IDLE_S="1", SANDBOX_HOT_MIB="0") as server:
        async with stage(server) as service:
            talks, left_open = service.add(CHAT), service.add(CHAT)

            def asleep(project: UUID) -> Callable[[], bool]:
                return lambda: not service.processes_of(project)

            async with await joined(service, talks):
                # Asks for updates alone, as pages of dev servers do for days.
                async with await joined(service, left_open, "vite-hmr"):
                    await until(asleep(left_open), "the app sleeps")
                assert service.processes_of(talks)
                await service.sees(left_open, "up")
            await until(asleep(talks), "the app that somebody was joined to sleeps")


def test_a_start_ends_what_was_left(own_server: SandboxServer) -> None:
    if "SANDBOX_RUNTIME" in own_server.program.env:
        pytest.skip("containers are found by label: test_docker.py")
    own_server.stop()
    mark = mark_of(own_server.root / "sandboxes", uuid4())
    words = (sys.executable, "-c", "import time; time.sleep(1000)")
    with subprocess.Popen(words, env={VARIABLE: mark}) as left:
        own_server.start()
        assert left.wait(10) == -signal.SIGKILL


async def test_what_changed_while_the_bus_was_gone_is_shown() -> None:
    with (
        server_folder() as folder,
        NatsServer(folder) as nats,
        SandboxServer(folder, nats.url, SANDBOX_IDLE_S="1") as server,
    ):
        async with stage(server) as world:
            page, gone = world.add({"index.html": "old"}), world.add(TREE)
            await world.sees(page, "old")
            await world.ask(gone, SyncFiles(1))
            nats.kill()
            world.agent.projects[page].files["index.html"] = "new"
            world.agent.projects[gone].deleted = True
            nats.start()
            await world.sees(page, "new")

            async def removed() -> bool:
                return not world.folder_of(gone).exists()

            await until(removed, "the folder of a deleted project is gone")


async def test_a_project_deleted_meanwhile_is_removed(
    own_server: SandboxServer,
) -> None:
    async with stage(own_server) as service:
        project = service.add(TREE)
        await service.ask(project, SyncFiles(1))
        own_server.kill()
        service.agent.projects[project].deleted = True
        own_server.start()

        async def gone() -> bool:
            return not service.folder_of(project).parent.exists()

        await until(gone, "the folder is gone")


async def test_nothing_is_removed_while_nobody_answers(
    own_server: SandboxServer,
) -> None:
    async with stage(own_server) as service:
        project = service.add(TREE)
        await service.ask(project, SyncFiles(1))
        disk = own_server.layout.box(project).disk
    own_server.kill()
    async with open_bus(own_server.nats_url) as bus:
        heard = asyncio.Event()
        await bus.listen(f"query.{project}.manifest", lambda *_: heard.set())
        own_server.start()
        async with asyncio.timeout(DEADLINE_S):
            await heard.wait()
    assert disk.path.exists()


@pytest.mark.parametrize(
    "opens", [{"PUBLIC_URL": "https://atelier.example"}, {"ANY_ADDRESS": "true"}]
)
def test_apps_are_not_mixed_with_strangers_without_isolation(
    opens: dict[str, str],
) -> None:
    outcome = start({"PATH": "/nowhere", **opens})
    assert outcome.returncode == 1
    assert "Apps cannot be kept apart here" in outcome.stdout


async def test_whoever_is_alone_gets_apps_without_isolation_and_is_told() -> None:
    with sandbox_server(PATH="/nowhere") as server:
        async with stage(server) as service:
            ready = await service.get(server.http_port, "/ready", "localhost")
            apps = BusApps(service.bus)
            told = await apps.isolation()
    assert ready.text.startswith("ready; apps are run by process; isolated: ")
    assert "shared with this machine: files, processes, network" in ready.text
    assert told is not None
    assert (told.name, told.is_apart) == ("process", False)
    assert told.summary in ready.text


def test_a_port_that_is_taken_is_named() -> None:
    with server_folder() as folder, NatsServer(folder) as nats:
        port = nats.nats.port
        outcome = start({"NATS_URL": nats.url, "PREVIEW_PORT": str(port)})
    assert outcome.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in outcome.stdout
