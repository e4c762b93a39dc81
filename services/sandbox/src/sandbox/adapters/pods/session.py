"""A connection to the porter in one pod.

What comes from there may come from an app: it is bounded, and whatever is not as it
should be ends the connection, and with it everything that runs in the pod.
"""

import asyncio
import json
import socket
from asyncio import TaskGroup
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from chassis import logs
from sandbox.adapters.files import beneath
from sandbox.adapters.keeping import control, keeper
from sandbox.adapters.keeping.kept import WayOut
from sandbox.adapters.pods import mux, porter
from sandbox.adapters.pods.body import ROOT
from sandbox.adapters.pods.cluster import (
    Cluster,
    ClusterFailed,
    Missing,
    Pod,
    Program,
)
from sandbox.adapters.pods.mux import Broken, Channel, Mux, join
from sandbox.adapters.pods.porter import answer, receive
from sandbox.ports import Unreachable

_log = logs.get(__name__)

_ASK_S = 60.0
_CONNECT_S = 5.0
_WAYS_OUT = 64
"""Connections of installs at a time, all commands of a pod together."""

# What the texts of a `Bundle` are read by: as many bytes as its argument says.
_READER = """
import json, os, sys, types
left, text = int(sys.argv[1]), b""
while len(text) < left:
    piece = os.read(0, left - len(text))
    if not piece: sys.exit(1)
    text += piece
texts = json.loads(text)
for name, text in texts.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main(sys.argv[2], texts)
"""
# All that `control` needs of it; the rest of that module is about types.
_PORTS = "class Unreachable(ConnectionError):\n    pass\n"


class Started(NamedTuple):
    """The channels of a command."""

    life: Channel
    """Its end comes from there, and wishes for its end go there."""
    stdout: Channel
    stderr: Channel


class Session:
    """What one connection has opened in a pod."""

    def __init__(self, pod: Pod, tasks: TaskGroup) -> None:
        self.pod = pod
        self.ended = False
        self.is_missing = False
        """Whether the pod was gone before it could be spoken to."""
        self._tasks = tasks
        self._mux = Mux(first=1, on_open=self._admit)
        self._ways_out: dict[int, WayOut] = {}
        self._open = 0
        self._conversation: asyncio.Task[None] | None = None

    async def converse(self, cluster: Cluster, began: asyncio.Event) -> None:
        """Keep the connection until it ends, after *began* is set."""
        self._conversation = asyncio.current_task()
        try:
            words = ("python3", "-I", "-S", "-c", _READER, str(len(_BUNDLE)), ROOT)
            async with cluster.program(self.pod.name, words) as program:
                await program.write(_BUNDLE)
                async with TaskGroup() as tasks:
                    tasks.create_task(self._mux.write_to(program.write))
                    began.set()
                    await self._listen(program)
        except* (ClusterFailed, Broken) as group:
            self.is_missing = group.subgroup(Missing) is not None
            reasons = [str(exc) for exc in group.exceptions]
            _log.info("a connection to a pod has ended", pod=self.pod.name, why=reasons)
        finally:
            self._conversation = None
            self.close()
            began.set()

    async def _listen(self, program: Program) -> None:
        while data := await program.read():
            self._mux.feed(data)
        raise Broken("the porter has ended")

    def close(self) -> None:
        """End the connection, and break everything off that goes over it."""
        self.ended = True
        self._mux.close()
        if self._conversation is not None:
            self._conversation.cancel()

    # --- files ------------------------------------------------------------------------

    async def ask(
        self, request: Mapping[str, Any], contents: Sequence[bytes] = ()
    ) -> dict[str, Any]:
        """Return the answer to a request that is followed by *contents*.

        Raises:
            Broken: The connection has ended.
            OSError: It cannot be done; this says why.

        """
        channel = self._mux.open()
        try:
            async with asyncio.timeout(_ASK_S):
                await answer(channel, request)
                for content in contents:
                    await channel.write(content)
                return _checked(await receive(channel))
        except TimeoutError as exc:
            raise Broken("the porter does not answer") from exc
        finally:
            channel.reset()

    async def read(self, paths: Sequence[str], max_bytes: int) -> dict[str, bytes]:
        """Return the contents of the regular files of at most *max_bytes* each.

        Raises:
            Broken: The connection has ended.

        """
        channel = self._mux.open()
        found = {}
        try:
            async with asyncio.timeout(_ASK_S):
                await answer(
                    channel,
                    {"do": "read", "paths": list(paths), "max_bytes": max_bytes},
                )
                for path in paths:
                    size = (await receive(channel)).get("size")
                    if size is None:
                        continue
                    if not isinstance(size, int) or not 0 <= size <= max_bytes:
                        raise Broken("a file is larger than was asked for")
                    found[path] = await channel.read_exactly(size)
        except TimeoutError as exc:
            raise Broken("the porter does not answer") from exc
        finally:
            channel.reset()
        return found

    # --- commands ---------------------------------------------------------------------

    async def run(
        self, spec: Mapping[str, Any], mark: str, out: WayOut | None
    ) -> Started:
        """Start a command.

        Raises:
            Broken: The connection has ended.
            OSError: It could not be started.

        """
        life = self._mux.open()
        try:
            if out is not None:
                self._ways_out[life.number] = out
            async with asyncio.timeout(_ASK_S):
                await answer(life, {"do": "run", "spec": spec, "mark": mark})
                _checked(await receive(life))
                outputs = [
                    await self._opened(
                        {"do": "output", "of": life.number, "stream": one}
                    )
                    for one in ("stdout", "stderr")
                ]
        except BaseException as exc:
            self.forget(life)
            if isinstance(exc, TimeoutError):
                raise Broken("the porter does not answer") from exc
            raise
        return Started(life, *outputs)

    def forget(self, life: Channel) -> None:
        """End a command if it runs, and let go of it."""
        self._ways_out.pop(life.number, None)
        life.reset()

    async def connect(self, life: Channel) -> socket.socket:
        """Return a connection to the app, which does not block.

        Raises:
            Unreachable: Nobody listens.

        """
        channel = None
        try:
            async with asyncio.timeout(_CONNECT_S):
                channel = await self._opened({"do": "connect", "of": life.number})
                listens = await channel.read_exactly(1) == porter.YES
        except BaseException as exc:
            if channel is not None:
                channel.reset()
            if isinstance(exc, (Broken, TimeoutError)):
                raise Unreachable("the pod does not answer") from exc
            raise
        if not listens:
            channel.reset()
            raise Unreachable("the app does not listen")
        ours, theirs = socket.socketpair()
        theirs.settimeout(0)
        self._tasks.create_task(_join(channel, ours))
        return theirs

    async def _opened(self, request: Mapping[str, Any]) -> Channel:
        channel = self._mux.open()
        try:
            await answer(channel, request)
        except BaseException:
            channel.reset()
            raise
        return channel

    def _admit(self, channel: Channel) -> None:
        self._tasks.create_task(self._let_out(channel))

    async def _let_out(self, channel: Channel) -> None:
        """Serve a connection that an install has made."""
        self._open += 1
        try:
            async with asyncio.timeout(_CONNECT_S):
                number = (await receive(channel)).get("of")
            out = self._ways_out.get(number) if isinstance(number, int) else None
            if out is not None and self._open <= _WAYS_OUT:
                await _lead(channel, out)
        except (Broken, TimeoutError):
            pass
        finally:
            channel.reset()
            self._open -= 1


async def _lead(channel: Channel, out: WayOut) -> None:
    ours, theirs = socket.socketpair()
    async with TaskGroup() as both:
        both.create_task(_join(channel, ours))
        reader, writer = await asyncio.open_connection(sock=theirs)
        both.create_task(out.admit(reader, writer))


async def _join(channel: Channel, connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    await join(channel, reader, writer)


def _checked(reply: dict[str, Any]) -> dict[str, Any]:
    if "error" in reply:
        raise OSError(str(reply["error"])[:500])
    return reply


def _bundle(*modules: ModuleType) -> bytes:
    """Return the texts of what runs in a pod, those first that others import."""
    texts = {"sandbox.ports": _PORTS}
    for module in modules:
        parts = module.__name__.split(".")
        for count in range(1, len(parts)):
            texts.setdefault(".".join(parts[:count]), "")
        texts[module.__name__] = Path(module.__file__ or "").read_text(encoding="utf-8")
    return json.dumps(texts).encode()


_BUNDLE = _bundle(keeper, control, beneath, mux, porter)
