"""All of Atelier, started as `make run` starts it, and somebody who uses it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from standalone.ports import free_port
from tests.support.again import patient_client
from tests.support.counted import metrics_at
from tests.support.loopback import NO_TLS
from tests.support.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 25.0
RUN_TIMEOUT_S = 150.0
PREVIEW_TIMEOUT_S = 60.0
READ_MODEL_TIMEOUT_S = 30.0

Message = dict[str, Any]


class Stack:
    """One installation on free ports, with its data in *folder*."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.data_dir = folder / "data"
        self.log = folder / "stack.log"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()

    @property
    def pid(self) -> int:
        """Process id of what `make run` runs, above everybody else."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start everything and wait for the line that says so."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        environ = {
            **os.environ,
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "OPENROUTER_API_KEY": "",
            "OPENROUTER_BASE_URL": "",
            **self._environment,
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "standalone"],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(
                lambda: self._is_ready(seen), "it is ready", timeout_s=START_TIMEOUT_S
            )
        except AssertionError as exc:
            said = self.log.read_bytes()[seen:].decode(errors="replace")
            raise AssertionError(f"{exc}; it said: {said[-4000:]}") from None

    def _is_ready(self, seen: int) -> bool:
        assert self._process is not None
        text = self.log.read_bytes()[seen:].decode(errors="replace")
        if self._process.poll() is not None:
            raise AssertionError(f"make run ended: {text[-4000:]}")
        return f"Ready: {self.url}" in text

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def wait(self) -> int:
        """Return the exit code once it has ended by itself or by an accident."""
        assert self._process is not None
        process, self._process = self._process, None
        return process.wait(STOP_TIMEOUT_S)

    def metrics(self, service: str) -> dict[str, float]:
        """Return what a service has counted, by name and labels."""
        targets = msgspec.json.decode((self.data_dir / "targets.json").read_bytes())
        addresses = {one["labels"]["job"]: one["targets"][0] for one in targets}
        return metrics_at(int(addresses[service].rpartition(":")[2]))

    def pid_of(self, module: str) -> int:
        """Return the process that runs `python -m module` for this installation."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and self._runs(folder, module):
                return int(folder.name)
        raise AssertionError(f"no process runs {module}")

    def _runs(self, folder: Path, module: str) -> bool:
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[1:3] != [b"-m", module.encode()]:
                return False
            environ = (folder / "environ").read_bytes().split(b"\0")
            return f"PUBLIC_URL={self.url}".encode() in environ
        return False

    def kill(self, module: str) -> None:
        """End one service as a crash would."""
        os.kill(self.pid_of(module), signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self, module: str) -> Iterator[None]:
        """Stop one service in its tracks, then let it go on."""
        pid = self.pid_of(module)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


class Person:
    """Somebody with an account, who uses the REST API and the socket."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.http = http

    async def sign_up(self) -> None:
        """Get an account of one's own."""
        answer = await self.http.post(
            "/api/auth/sign-up/email",
            json={
                "name": "Ada",
                "email": f"{uuid4().hex}@example.org",
                "password": "correct horse battery",
            },
        )
        assert answer.status_code == httpx.codes.OK, answer.text

    async def create_project(self, description: str) -> str:
        """Return the id of a new project."""
        body = {"name": "Test", "description": description}
        answer = await self.http.post("/api/projects", json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["id"])

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what the REST API answers."""
        answer = await self.http.get(path)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    async def project_as(
        self, project_id: str, status: str, timeout_s: float = READ_MODEL_TIMEOUT_S
    ) -> dict[str, Any]:
        """Return the project as the REST API shows it once it has *status*.

        The API's tables follow the log by some milliseconds.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                project: dict[str, Any] = await self.get(f"/api/projects/{project_id}")
                if project["status"] == status:
                    return project
                await asyncio.sleep(0.02)

    async def connect(
        self, project_id: str, after: int | None = None
    ) -> ClientConnection:
        """Return a connection to a project's socket, which the caller closes."""
        cookie = "; ".join(f"{k}={v}" for k, v in self.http.cookies.items())
        query = "" if after is None else f"?after={after}"
        return await connect(
            f"ws://localhost:{self.stack.port}/ws/{project_id}{query}",
            additional_headers={"Cookie": cookie},
            max_size=None,
        )

    @asynccontextmanager
    async def socket(
        self, project_id: str, after: int | None = None
    ) -> AsyncIterator["Socket"]:
        """Open a project's socket."""
        async with await self.connect(project_id, after) as connection:
            yield Socket(connection)

    async def preview(self, url: str) -> httpx.Response:
        """Fetch a preview as a browser would, which knows all of `*.localhost`."""
        host = httpx.URL(url).netloc.decode()
        path = httpx.URL(url).raw_path.decode()
        async with httpx.AsyncClient(verify=NO_TLS, timeout=60) as http:
            return await http.get(
                f"http://127.0.0.1:{self.stack.port}{path}", headers={"Host": host}
            )

    async def preview_until(self, url: str, text: str | None) -> None:
        """Wait until the preview shows *text*, or until there is none."""
        async with asyncio.timeout(PREVIEW_TIMEOUT_S):
            while True:
                page = await self.preview(url)
                if (text is None and page.status_code == httpx.codes.NOT_FOUND) or (
                    text is not None and text in page.text
                ):
                    return
                await asyncio.sleep(0.1)


class Socket:
    """A connection and everything that was heard on it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[Message] = []

    async def say(self, type_: str, **data: object) -> None:
        """Send a message."""
        await self.connection.send(
            msgspec.json.encode({"type": type_, "data": data}).decode()
        )

    async def hear(
        self,
        wanted: str | Callable[[Message], bool],
        *,
        timeout_s: float = RUN_TIMEOUT_S,
    ) -> Message:
        """Return the next message that is wanted; all are kept in *heard*."""
        async with asyncio.timeout(timeout_s):
            while True:
                message: Message = msgspec.json.decode(await self.connection.recv())
                self.heard.append(message)
                if callable(wanted):
                    if wanted(message):
                        return message
                elif message["type"] == wanted:
                    return message

    async def build(self, prompt: str | None = None) -> Message:
        """Start a run and hear it to its end."""
        data = {} if prompt is None else {"prompt": prompt}
        await self.say("start_generation", **data)
        return await self.hear_end()

    async def hear_end(self) -> Message:
        """Hear a run to its end, which has to be a good one."""
        end = await self.hear(
            lambda m: m["type"] in ("generation_complete", "generation_error")
        )
        assert end["type"] == "generation_complete", end
        await self.hear(is_state("complete"))
        return end

    def recorded(self) -> list[Message]:
        """Return the recorded events that were heard."""
        return [message for message in self.heard if "seq" in message]

    def last_seq(self) -> int:
        """Return the seq of the last recorded event that was heard."""
        return int(self.recorded()[-1]["seq"])

    def types(self) -> list[str]:
        """Return the types of all that was heard."""
        return [str(message["type"]) for message in self.heard]


def is_state(state: str) -> Callable[[Message], bool]:
    """Match the recorded change to *state*."""
    return lambda m: (
        m["type"] == "state_update"
        and "seq" in m
        and m["data"]["currentState"] == state
    )


def streamed_files(messages: list[Message]) -> Mapping[str, str]:
    """Return each file as a client holds it that only follows the text."""
    files: dict[str, str] = {}
    for message in messages:
        path = message["data"].get("path")
        if message["type"] == "file_start":
            files[path] = ""
        elif message["type"] == "file_chunk":
            files[path] += message["data"]["chunk"]
    return files


def recorded_files(messages: list[Message]) -> Mapping[str, str]:
    """Return each file that there is, as it was recorded last."""
    files: dict[str, str] = {}
    for message in messages:
        if message["type"] == "file_end":
            files[message["data"]["path"]] = message["data"]["content"]
        elif message["type"] == "file_deleted":
            files.pop(message["data"]["path"], None)
    return files


@asynccontextmanager
async def person(stack: Stack) -> AsyncIterator[Person]:
    """Lend somebody with an account of one's own."""
    async with patient_client(stack.url) as http:
        somebody = Person(stack, http)
        await somebody.sign_up()
        yield somebody


def atelier(data_dir: Path, *arguments: str, **environment: str) -> str:
    """Run a command on an installation; return what it says, or complains."""
    environ = {**os.environ, "DATA_DIR": str(data_dir), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "standalone.cli", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr
