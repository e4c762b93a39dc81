"""The agent with everything real round it, but for the model and the sandbox service.

The model is a server of its own; the sandbox answers on the real bus, fetches manifest
and files as the real one does, and remembers what it was asked.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import asyncpg
import msgspec
from typing_extensions import override

from agent import bootstrap
from agent.settings import Settings
from contracts import codec, subjects
from contracts.codec import AnyEvent
from contracts.envelope import Recorded
from contracts.progress import ProgressMessage
from contracts.project import Actor, CreateProject, Problem, ProjectCommand
from contracts.requests import (
    Accepted,
    CommandAnswer,
    CommandRequest,
    FileContent,
    Files,
    GetFiles,
    GetHistory,
    GetManifest,
    GetOpenFile,
    GetProject,
    History,
    Manifest,
    OpenFile,
    ProjectAnswer,
    ProjectQuery,
    ProjectView,
    QueryAnswer,
    QueryRequest,
)
from contracts.sandbox import (
    CancelOperation,
    CheckApp,
    Done,
    InstallDependencies,
    Installed,
    Pending,
    Problems,
    Running,
    SandboxAnswer,
    SandboxRequest,
    StaleEpoch,
    StartServer,
    Synced,
    SyncFiles,
)
from eventcore.adapters.nats import NatsBus, open_bus
from eventcore.errors import Unavailable
from standalone.ports import free_port
from standalone.program import Program
from tests.support.loopback import answers, text_at
from tests.support.model_server import FakeApp, ModelServer, model_server
from tests.support.servers import Server, as_role

WAIT_S = 120.0
LEASE_S = 600.0
"""Never over by itself: no machine is so busy that a living driver loses its run."""
PREVIEW = "http://abc.preview.localhost:3000/"
SANDBOX = Actor("service", "sandbox")

_T = TypeVar("_T")

_command_answers = codec.decoder(CommandAnswer)
_query_answers = codec.decoder(QueryAnswer)
_progress = codec.decoder(ProgressMessage)
_open_files = codec.decoder(OpenFile)
_sandbox_requests = codec.decoder(SandboxRequest)


# --- a person -----------------------------------------------------------------------


@dataclass
class Client:
    """Somebody who commands and asks about one project, over the bus."""

    bus: NatsBus
    project_id: UUID = field(default_factory=uuid4)
    actor: Actor = field(default_factory=lambda: Actor("user", str(uuid4())))

    async def send(
        self, command: ProjectCommand, command_id: UUID | None = None
    ) -> CommandAnswer:
        """Return the answer to a command."""
        request = CommandRequest(
            command_id or uuid4(), self.project_id, self.actor, command
        )
        verb = str(command.__struct_config__.tag)
        return await self._request(
            subjects.command(self.project_id, verb), request, _command_answers
        )

    async def do(self, command: ProjectCommand) -> ProjectView:
        """Return the project after a command that must be accepted."""
        answer = await self.send(command)
        assert isinstance(answer, Accepted), answer
        return answer.project

    async def create(self, description: str = "A kanban board") -> ProjectView:
        """Create the project."""
        return await self.do(CreateProject("Board", description))

    async def ask(self, query: ProjectQuery) -> QueryAnswer:
        """Return the answer to a question."""
        request = QueryRequest(self.project_id, self.actor, query)
        verb = str(query.__struct_config__.tag)
        return await self._request(
            subjects.query(self.project_id, verb), request, _query_answers
        )

    async def view(self) -> ProjectView:
        """Return the project as it is."""
        answer = await self.ask(GetProject())
        assert isinstance(answer, ProjectAnswer), answer
        return answer.project

    async def history(self) -> list[Recorded]:
        """Return the whole log, page by page."""
        events: list[Recorded] = []
        while True:
            page = await self.ask(GetHistory(after=len(events)))
            assert isinstance(page, History), page
            events += page.events
            if len(events) >= page.version:
                return events

    async def events(self) -> list[AnyEvent]:
        """Return the whole log, decoded."""
        return [codec.decode_event(one.type, one.data) for one in await self.history()]

    async def until(self, holds: Callable[[ProjectView], bool]) -> ProjectView:
        """Return the project as soon as *holds* is true of it.

        Raises:
            AssertionError: It never is; the message is how it was seen last.

        """
        view: ProjectView | None = None
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    view = await self.view()
                    if holds(view):
                        return view
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise AssertionError(f"never, but {view}") from error

    async def open_file(self) -> OpenFile:
        """Return the file that is being written."""
        subject = subjects.open_file(self.project_id)
        return await self._request(subject, GetOpenFile(), _open_files)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[list[ProgressMessage]]:
        """Collect progress messages."""
        seen: list[ProgressMessage] = []
        subscription = await self.bus.listen(
            subjects.text(self.project_id),
            lambda _, body, __: seen.append(_progress.decode(body)),
        )
        try:
            yield seen
        finally:
            await subscription.close()

    async def _request(
        self, subject: str, request: msgspec.Struct, decoder: msgspec.json.Decoder[_T]
    ) -> _T:
        # A worker that is frozen or dying still gets its share of the requests.
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                body = await self.bus.request(
                    subject, codec.encode(request), timeout_s=1, traceparent=None
                )
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)
            else:
                return decoder.decode(body)


# --- a sandbox ----------------------------------------------------------------------


@dataclass
class FakeSandbox:
    """Answers operations on one bus; keeps what real controllers keep."""

    bus: NatsBus
    requests: list[SandboxRequest] = field(default_factory=list)
    folders: dict[UUID, dict[str, str]] = field(default_factory=dict)
    answers: dict[type, SandboxAnswer] = field(default_factory=dict)
    """What to answer to an operation, in place of success."""
    lasts: dict[type, int] = field(default_factory=dict)
    """How many operations get that answer; all of them where nothing is said."""
    away: bool = False
    """Nobody answers."""
    _epochs: dict[UUID, int] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def keys(self, kind: type) -> list[str]:
        """Return the keys of operations of a kind, without repeats, in order."""
        return list(
            dict.fromkeys(
                request.key
                for request in self.requests
                if isinstance(request.operation, kind)
            )
        )

    async def handle(self, _: str, body: bytes, __: Mapping[str, str]) -> bytes:
        """Answer one request."""
        if self.away:
            raise Unavailable("the sandbox is away")
        request = _sandbox_requests.decode(body)
        newest = self._epochs.get(request.project_id, 0)
        if request.epoch < newest:
            return codec.encode(StaleEpoch(newest))
        self._epochs[request.project_id] = request.epoch
        self.requests.append(request)
        return codec.encode(await self._answer(request))

    async def _answer(self, request: SandboxRequest) -> SandboxAnswer:
        prepared = self._prepared(type(request.operation))
        is_first = request.key not in self._asked
        self._asked.add(request.key)
        if is_first and not isinstance(request.operation, CancelOperation):
            prepared = prepared or Pending()  # it has only begun
        if prepared is not None:
            return prepared
        match request.operation:
            case SyncFiles():
                return await self._sync(request.project_id)
            case InstallDependencies():
                return Installed("the sandbox's own digest", skipped=False)
            case StartServer():
                return Running(PREVIEW, f"box-{request.project_id}")
            case CheckApp():
                return self._check(request.project_id)
            case _:
                return Done()

    def _prepared(self, kind: type) -> SandboxAnswer | None:
        left = self.lasts.get(kind)
        if left is not None:
            self.lasts[kind] = left - 1
        return self.answers.get(kind) if left is None or left > 0 else None

    def _check(self, project_id: UUID) -> Problems:
        """Find fault with every line that says that it is broken."""
        return Problems(
            [
                Problem("compile", line.strip(), path, number)
                for path, content in self.folders[project_id].items()
                for number, line in enumerate(content.split("\n"), 1)
                if "BROKEN" in line
            ]
        )

    async def _sync(self, project_id: UUID) -> SandboxAnswer:
        client = Client(self.bus, project_id, SANDBOX)
        manifest = await client.ask(GetManifest())
        assert isinstance(manifest, Manifest), manifest
        paths = [file.path for file in manifest.files]
        files: list[FileContent] = []
        while len(files) < len(paths):
            answer = await client.ask(GetFiles(paths[len(files) :]))
            assert isinstance(answer, Files), answer
            files += answer.files
        self.folders[project_id] = {file.path: file.content for file in files}
        return Synced(len(files), manifest.version)


# --- agents -------------------------------------------------------------------------


@dataclass
class World:
    """Servers that are up, and where."""

    bus: NatsBus
    model: ModelServer
    sandbox: FakeSandbox
    database_url: str
    nats_url: str

    def client(self) -> Client:
        """Return somebody new with a project of their own."""
        return Client(self.bus)

    def settings(self, **changes: object) -> Settings:
        """Return settings of an agent in this world."""
        settings = Settings(
            database_url=self.database_url,
            nats_url=self.nats_url,
            http_port=free_port(),
            openrouter_base_url=self.model.url,
            openrouter_model="fake/model",
            lease_ttl_s=LEASE_S,
            scan_s=0.2,
            model_pause_s=0.01,
        )
        return msgspec.structs.replace(settings, **changes)

    async def end_leases(self) -> None:
        """Do what time does to the leases of a worker that is gone."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute("UPDATE log.lease SET until = clock_timestamp()")
        finally:
            await connection.close()

    @asynccontextmanager
    async def agent(self, **changes: object) -> AsyncIterator[asyncio.Event]:
        """Run an agent in this process; lend what stops it."""
        stopping = asyncio.Event()
        running = asyncio.create_task(bootstrap.run(self.settings(**changes), stopping))
        try:
            await self._answers(running)
            yield stopping
        finally:
            stopping.set()
            await running

    async def _answers(self, running: "asyncio.Task[None]") -> None:
        """Return when somebody answers questions, here or elsewhere."""
        async with asyncio.timeout(WAIT_S):
            while not running.done():
                try:
                    await Client(self.bus, actor=SANDBOX).ask(GetManifest())
                except Exception:  # noqa: BLE001 - it is starting
                    await asyncio.sleep(0.02)
                else:
                    return
        await running

    def process(self, folder: Path, **environment: str) -> "AgentProcess":
        """Return an agent as a process of its own, not yet started."""
        return AgentProcess(self.settings(), folder, environment)


class AgentProcess(Server):
    """`python -m agent`."""

    def __init__(
        self, settings: Settings, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._ready = f"http://127.0.0.1:{settings.http_port}/ready"
        fields = msgspec.structs.asdict(settings)
        variables = {name.upper(): str(fields[name]) for name in fields}
        program = Program(
            name=f"agent-{settings.http_port}",
            argv=(sys.executable, "-m", "agent"),
            env={"PATH": os.defpath, **variables, **environment},
            cwd=folder,
        )
        super().__init__(program, folder)

    @override
    def is_ready(self) -> bool:
        return answers(self._ready)

    def counted(self, name: str) -> float | None:
        """Return what a counter shows; None while it does not answer."""
        url = self._ready.replace("/ready", "/metrics")
        try:
            text = text_at(url)
        except OSError:
            return None
        values = [line.split()[1] for line in text.split("\n") if line.startswith(name)]
        return float(values[0]) if values else None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it lives."""
        assert self._process is not None
        return self._process.poll()

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, sign)


@asynccontextmanager
async def world(
    nats_url: str,
    postgres: str,
    app: FakeApp | None = None,
    *,
    sandbox_nats_url: str | None = None,
) -> AsyncIterator[World]:
    """Run a model and a sandbox; the agents are the test's to start."""
    user = None if sandbox_nats_url is None else "sandbox"
    async with (
        open_bus(sandbox_nats_url or nats_url, user=user) as bus,
        model_server(app) as model,
    ):
        sandbox = FakeSandbox(bus)
        await bus.serve(subjects.SANDBOX, subjects.SANDBOX_QUEUE, sandbox.handle)
        yield World(bus, model, sandbox, as_role(postgres, "agent"), nats_url)
