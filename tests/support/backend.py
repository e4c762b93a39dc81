"""The api and the agent as processes, on a bus and a database of their own."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import httpx
from typing_extensions import override

from standalone.ports import free_port
from standalone.program import Program
from tests.support.loopback import NO_TLS, answers
from tests.support.servers import NatsServer, PostgresServer, Server, as_role

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live for one run
TODO = {"name": "Todo", "description": "a list"}
"""The body of a new project."""
NOWHERE = "http://127.0.0.1:9"
"""Where no language model answers: nothing here starts a run."""


class ServiceProcess(Server):
    """``python -m module`` on a port that stays the same over a restart."""

    def __init__(
        self, module: str, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = Program(
            name=module,
            argv=(sys.executable, "-m", module),
            env={**os.environ, **environment, "HTTP_PORT": str(self.port)},
        )
        super().__init__(program, folder)

    @override
    def is_ready(self) -> bool:
        return answers(f"{self.url}/ready")


class Backend:
    """Everything behind the REST API, for real."""

    def __init__(
        self, folder: Path, dsn: str, nats: NatsServer, **environment: str
    ) -> None:
        self.dsn = dsn
        """The database, as its owner."""
        self.nats = nats
        common = {"NATS_URL": nats.url, "LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}
        model = {"OPENROUTER_BASE_URL": NOWHERE, "OPENROUTER_API_KEY": "none"}
        agent = {**common, **model, "DATABASE_URL": as_role(dsn, "agent")}
        api = {
            **common,
            "DATABASE_URL": as_role(dsn, "api"),
            "SIGN_UPS_PER_MINUTE": "100000",  # all of them come from one address
            **environment,
        }
        self.agent = ServiceProcess("agent", folder, agent)
        self.api = ServiceProcess("api", folder, api)

    def client(self, **headers: str) -> httpx.Client:
        """Return somebody without an account."""
        return httpx.Client(
            base_url=self.api.url,
            headers=headers,
            timeout=60,
            # The api lets go of a connection after five seconds.
            limits=httpx.Limits(keepalive_expiry=1),
            verify=NO_TLS,
            trust_env=False,
        )

    @contextmanager
    def person(self, name: str = "Ada") -> Iterator[httpx.Client]:
        """Lend somebody who is signed in."""
        with self.client() as client:
            body = {"name": name, "email": new_email(), "password": PASSWORD}
            answer = client.post("/api/auth/sign-up/email", json=body)
            assert answer.status_code == HTTPStatus.OK, answer.text
            yield client


def new_email() -> str:
    """Return an address that nobody has yet."""
    return f"{uuid4().hex}@example.org"


class Partial:
    """A request whose body comes as slowly as its sender likes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send more of the body."""
        self._connection.sendall(data)

    def status(self) -> int:
        """Wait for the answer, and return its status."""
        said = b""
        while b"\r\n" not in said:
            received = self._connection.recv(4096)
            assert received, "the connection was closed without an answer"
            said += received
        return int(said.split(b" ", 2)[1])


@contextmanager
def partial(
    backend: Backend,
    method: str,
    path: str,
    headers: Mapping[str, str],
    length: int = 1 << 20,
    sent: int = 0,
) -> Iterator[Partial]:
    """Send the head of a request, and the first *sent* of *length* bytes."""
    lines = {"Host": "localhost", "Content-Length": str(length), **headers}
    head = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in lines.items())]
    address = ("127.0.0.1", backend.api.port)
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        sending = Partial(connection)
        sending.send(b"x" * sent)
        yield sending


@contextmanager
def backend_of(
    folder: Path, postgres_server: PostgresServer, **environment: str
) -> Iterator[Backend]:
    """Start it all, and stop it in reverse; *environment* is that of the api."""
    with ExitStack() as stack:
        dsn = stack.enter_context(postgres_server.database())
        nats = stack.enter_context(NatsServer(folder))
        backend = Backend(folder, dsn, nats, **environment)
        stack.enter_context(backend.agent)
        stack.enter_context(backend.api)
        yield backend
