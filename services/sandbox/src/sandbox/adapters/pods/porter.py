"""The program in a pod that does there what the service asks for.

It comes into the pod as a text, over the stream on which everything else goes
afterwards (`Bundle`), and ends with that stream: then it ends everything in the pod but
the pod itself, so that files and packages stay for whoever comes next. Commands have
the same keeper as everywhere else; to that keeper, the porter is the service.

Whoever runs in the pod is the same user, and could do what is done here: none of this
keeps an app from anything. The pod does.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import sys
import time
from asyncio import StreamReader, StreamWriter, TaskGroup
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.adapters.files.beneath import Beneath
from sandbox.adapters.keeping import keeper
from sandbox.adapters.keeping.control import Control
from sandbox.adapters.pods.mux import Broken, Channel, Mux, join
from sandbox.ports import Unreachable

LENGTH = struct.Struct("!I")
REQUEST_BYTES = 4_194_304
"""Longest request: a thousand paths, or what a command's environment may hold."""
TERMINATE = b"t"
YES = b"+"
NO = b"-"

_CHUNK = 65_536
_ROUND_S = 0.005
_GIVE_UP_S = 30.0
_QUIET = 2
_FIRST = 1
"""The first process of the pod."""
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36


class Porter:
    """What one stream of the service has started, and the folder of the pod."""

    def __init__(self, root: Path, keeper_text: str, tasks: TaskGroup) -> None:
        self._root = root
        self._keeper_text = keeper_text
        self._tasks = tasks
        self._commands: dict[int, _Kept] = {}
        self._keepers: set[int] = set()
        self._writing = asyncio.Lock()
        self._files = Beneath(root / "app", root / "staging", None)
        self.mux = Mux(first=2, on_open=self._admit)

    def _admit(self, channel: Channel) -> None:
        self._tasks.create_task(self._serve(channel))

    async def _serve(self, channel: Channel) -> None:
        try:
            request = await receive(channel)
            await getattr(self, f"_do_{request['do']}")(channel, request)
            channel.end()
        except Broken:
            pass
        except OSError as exc:
            with suppress(Broken):
                await answer(channel, {"error": exc.strerror or "unknown error"})
                # Whoever asked hears it when all that belongs to the request is sent.
                while await channel.read():
                    pass
            channel.end()

    # --- files ------------------------------------------------------------------------

    async def _do_make(self, channel: Channel, request: Mapping[str, Any]) -> None:
        self._make()
        if request["certificates"]:
            bundle = self._root / "certificates.pem"
            bundle.write_text(request["certificates"], encoding="utf-8")
        await answer(channel, {})

    def _make(self) -> None:
        """Make the folders that are not there; the app could have removed them."""
        for name in ("app", "home", "cache", "staging"):
            (self._root / name).mkdir(mode=0o700, exist_ok=True)

    async def _do_apply(self, channel: Channel, request: Mapping[str, Any]) -> None:
        async with self._writing:
            self._make()
            for path in request["deletes"]:
                self._files.delete(path)
            for path, size in request["writes"]:
                content = await channel.read_exactly(size)
                try:
                    self._files.write(path, content)
                except OSError as exc:
                    raise OSError(exc.errno, f"{path}: {exc.strerror}") from exc
            await self._empty_staging()
        await answer(channel, {})

    async def _do_lacks(self, channel: Channel, request: Mapping[str, Any]) -> None:
        lacks = [path for path in request["paths"] if not self._files.is_file(path)]
        await answer(channel, {"paths": lacks})

    async def _do_read(self, channel: Channel, request: Mapping[str, Any]) -> None:
        for path in request["paths"]:
            content = self._files.read(path, request["max_bytes"])
            await answer(channel, {"size": None if content is None else len(content)})
            await channel.write(content or b"")

    async def _do_folder(self, channel: Channel, request: Mapping[str, Any]) -> None:
        is_there = self._files.is_folder(request["name"])
        await answer(channel, {"is_there": is_there})

    async def _empty_staging(self) -> None:
        entries = [str(entry) for entry in (self._root / "staging").iterdir()]
        if entries:
            words = ("rm", "-rf", "--", *entries)
            await (await asyncio.create_subprocess_exec(*words)).wait()

    # --- commands ---------------------------------------------------------------------

    async def _do_run(self, channel: Channel, request: Mapping[str, Any]) -> None:
        before = keeper.out_of_memory()
        kept = await self._start(request["mark"])
        self._commands[channel.number] = kept
        asking = self._tasks.create_task(_wishes(channel, kept.control))
        followers = [asking]
        try:
            with suppress(OSError):  # it has ended before it listened: its code says so
                await kept.control.run(request["spec"])
                listener = None
                if request["spec"]["egress"]:
                    listener = await kept.control.way_out()
                if isinstance(listener, socket.socket):
                    serving = self._let_out(channel.number, listener)
                    followers.append(self._tasks.create_task(serving))
            await answer(channel, {})
            code = await kept.process.wait()
            self._keepers.discard(kept.process.pid)
            if code < 0:  # it was killed, and could not clean up
                await self._end_strays()
            kills = keeper.out_of_memory() - before
            await answer(channel, {"code": code, "out_of_memory": kills > 0})
            await asking  # until all that it printed has been taken
        finally:
            kept.control.close()
            self._keepers.discard(kept.process.pid)
            self._commands.pop(channel.number, None)
            for one in followers:
                one.cancel()

    async def _start(self, mark: str) -> "_Kept":
        ours, theirs = socket.socketpair()
        handle = theirs.fileno()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", self._keeper_text),
                *(str(handle), mark),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                pass_fds=(handle,),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._keepers.add(process.pid)
        return _Kept(process, Control(ours))

    async def _do_output(self, channel: Channel, request: Mapping[str, Any]) -> None:
        kept = self._commands.get(request["of"])
        if kept is None:  # whoever wanted it has let go of it meanwhile
            return
        process = kept.process
        reader = process.stdout if request["stream"] == "stdout" else process.stderr
        while reader is not None and (data := await reader.read(_CHUNK)):
            await channel.write(data)

    async def _do_connect(self, channel: Channel, request: Mapping[str, Any]) -> None:
        try:
            connection = await self._commands[request["of"]].control.connect()
        except (Unreachable, KeyError):
            await channel.write(NO)
            return
        await channel.write(YES)
        reader, writer = await asyncio.open_connection(sock=connection)
        await join(channel, reader, writer)

    async def _let_out(self, number: int, listener: socket.socket) -> None:
        async def admit(reader: StreamReader, writer: StreamWriter) -> None:
            with suppress(Broken):
                channel = self.mux.open()
                await answer(channel, {"of": number})
                await join(channel, reader, writer)
            writer.transport.abort()

        async with await asyncio.start_server(admit, sock=listener) as server:
            await server.serve_forever()

    async def _end_strays(self) -> None:
        """End what a killed keeper has left: all that no living keeper has started.

        A look at all processes is not a moment: only when two in a row find nobody is
        there nobody.
        """
        deadline = time.monotonic() + _GIVE_UP_S
        quiet = 0
        while quiet < _QUIET and time.monotonic() < deadline:
            strays = self._strays()
            for pid in strays:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            quiet = 0 if strays else quiet + 1
            await asyncio.sleep(_ROUND_S)

    def _strays(self) -> set[int]:
        kept = {_FIRST, os.getpid(), *self._keepers}
        for pid in self._keepers:
            kept |= keeper.descendants(pid)
        numbers = (entry.name for entry in os.scandir("/proc") if entry.name.isdigit())
        living = {int(one) for one in numbers if keeper.parent_of(one) is not None}
        return living - kept


class _Kept:
    """One command's keeper, and our end of the socket to it."""

    def __init__(self, process: asyncio.subprocess.Process, control: Control) -> None:
        self.process = process
        self.control = control


async def _wishes(channel: Channel, control: Control) -> None:
    """Do what is asked about a command; it ends at once when nobody can ask."""
    with suppress(Broken):
        while await channel.read(len(TERMINATE)):
            control.terminate()
    control.close()


async def answer(channel: Channel, message: Mapping[str, Any]) -> None:
    """Send *message*."""
    text = json.dumps(message).encode()
    await channel.write(LENGTH.pack(len(text)) + text)


async def receive(channel: Channel) -> dict[str, Any]:
    """Return the next message.

    Raises:
        Broken: What came is none.

    """
    (length,) = LENGTH.unpack(await channel.read_exactly(LENGTH.size))
    if length > REQUEST_BYTES:
        raise Broken("a message is too long")
    try:
        message = json.loads(await channel.read_exactly(length))
    except (ValueError, RecursionError) as exc:
        raise Broken("this is no message") from exc
    if not isinstance(message, dict):
        raise Broken("this is no message")
    return message


async def _work(root: Path, keeper_text: str) -> None:
    loop = asyncio.get_running_loop()
    reader = StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0)
    )
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop),
        os.fdopen(1, "wb", buffering=0),
    )
    writer = StreamWriter(transport, protocol, None, loop)

    async def write(frame: bytes) -> None:
        writer.write(frame)
        await writer.drain()

    async with TaskGroup() as tasks:
        porter = Porter(root, keeper_text, tasks)
        tasks.create_task(porter.mux.write_to(write))
        while data := await reader.read(_CHUNK):
            porter.mux.feed(data)
        raise Broken("the service is gone")


def _end_everything() -> None:
    """End every process of the pod but the first and this one."""
    with suppress(OSError):
        os.kill(-1, signal.SIGKILL)


def main(root: str, texts: Mapping[str, str]) -> None:
    """Work until the stream on standard input and output ends; never returns."""
    keeper.prctl(_PR_SET_DUMPABLE, 0)
    keeper.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _end_everything()  # what another one has left that was here before
    with suppress(BaseExceptionGroup, OSError):
        asyncio.run(_work(Path(root), texts[keeper.__name__]))
    _end_everything()
    os._exit(0)
