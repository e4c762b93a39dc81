"""What tracing costs: the same commands with and without, in random order.

A command goes the whole way: from the gateway's adapter through a real NATS to the
agent's door, into Postgres and back. Processor time of this process counts; sending the
spans is measured apart and shared out. Whoever receives them is a process of its own.
Every round gives a ratio of its own; their median is told, with the least and the most.
Nothing is left out of a round: the slowest commands are those that were traced.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from statistics import fmean, median
from uuid import uuid4

import uvloop

from agent.adapters.ledger import PostgresLedger
from agent.adapters.openrouter import open_model
from agent.application.commands import Commands
from agent.application.limits import HouseLimits
from agent.application.models import ModelList
from agent.application.queries import Queries
from agent.domain.project import PROJECT
from agent.domain.state import FOLD, Project
from agent.entrypoints.bus import Buses, serving
from agent.entrypoints.shares import Share
from chassis import logs, tracing
from chassis.collector import Collector
from contracts import codec
from contracts.project import CreateProject, UpdateProject
from contracts.requests import SpendLimits
from eventcore.adapters.database import create_pool
from eventcore.adapters.nats import open_bus
from eventcore.adapters.postgres import open_store
from eventcore.execute import Executor, StateCodec
from gateway_ws.adapters.services import BusProjects
from tests.support.servers import NatsServer, PostgresServer, server_folder

ROUNDS = 9
COMMANDS = 300
"""Of each side in a round, one after the other: what is done together varies."""
WARM_UP = 100
SHARES = ("off", "0", "0.1", "1")

# Takes whatever comes.
SINK = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Sink(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
print(server.server_port, flush=True)
server.serve_forever()
"""


def main() -> None:
    """Print what each share of traces costs beside none at all."""
    logs.configure("bench", "ERROR")
    with server_folder() as folder, PostgresServer(folder) as postgres:
        postgres.make_template()
        with postgres.database() as dsn, NatsServer(folder) as nats, _sink() as url:
            os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
            took_us, sending_us = uvloop.run(_measured(dsn, nats.url))
    off = took_us["off"]
    print(f"a command without traces: {median(off):.0f} µs")
    for share in SHARES[1:]:
        more = sorted(
            100 * (took + sending_us[share] - plain) / plain
            for took, plain in zip(took_us[share], off, strict=True)
        )
        print(
            f"share {share:>4} of traces: {median(more):+5.1f} % "
            f"({more[0]:+.1f} to {more[-1]:+.1f} in {ROUNDS} rounds, "
            f"{sending_us[share]:.1f} µs of it to send)"
        )


@contextmanager
def _sink() -> Iterator[str]:
    command = [sys.executable, "-c", SINK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


async def _measured(
    dsn: str, nats_url: str
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return what a command takes in each round, and sending its spans, by share."""
    collectors = {share: _collector(share) for share in SHARES}
    took: dict[str, list[float]] = {share: [] for share in SHARES}
    async with _projects(dsn, nats_url) as projects:
        ids = uuid4(), uuid4()
        await projects.command(*ids, CreateProject("Bench", ""))
        for number in range(WARM_UP + ROUNDS * COMMANDS):
            for share in random.sample(SHARES, len(SHARES)):
                command = UpdateProject(name=f"Bench {number}")
                tracing._process.collector = collectors[share]  # noqa: SLF001 - to switch
                begun = time.process_time()
                await projects.command(*ids, command)
                if number >= WARM_UP:
                    took[share].append(time.process_time() - begun)
    rounds = range(0, ROUNDS * COMMANDS, COMMANDS)
    means = {
        share: [1e6 * fmean(took[share][begin : begin + COMMANDS]) for begin in rounds]
        for share in SHARES
    }
    commands = WARM_UP + ROUNDS * COMMANDS
    sent = {share: 1e6 * _flush_s(collectors[share]) / commands for share in SHARES}
    return means, sent


def _collector(share: str) -> Collector | None:
    if share == "off":
        return None
    # Nothing is sent before the end, so that it can be measured.
    os.environ |= {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    os.environ |= {"OTEL_BSP_MAX_QUEUE_SIZE": "100000"}
    os.environ |= {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100000"}
    return Collector("bench", float(share))


def _flush_s(collector: Collector | None) -> float:
    begun = time.process_time()
    if collector is not None:
        collector.shutdown()
    return time.process_time() - begun


@asynccontextmanager
async def _projects(dsn: str, nats_url: str) -> AsyncIterator[BusProjects]:
    """Lend the gateway's way to an agent that answers."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(nats_url))
        asking = await stack.enter_async_context(open_bus(nats_url))
        store = await stack.enter_async_context(
            open_store(dsn, shards=1, committed=lambda _: None)
        )
        model = await stack.enter_async_context(open_model("http://127.0.0.1:9", None))
        pool = await create_pool(dsn, 1)
        stack.push_async_callback(pool.close)
        executor = Executor(
            store,
            PROJECT,
            codec.decode_stored,
            snapshots=store,
            states=StateCodec(Project, fold=FOLD),
            hot_states=64,
        )
        doors = serving(
            Buses(own=bus, outside=bus),
            Commands(executor, bus),
            Queries(executor, store),
            ModelList(model.catalog, ("m",), ("m",)),
            HouseLimits(PostgresLedger(pool, 300.0), SpendLimits()),
            Share(per_s=1.0, burst=1, at_once=1, waiting=0),
        )
        await stack.enter_async_context(doors)
        yield BusProjects(asking)


if __name__ == "__main__":
    main()
