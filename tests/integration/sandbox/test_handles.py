"""A keeper from whose network no handle gets out, as in a kernel of its own.

A real keeper, told by its own Python what such a kernel tells it. With such a kernel it
is tried in tests/chaos/sandbox/test_gvisor.py.
"""

import asyncio
import os
import socket
import sys
from asyncio import StreamReader, StreamWriter, TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from sandbox.adapters.keeping.control import Asked, Control
from sandbox.adapters.keeping.keeper import Spec
from sandbox.adapters.keeping.launch import KEEPER
from sandbox.adapters.keeping.lending import lend
from sandbox.ports import Unreachable
from standalone.ports import free_port
from tests.support.polling import until

_KEEPER = """
import runpy, socket, sys
def refuse(*_): raise OSError(22, "Invalid argument")
socket.send_fds = refuse
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# Sends back what comes, once it is all there: the end of one direction has to arrive.
_SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        client, _ = server.accept()
        data = b""
        while piece := client.recv(65536): data += piece
        client.sendall(data[::-1])
        client.close()
"""
_CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as client:
    client.sendall(b"hello"); client.shutdown(socket.SHUT_WR)
    sys.exit(0 if client.recv(100) == b"HELLO" else 1)
"""


@asynccontextmanager
async def kept(
    script: str, *, port: int = 0, egress: int = 0
) -> AsyncIterator[tuple[Control, asyncio.subprocess.Process]]:
    """Lend a keeper that has begun to run *script*."""
    spec = Spec(
        argv=[sys.executable, "-c", script, str(port or egress)],
        env={},
        cwd="/",
        uid=None,
        drop=False,
        port=port,
        egress=egress,
        limits=[],
        tree=True,
        grace_s=1.0,
    )
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _KEEPER, str(KEEPER), str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
        )
    with closing(Control(ours)) as control:
        await control.run(spec)
        yield control, process
    await process.wait()


async def reached(control: Control) -> bool:
    try:
        (await control.connect()).close()
    except Unreachable:
        return False
    return True


async def test_a_server_is_reached_over_a_socket_that_is_sent_in() -> None:
    async with kept(_SERVER, port=free_port()) as (control, _):
        await until(lambda: reached(control), "the server listens")
        sent = os.urandom(1_000_000)
        reader, writer = await asyncio.open_connection(sock=await control.connect())
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == sent[::-1]
        writer.close()


async def test_nobody_is_reached_where_nobody_listens() -> None:
    async with kept("input()", port=free_port()) as (control, _):
        with pytest.raises(Unreachable):
            await control.connect()


async def test_a_way_out_is_lent_to_each_connection() -> None:
    class Shouting:
        async def admit(self, reader: StreamReader, writer: StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.close()

    async with kept(_CLIENT, egress=free_port()) as (control, process):
        asked = await control.way_out()
        assert isinstance(asked, Asked)
        ended = asyncio.Event()
        async with TaskGroup() as tasks:
            tasks.create_task(lend(asked.channel, Shouting(), ended))
            assert await process.wait() == 0
            ended.set()
