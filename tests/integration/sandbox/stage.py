"""The service as a process, a bus, and an agent that knows the files of projects."""

import base64
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from typing_extensions import override

from contracts import codec, subjects
from contracts.envelope import Recorded
from contracts.progress import ProgressMessage, SandboxLog
from contracts.project import (
    FileDeleted,
    FileWritten,
    ProjectDeleted,
    ProjectEvent,
    ProjectSettings,
    RunStopped,
    SettingsChanged,
)
from contracts.requests import (
    FileContent,
    FileDigest,
    Files,
    GetFiles,
    GetManifest,
    GetVariables,
    Manifest,
    QueryAnswer,
    QueryRequest,
    Refused,
    Variables,
)
from contracts.sandbox import (
    Pending,
    SandboxAnswer,
    SandboxOperation,
    SandboxRequest,
)
from eventcore.adapters.nats import NatsBus, open_bus
from sandbox.adapters.files.layout import Box, Layout
from standalone.ports import free_port
from standalone.program import Program
from tests.support.loopback import NO_TLS, answers
from tests.support.npm import NODE
from tests.support.packages import Registry, registry
from tests.support.polling import until
from tests.support.servers import NatsServer, Server, server_folder

DOMAIN = "preview.localhost"
SECRET = "only-for-tests"  # noqa: S105 - of a service that lives for one test
DEADLINE_S = 120.0

_requests = codec.decoder(QueryRequest)
_questions = codec.decoder(GetVariables)
_answers = codec.decoder(SandboxAnswer)
_progress = codec.decoder(ProgressMessage)


@dataclass
class Project:
    """What the agent knows of a project."""

    files: dict[str, str | bytes]
    version: int = 1
    deleted: bool = False
    packages: list[list[str]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """What the api keeps for it; all of them are secrets."""

    def manifest(self) -> Manifest:
        """Return what a folder should hold."""
        digests = [
            FileDigest(path, hashlib.sha256(_raw(content)).hexdigest(), 0)
            for path, content in self.files.items()
        ]
        return Manifest(
            *(self.version, self.deleted, digests, self.packages),
            dict.fromkeys(self.variables, ""),
        )

    def content(self, path: str) -> FileContent:
        """Return a file as the agent sends it."""
        content = self.files[path]
        if isinstance(content, str):
            return FileContent(uuid4(), path, content)
        text = base64.b64encode(content).decode()
        return FileContent(uuid4(), path, text, "base64")


def _raw(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


@dataclass
class Agent:
    """Answers for projects as the real one does."""

    projects: dict[UUID, Project] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths whose contents were asked for."""

    async def answer(self, _: str, body: bytes, __: Mapping[str, str]) -> bytes:
        """Answer one question."""
        request: QueryRequest = _requests.decode(body)
        return codec.encode(self._answer(request))

    async def variables(self, _: str, body: bytes, __: Mapping[str, str]) -> bytes:
        """Answer in the place of the api."""
        project = self.projects[_questions.decode(body).project_id]
        return codec.encode(Variables(project.variables, list(project.variables)))

    def _answer(self, request: QueryRequest) -> QueryAnswer:
        project = self.projects.get(request.project_id)
        if project is None:
            return Refused("project_not_found", "There is no such project.")
        match request.query:
            case GetManifest():
                return project.manifest()
            case GetFiles(paths):
                self.asked += paths
                some = [path for path in paths if path in project.files][:2]
                return Files([project.content(path) for path in some])
            case _:
                return Refused("internal_error", "Nobody asks that here.")


class SandboxServer(Server):
    """The service as a process, with the best isolation that there is.

    Packages come from a registry of ours, with *world* from that of this machine.
    """

    def __init__(
        self, folder: Path, nats_url: str, *, world: bool = False, **settings: str
    ) -> None:
        self.nats_url = nats_url
        self.root = folder
        self.http_port, self.preview_port = free_port(), free_port()
        self.registry_port = free_port()
        environment = {
            **os.environ,
            "NATS_URL": nats_url,
            "SECRET_KEY": SECRET,
            "HTTP_PORT": str(self.http_port),
            "PREVIEW_PORT": str(self.preview_port),
            "PREVIEW_DOMAIN": DOMAIN,
            "PUBLIC_URL": "http://localhost:3999",
            "SANDBOX_DIR": str(folder / "sandboxes"),
            "NODE_BIN": str(NODE.parent),
            "LOG_FORMAT": "json",
            **settings,
        }
        if not world:
            own = f"http://127.0.0.1:{self.registry_port}/"
            environment["npm_config_registry"] = own
        words = (sys.executable, "-m", "sandbox")
        super().__init__(Program("sandbox", words, environment), folder)

    @property
    def layout(self) -> Layout:
        """Where it has its things."""
        return Layout(self.root / "sandboxes")

    def spares(self) -> list[Box]:
        """Return what belongs to no project yet."""
        names = [entry.name for entry in self.layout.spares.iterdir()]
        return [self.layout.box(UUID(name)) for name in names]

    @override
    def is_ready(self) -> bool:
        return answers(f"http://127.0.0.1:{self.http_port}/ready")


@contextmanager
def sandbox_server(*, world: bool = False, **settings: str) -> Iterator[SandboxServer]:
    """Lend a running service on a bus of its own; *settings* are variables."""
    with (
        server_folder() as folder,
        NatsServer(folder) as nats,
        SandboxServer(folder, nats.url, world=world, **settings) as server,
    ):
        yield server


class Stage:
    """A running service and everything around it, for one test."""

    def __init__(self, server: SandboxServer, bus: NatsBus) -> None:
        self.server = server
        self.bus = bus
        self.agent = Agent()
        self.registry = Registry()
        self.logs: list[SandboxLog] = []

    def restart(self) -> None:
        """End the service as a deployment does, and start it again.

        Not from another thread: the kernel would end the service with that thread.
        """
        self.server.stop()
        self.server.start()

    # --- as a driver --------------------------------------------------------------

    def add(self, files: Mapping[str, str | bytes]) -> UUID:
        """Make a project with these files."""
        project_id = uuid4()
        self.agent.projects[project_id] = Project(dict(files))
        return project_id

    async def ask_once(
        self,
        project_id: UUID,
        operation: SandboxOperation,
        key: str,
        epoch: int = 1,
        *,
        patience_s: float = 60,
    ) -> SandboxAnswer:
        """Send a request and return what comes."""
        request = SandboxRequest(project_id, epoch, key, operation)
        verb = str(operation.__struct_config__.tag)
        body = codec.encode(request)
        subject = subjects.sandbox(project_id, verb)
        return await self.ask_raw(subject, body, patience_s=patience_s)

    async def ask_raw(
        self, subject: str, body: bytes, *, patience_s: float = 60
    ) -> SandboxAnswer:
        """Send any bytes and return what comes."""
        answer = await self.bus.request(
            subject, body, timeout_s=patience_s, traceparent="00-1-2-01"
        )
        decoded: SandboxAnswer = _answers.decode(answer)
        return decoded

    async def ask(
        self,
        project_id: UUID,
        operation: SandboxOperation,
        *,
        key: str | None = None,
        epoch: int = 1,
    ) -> SandboxAnswer:
        """Ask until the operation is over, as a driver does."""
        key = key or uuid4().hex
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            answer = await self.ask_once(project_id, operation, key, epoch)
            if not isinstance(answer, Pending):
                return answer
        raise AssertionError("the operation never ended")

    # --- as the log ---------------------------------------------------------------

    async def write(self, project_id: UUID, path: str, content: str) -> None:
        """Change a file as a person does, and tell everybody."""
        project = self.agent.projects[project_id]
        project.files[path] = content
        event = FileWritten(uuid4(), path, content, "user")
        await self._record(project_id, event)

    async def delete_file(self, project_id: UUID, path: str) -> None:
        """Delete a file as a person does, and tell everybody."""
        del self.agent.projects[project_id].files[path]
        await self._record(project_id, FileDeleted(uuid4(), path, "user"))

    async def set_variables(self, project_id: UUID, **variables: str) -> None:
        """Choose the app's environment, and tell everybody."""
        self.agent.projects[project_id].variables = variables
        settings = ProjectSettings(variables=dict.fromkeys(variables, ""))
        await self._record(project_id, SettingsChanged(settings))

    async def delete(self, project_id: UUID) -> None:
        """Delete a project, and tell everybody."""
        self.agent.projects[project_id].deleted = True
        await self._record(project_id, ProjectDeleted())

    async def stop_run(self, project_id: UUID, run_id: UUID) -> None:
        """Tell everybody that a run was stopped."""
        await self._record(project_id, RunStopped(run_id))

    async def _record(self, project_id: UUID, event: ProjectEvent) -> None:
        project = self.agent.projects[project_id]
        project.version += 1
        recorded = Recorded(
            id=uuid4(),
            project_id=project_id,
            seq=project.version,
            type=codec.event_type(event),
            at=datetime.now(UTC),
            data=msgspec.Raw(codec.encode(event)),
        )
        self.bus.publish(subjects.event(0, project_id), codec.encode([recorded]))

    # --- as a visitor -------------------------------------------------------------

    async def get(
        self, port: int, path: str, host: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Ask for a page by the name of a host that no resolver knows."""
        async with httpx.AsyncClient(
            verify=NO_TLS, trust_env=False, timeout=30
        ) as client:
            return await client.get(
                f"http://127.0.0.1:{port}{path}",
                headers={"host": host, "accept": "text/html", **(headers or {})},
            )

    async def visit(
        self, project_id: UUID, path: str = "/", **headers: str
    ) -> httpx.Response:
        """Look at a project's preview."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        port = self.server.preview_port
        return await self.get(port, path, host_of(project_id), named)

    async def sees(self, project_id: UUID, text: str, path: str = "/") -> None:
        """Look at the preview until *text* is there."""

        async def there() -> bool:
            return text in (await self.visit(project_id, path)).text

        await until(there, f"the preview shows {text!r}")

    def processes_of(self, project_id: UUID) -> list[int]:
        """Return all that work in a project's folder, seen from outside."""
        here = self.folder_of(project_id)
        return [
            int(entry.name)
            for entry in Path("/proc").glob("[0-9]*")
            if _is_same(entry / "cwd", here)
        ]

    async def prints(self, line: str) -> None:
        """Wait until an app has printed *line*."""

        async def printed() -> bool:
            return any(line in one.content.splitlines() for one in self.logs)

        await until(printed, f"an app prints {line!r}")

    def folder_of(self, project_id: UUID) -> Path:
        """Return where the app lies."""
        return self.server.layout.box(project_id).app


def _is_same(cwd: Path, folder: Path) -> bool:
    try:
        return cwd.samefile(folder)
    except OSError:
        return False


def host_of(project_id: UUID) -> str:
    """Return the name of a preview, worked out independently of the service."""
    digest = hashlib.sha256
    key = SECRET.encode().ljust(64, b"\0")
    inner = digest(bytes(byte ^ 0x36 for byte in key) + project_id.bytes).digest()
    proof = digest(bytes(byte ^ 0x5C for byte in key) + inner).digest()[:16]
    halves = (base64.b32encode(half).decode() for half in (project_id.bytes, proof))
    name = "".join(half.rstrip("=") for half in halves).lower()
    return f"{name}.{DOMAIN}:3999"


@asynccontextmanager
async def stage(server: SandboxServer) -> AsyncIterator[Stage]:
    """Lend a bus, an agent and a registry around a running service."""
    async with (
        open_bus(server.nats_url) as bus,
        registry(server.registry_port, greeter="module.exports = 'hello'") as packages,
    ):
        made = Stage(server, bus)
        made.registry = packages
        await bus.serve("query.*.*", subjects.AGENT_QUEUE, made.agent.answer)
        await bus.serve(subjects.VARIABLES, subjects.API_QUEUE, made.agent.variables)

        def hear(subject: str, body: bytes, _: Mapping[str, str]) -> None:
            message: Any = _progress.decode(body)
            if UUID(subject.split(".")[1]) in made.agent.projects:
                made.logs.append(message)

        await bus.listen("progress.*.log", hear)
        yield made
