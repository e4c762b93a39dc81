"""What a gateway is measured with: the world around it, and its clients.

Run as a process of its own, on uvloop, with its commands on standard input, one JSON
object a line, each answered by one. It answers a gateway's questions on the bus as api
and agent would, publishes, and reads what the clients get. Each message holds one mark
`@` and the moment of its publication: counting and timing are searches in bytes.
"""

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import uvloop
from msgspec import Struct
from typing_extensions import override

from contracts import codec, subjects
from contracts.progress import FileStarted
from contracts.project import RunState
from contracts.requests import (
    History,
    OpenFile,
    ProjectAnswer,
    ProjectView,
    SessionVerified,
)

RUN = UUID(int=1)
USER = UUID(int=2)
PATH = "src/app.ts"
MARK = re.compile(rb"@(\d{19})")
TEXT = 60
"""Characters of a piece of text, the mark included."""
WINDOW = 100
"""Messages that are under way at a time where it goes as fast as it can."""

Answer = Callable[[bytes], bytes]
Figures = dict[str, float]


class Bus(asyncio.Protocol):
    """As much of the NATS protocol as is needed, without an object for each message."""

    def __init__(self, answers: dict[bytes, Answer]) -> None:
        self._answers = answers
        self._buffer = b""
        self.transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(b'CONNECT {"verbose":false,"headers":true}\r\n')
        for number, subject in enumerate(self._answers):
            self.transport.write(b"SUB %b %d\r\n" % (subject, number))

    @override
    def data_received(self, data: bytes) -> None:
        data, position = self._buffer + data, 0
        answers = list(self._answers.values())
        out: list[bytes] = []
        while (end := data.find(b"\r\n", position)) >= 0:
            words = data[position:end].split()
            if words[0] in (b"MSG", b"HMSG"):
                after = end + 4 + int(words[-1])
                if after > len(data):
                    break
                body = answers[int(words[2])](words[1])
                out.append(b"PUB %b %d\r\n%b\r\n" % (words[3], len(body), body))
                position = after
                continue
            if words[0] == b"PING":
                out.append(b"PONG\r\n")
            position = end + 2
        self._buffer = data[position:]
        if out:
            self.transport.write(b"".join(out))

    def publish(self, bodies: list[tuple[str, bytes]]) -> None:
        """Publish all of *bodies* in one write."""
        self.transport.write(
            b"".join(
                b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(body), body)
                for subject, body in bodies
            )
        )


class Reader(asyncio.Protocol):
    """One WebSocket that counts marks and keeps how long they took."""

    def __init__(self, load: "Load", head: bytes) -> None:
        self._load = load
        self._head = head
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._head)

    @override
    def data_received(self, data: bytes) -> None:
        load = self._load
        load.marks += data.count(b"@")
        if load.times is not None:
            now = time.monotonic_ns()
            load.times.extend(now - int(then) for then in MARK.findall(data))
        if not self.greeted.done() and b"agent_connected" in data:
            self.greeted.set_result(None)
        if load.marks >= load.wanted:
            load.reached.set()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(exc or ConnectionError("closed"))


class Load:
    """The commands."""

    def __init__(self, nats_port: int) -> None:
        self._nats_port = nats_port
        self._port = 0
        self._readers: list[Reader] = []
        self._deaf: list[Reader] = []
        self._projects: list[UUID] = []
        self._offsets: dict[UUID, int] = {}
        self._heads: dict[UUID, int] = {}
        self._histories: dict[UUID, bytes] = {}
        self._bus: Bus
        self.marks = 0
        self.wanted = 1 << 60
        self.reached = asyncio.Event()
        self.times: list[int] | None = None

    async def start(self) -> None:
        """Connect to the bus and answer there."""
        answers: dict[bytes, Answer] = {
            subjects.AUTH_VERIFY.encode(): _constant(SessionVerified(USER, USER)),
            subjects.QUERIES.encode(): self._query,
            b"live.*.open_file": _constant(OpenFile(RUN, 1, None, "")),
        }
        loop = asyncio.get_running_loop()
        _, self._bus = await loop.create_connection(
            lambda: Bus(answers), "127.0.0.1", self._nats_port
        )

    async def connect(
        self, port: int, count: int, projects: int, at_once: int, missed: int = 0
    ) -> float:
        """Open *count* sockets on *projects* projects; return seconds.

        With *missed* each asks for so many events, and they have to come.
        """
        self._projects = [uuid4() for _ in range(projects)]
        self._heads = dict.fromkeys(self._projects, 1)
        for project in self._projects if missed else ():
            bodies = [self._event(project)[1] for _ in range(missed)]
            events = [e for body in bodies for e in codec.decode_batch(body)]
            history = History(events, self._heads[project])
            self._histories[project] = codec.encode(history)
        self.marks = 0
        query = "?after=1" if missed else ""
        slots = asyncio.Semaphore(at_once)
        loop = asyncio.get_running_loop()
        begun = time.perf_counter()

        async def one(number: int) -> None:
            project = self._projects[number % projects]
            async with slots:
                _, reader = await loop.create_connection(
                    lambda: Reader(self, _head(project, query)), "127.0.0.1", port
                )
                self._readers.append(reader)
                await reader.greeted

        async with asyncio.timeout(60):
            await asyncio.gather(*(one(number) for number in range(count)))
            await self._until(count * missed)
        return time.perf_counter() - begun

    async def connect_deaf(self, port: int, count: int) -> None:
        """Open *count* more sockets on the first project, which read nothing."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            narrow = socket.socket()
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            narrow.setblocking(False)  # noqa: FBT003 - the standard library's own
            await loop.sock_connect(narrow, ("127.0.0.1", port))
            _, reader = await loop.create_connection(
                lambda: Reader(self, _head(self._projects[0])), sock=narrow
            )
            await reader.greeted
            reader.transport.pause_reading()
            self._deaf.append(reader)

    async def disconnect(self) -> None:
        """Close all sockets."""
        for reader in self._readers + self._deaf:
            reader.transport.abort()
        self._readers.clear()
        self._deaf.clear()
        self._histories.clear()
        await asyncio.sleep(0.3)  # the other side notices

    async def text(
        self, per_s: int, seconds: float, *, timed: bool, size: int = TEXT
    ) -> Figures:
        """Publish text on all projects in turn at a rate; return what came of it."""
        started = codec.encode(FileStarted(RUN, 1, PATH))
        self._offsets = dict.fromkeys(self._projects, 0)
        self._bus.publish([(subjects.text(p), started) for p in self._projects])
        await asyncio.sleep(0.2)  # before the clock runs
        self.marks, self.times = 0, [] if timed else None
        cpu, begun = time.process_time(), time.perf_counter()
        sent = 0
        while (passed := time.perf_counter() - begun) < seconds:
            due = int(passed * per_s) - sent
            self._bus.publish(
                [self._piece(sent + number, size) for number in range(min(due, 500))]
            )
            sent += min(due, 500)
            await asyncio.sleep(0.001)
        await self._until(sent * len(self._readers) // len(self._projects))
        times, self.times = sorted(self.times or [0]), None
        return {
            "delivered": self.marks,
            "seconds": time.perf_counter() - begun,
            "load_cpu": time.process_time() - cpu,
            "p50_ms": times[len(times) // 2] / 1e6,
            "p95_ms": times[len(times) * 95 // 100] / 1e6,
            "p99_ms": times[len(times) * 99 // 100] / 1e6,
        }

    async def events(self, seconds: float) -> Figures:
        """Publish events to one project as fast as its clients get them."""
        project, clients = self._projects[0], len(self._readers)
        self.marks = 0
        cpu, begun = time.process_time(), time.perf_counter()
        sent = 0
        while time.perf_counter() - begun < seconds:
            self._bus.publish([self._event(project) for _ in range(WINDOW)])
            sent += WINDOW
            await self._until((sent - WINDOW) * clients)
        await self._until(sent * clients)
        return {
            "delivered": self.marks,
            "seconds": time.perf_counter() - begun,
            "load_cpu": time.process_time() - cpu,
        }

    async def _until(self, marks: int) -> None:
        self.wanted = marks
        self.reached.clear()
        if self.marks < marks:
            async with asyncio.timeout(30):
                await self.reached.wait()

    def _query(self, subject: bytes) -> bytes:
        _, project, verb = subject.decode().split(".")
        head = self._heads.get(UUID(project), 1)
        if verb == "history":
            known = self._histories.get(UUID(project))
            return known or codec.encode(History([], head))
        return codec.encode(ProjectAnswer(_view(UUID(project), head)))

    def _piece(self, number: int, size: int) -> tuple[str, bytes]:
        project = self._projects[number % len(self._projects)]
        offset = self._offsets[project]
        self._offsets[project] = offset + size
        text = f"@{time.monotonic_ns():019d}".ljust(size, ".")
        body = (
            f'{{"type":"file_text","run_id":"{RUN}","attempt":1,"path":"{PATH}",'
            f'"offset":{offset},"text":"{text}"}}'
        )
        return subjects.text(project), body.encode()

    def _event(self, project: UUID) -> tuple[str, bytes]:
        self._heads[project] = seq = self._heads[project] + 1
        content = f"@{time.monotonic_ns():019d}".ljust(TEXT, ".")
        body = (
            f'[{{"id":"{RUN}","project_id":"{project}","seq":{seq},'
            f'"type":"message.posted","at":"2030-01-01T00:00:00Z","data":'
            f'{{"type":"message.posted","message_id":"{RUN}","content":"{content}"}}}}]'
        )
        return subjects.event(0, project), body.encode()


def _constant(answer: Struct) -> Answer:
    body = codec.encode(answer)
    return lambda _: body


def _view(project: UUID, version: int) -> ProjectView:
    return ProjectView(
        id=project,
        owner_id=USER,
        name="bench",
        description="",
        state=RunState.IDLE,
        current_phase=None,
        total_phases=0,
        generated_files=[],
        preview_url=None,
        sandbox_id=None,
        version=version,
    )


def _head(project: UUID, query: str = "") -> bytes:
    lines = (
        f"GET /ws/{project}{query} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Cookie: better-auth.session_token=bench",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


async def main(nats_url: str) -> None:
    """Carry out commands until standard input ends."""
    load = Load(urlsplit(nats_url).port or 4222)
    await load.start()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, arguments = json.loads(line)
        result = await getattr(load, name)(**arguments)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
