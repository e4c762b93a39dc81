"""What the way through an API server costs: containers against pods, side by side.

The same app in the same engine; the pod's bytes go through one stream of a cluster of
the tests' own, so what a real API server and its node add comes on top.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable

import pytest

from sandbox.ports import Process
from tests.contract.runtimes import DOCKER, PODS, Bench, bench

ROUNDS = 60
LARGE_ROUNDS = 5
APP = """
const large = Buffer.alloc(20e6, 65);
require('http')
  .createServer((q, answer) => answer.end(q.url === '/l' ? large : 'small'))
  .listen(process.env.PORT, process.env.HOST);
"""


async def _get(process: Process, path: str) -> None:
    reader, writer = await asyncio.open_connection(sock=await process.connect())
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    while await reader.read(1 << 20):
        pass
    writer.close()


async def _timed(step: Awaitable[object]) -> float:
    started = time.perf_counter()
    await step
    return (time.perf_counter() - started) * 1000


async def _compare(docker: Bench, pods: Bench) -> None:
    first = {DOCKER: 0.0, PODS: 0.0}
    servers: dict[str, Process] = {}
    for kind, lent in ((DOCKER, docker), (PODS, pods)):
        starting = asyncio.ensure_future(lent.serve(APP))
        first[kind] = await _timed(starting)
        servers[kind] = starting.result()
    _row("files written, started and answering, ms", first)
    for name, path, rounds in (
        ("a small answer, ms", "/s", ROUNDS),
        ("an answer of 20 MB, ms", "/l", LARGE_ROUNDS),
    ):
        taken: dict[str, list[float]] = {DOCKER: [], PODS: []}
        for _ in range(rounds):
            for kind, process in servers.items():
                taken[kind].append(await _timed(_get(process, path)))
        _row(name, {kind: statistics.median(all_) for kind, all_ in taken.items()})


def _row(name: str, found: dict[str, float]) -> None:
    ratio = found[PODS] / found[DOCKER]
    numbers = "".join(f"{value:12.1f}" for value in found.values())
    sys.stdout.write(f"{name:42}{numbers}{ratio:8.1f}\n")


async def _run() -> None:
    sys.stdout.write(f"{'':42}{DOCKER:>12}{PODS:>12}{'ratio':>8}\n")
    async with bench(DOCKER, os.environ) as docker, bench(PODS, os.environ) as pods:
        await _compare(docker, pods)


def main() -> None:
    """Print the table; say why where there is no engine."""
    try:
        asyncio.run(_run())
    except pytest.skip.Exception as exc:
        sys.stdout.write(f"not measured: {exc}\n")
