"""A fake language model over real HTTP and SSE, which says what it was asked.

It answers from scripts, byte by byte if need be, or by itself from an app whose files
it knows: then it reads the agent's prompts and writes exactly the files asked for.
"""

import asyncio
import itertools
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from scof import serialize

PIECE_CHARS = 7
MODEL = "fake/model"


class Reset:
    """A step of a script: end the connection as a crash would."""


Step: TypeAlias = bytes | float | asyncio.Event | Reset
"""Send bytes; wait so many seconds; wait for an event; break the connection."""
Script: TypeAlias = Sequence[Step]


# --- what is sent -----------------------------------------------------------------


def head(
    status: str = "200 OK", kind: str = "text/event-stream", **headers: str
) -> bytes:
    """Return the head of an answer whose body ends with the connection."""
    fields = {"Content-Type": kind, "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {fields[name]}" for name in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def event(data: object) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def delta(content: str, finish_reason: str | None = None) -> bytes:
    """Return the event that carries *content*."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return event({"id": "gen-1", "model": MODEL, "choices": [choice]})


def ending(finish_reason: str = "stop") -> bytes:
    """Return what follows the last text: the reason, the usage, the end."""
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "cost": 0.001}
    return (
        delta("", finish_reason)
        + event({"choices": [], "usage": usage})
        + b"data: [DONE]\n\n"
    )


def streamed(text: str, finish_reason: str = "stop") -> Script:
    """Return the script of an ordinary streamed answer."""
    return [head(), *map(delta, pieces(text)), ending(finish_reason)]


def whole(content: str, finish_reason: str = "stop") -> Script:
    """Return the script of an ordinary answer that is not streamed."""
    choice = {"message": {"content": content}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 50, "completion_tokens": 10, "cost": 0.0005}
    body = {"id": "gen-0", "model": MODEL, "choices": [choice], "usage": usage}
    return [head(kind="application/json"), json.dumps(body).encode()]


def refusal(status: str, message: str, **headers: str) -> Script:
    """Return the script of an error before the first byte."""
    body = {"error": {"code": int(status.split(maxsplit=1)[0]), "message": message}}
    return [
        head(status, "application/json", **headers),
        json.dumps(body).encode(),
    ]


def pieces(text: str) -> Iterator[str]:
    """Cut *text* into pieces, about as tokens are."""
    for start in range(0, len(text), PIECE_CHARS):
        yield text[start : start + PIECE_CHARS]


# --- what was asked ---------------------------------------------------------------


@dataclass(eq=False)
class Asked:
    """One request and what became of its connection."""

    body: dict[str, Any]
    headers: Mapping[str, str]
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """The agent has closed the connection."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing more is sent."""

    @property
    def texts(self) -> list[str]:
        """The messages of the user."""
        messages = self.body["messages"]
        return [_text(one["content"]) for one in messages if one["role"] == "user"]

    @property
    def app(self) -> str:
        """The description of the app."""
        return self.texts[0].removeprefix("# App\n").partition("\n\n# Request\n")[0]

    @property
    def is_design(self) -> bool:
        """Whether the next phase is asked for."""
        return "response_format" in self.body

    @property
    def phases(self) -> int:
        """How many phases the run has had."""
        section = self.texts[0].rpartition("# Phases of this run\n")[2]
        return len(re.findall(r"^\d+\. ", section, re.MULTILINE))

    @property
    def paths(self) -> list[str]:
        """The files that are asked for."""
        section = self.texts[-1].partition("# Write these files\n")[2]
        lines = itertools.takewhile(lambda line: line[:2] == "- ", section.split("\n"))
        return [line[2:].partition(": ")[0] for line in lines]


def _text(content: str | list[dict[str, Any]]) -> str:
    """Return the text of a message, which may have pictures beside it."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


# --- an app that the model knows --------------------------------------------------


@dataclass
class FakePhase:
    """A phase and the files that it writes."""

    name: str
    files: Mapping[str, str]


@dataclass
class FakeApp:
    """Answers by itself: phase after phase, and whatever files are asked for."""

    phases: Sequence[FakePhase]
    each_is_last: bool = False
    """Every phase says that nothing is left to do after it."""
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    """Paths in whose middle the stream stands still, once, until the event."""

    def answer(self, asked: Asked) -> Script:
        """Return the script that answers *asked*."""
        return self._design(asked) if asked.is_design else self._implement(asked)

    def _design(self, asked: Asked) -> Script:
        index = min(asked.phases, len(self.phases) - 1)
        phase = self.phases[index]
        files = [{"path": path, "purpose": f"holds {path}"} for path in phase.files]
        plan = {
            "name": phase.name,
            "description": f"What {phase.name} does.",
            "files": files,
            "isLastPhase": self.each_is_last or index == len(self.phases) - 1,
        }
        return whole(json.dumps(plan))

    def _implement(self, asked: Asked) -> Script:
        # A file that several phases write is written as the phase under way has it.
        upto = min(asked.phases, len(self.phases) - 1) + 1
        phases = [*self.phases[upto:], *self.phases[:upto]]
        known = {path: text for one in phases for path, text in one.files.items()}
        steps: list[Step] = [head(), b": OPENROUTER PROCESSING\n\n"]
        for path in asked.paths:
            block = serialize({path: known[path]})
            hold = self.holds.pop(path, None)
            if hold is None:
                steps += map(delta, pieces(block))
                continue
            middle = len(block) // 2
            steps += [*map(delta, pieces(block[:middle])), hold]
            steps += map(delta, pieces(block[middle:]))
        return [*steps, ending()]


# --- the server -------------------------------------------------------------------


class ModelServer:
    """Made by `model_server`; scripts are used up first, then the app answers."""

    def __init__(self, app: FakeApp | None) -> None:
        self.app = app
        self.scripts: deque[Script] = deque()
        self.scripts_of: dict[str, deque[Script]] = {}
        """By the description of an app: used up before the others."""
        self.asked: list[Asked] = []
        self.models: list[dict[str, Any]] = []
        """What ``GET /models`` lists."""
        self._arrived = asyncio.Condition()
        self._connections: list[asyncio.StreamWriter] = []
        self._gone = asyncio.Event()
        self.url = ""

    @property
    def environment(self) -> dict[str, str]:
        """Settings of an installation whose model this is."""
        return {
            "OPENROUTER_BASE_URL": self.url,
            "OPENROUTER_API_KEY": "of-a-fake",
            "OPENROUTER_MODEL": MODEL,
        }

    def designs(self) -> list[Asked]:
        """Requests for a phase, in order."""
        return [asked for asked in self.asked if asked.is_design]

    def implements(self) -> list[Asked]:
        """Requests for files, in order."""
        return [asked for asked in self.asked if not asked.is_design]

    async def request_number(self, number: int) -> Asked:
        """Return the request of this number, from 1, when it has arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.asked) >= number)
            return self.asked[number - 1]

    async def handle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection, which has one request."""
        self._connections.append(writer)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._connections.remove(writer)
            self._gone.set()

    async def hang_up(self) -> None:
        """End every connection, also those that still wait for something."""
        for asked in self.asked:
            asked.hung_up.set()
        while self._connections:
            for writer in self._connections:
                writer.transport.abort()
            self._gone.clear()
            await self._gone.wait()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            asked = await _read(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if asked is None:
            await _list(self.models, writer)
            return
        async with self._arrived:
            self.asked.append(asked)
            self._arrived.notify_all()
        watch = asyncio.create_task(_watch(reader, asked))
        try:
            script = self._script_for(asked)
            await _play(script, writer, asked)
        except (ConnectionError, _HungUp):
            asked.hung_up.set()
        finally:
            watch.cancel()
            asked.over.set()

    def _script_for(self, asked: Asked) -> Script:
        if own := self.scripts_of.get(asked.app):
            return own.popleft()
        if self.scripts:
            return self.scripts.popleft()
        if self.app is None:
            return refusal("400 Bad Request", "Nothing is left in the script.")
        return self.app.answer(asked)


@asynccontextmanager
async def model_server(app: FakeApp | None = None) -> AsyncIterator[ModelServer]:
    """Run a server on a free port of 127.0.0.1."""
    fake = ModelServer(app)
    server = await asyncio.start_server(fake.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fake.url = f"http://127.0.0.1:{port}/api/v1"
    try:
        yield fake
    finally:
        server.close()
        await fake.hang_up()
        await server.wait_closed()


class _HungUp(Exception):
    """The agent has closed the connection."""


async def _list(models: list[dict[str, Any]], writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        writer.write(
            head(kind="application/json") + json.dumps({"data": models}).encode()
        )
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """Return what is asked of the model; None where its like are to be listed."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    if lines[0].startswith("GET "):
        return None
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:] if line)
    }
    body = await reader.readexactly(int(headers["content-length"]))
    return Asked(json.loads(body), headers)


async def _watch(reader: asyncio.StreamReader, asked: Asked) -> None:
    with suppress(ConnectionError):
        await reader.read()
    asked.hung_up.set()


async def _play(script: Script, writer: asyncio.StreamWriter, asked: Asked) -> None:
    for step in script:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
                await asyncio.sleep(0)
            case Reset():
                writer.transport.abort()
                return
            case asyncio.Event():
                await _wait_for_either(step, asked.hung_up)
            case _:
                with suppress(TimeoutError):
                    await asyncio.wait_for(asked.hung_up.wait(), step)
        if asked.hung_up.is_set():
            raise _HungUp


async def _wait_for_either(first: asyncio.Event, second: asyncio.Event) -> None:
    waits = [asyncio.create_task(one.wait()) for one in (first, second)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
