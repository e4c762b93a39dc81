"""The WebSocket gateway beside one on Node's `ws`, doing the same work in the same run.

Both stand between the same nats-server and the same clients, one after the other in
each round, in random order. Figures are medians over the rounds; the last column is the
median of the rounds' ratios, above 1 where ours is better. CPU is the gateway's own, so
that what else runs on the machine matters little.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from typing_extensions import override

from standalone.ports import free_port
from standalone.program import Program
from tests.support.npm import NODE, installed
from tests.support.servers import NatsServer, Server

ROUNDS = 3
SECONDS = 3.0
SOCKETS = 1000
MISSED = 20
DEAF = 200
READERS = 20
AT_ONCE = 50
HERE = Path(__file__).parent
ESTABLISHED = "01"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Gateway(Server):
    """A gateway as a process."""

    def __init__(
        self, name: str, argv: tuple[str, ...], folder: Path, nats_url: str
    ) -> None:
        self.port = free_port()
        program = Program(
            name=name,
            argv=argv,
            env={
                **os.environ,
                "NATS_URL": nats_url,
                "HTTP_PORT": str(self.port),
                "LOG_LEVEL": "WARNING",
                "SOCKETS_PER_USER": "100000",
                "SOCKETS_PER_ADDRESS": "100000",
            },
        )
        super().__init__(program, folder)

    @override
    def is_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/ready"
            return httpx.get(url, timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def memory_kb(self) -> int:
        """Return what it holds, and the kernel for what it has written."""
        return self.rss_kb() + _unsent_bytes(self.port) // 1024

    def rss_kb(self) -> int:
        """Return the memory that it holds."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no memory")


def _unsent_bytes(port: int) -> int:
    """Return what waits in the kernel on the connections of a server."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = (row.split() for row in rows)
    return sum(
        int(words[4].partition(":")[0], 16)
        for words in fields
        if int(words[1].partition(":")[2], 16) == port and words[3] == ESTABLISHED
    )


class Load:
    """The load client, in a process of its own; see `bench_gateway_load`."""

    def __init__(self, nats_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bench_gateway_load", nats_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """Carry out a command; return what it answers."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([command, arguments]) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)


@dataclass
class Row:
    """One line of the table; *lower* says that less is better."""

    name: str
    unit: str
    lower: bool = False
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        pairs = zip(self.ours, self.theirs, strict=True)
        return statistics.median(
            node / our if self.lower else our / node for our, node in pairs
        )

    def line(self) -> str:
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        verdict = "ahead" if self.ratio >= 1 else "BEHIND"
        return (
            f"{self.name:<44} {self.unit:<22} {ours:>11,.2f} {theirs:>11,.2f} "
            f"{self.ratio:>7.2f}  {verdict}"
        )


class Table:
    """Rows by name, in the order in which they came."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.load_share = 0.0

    def line(self, side: "Side", name: str, unit: str, *, lower: bool) -> list[float]:
        """Return where values of one side go."""
        row = self.rows.setdefault(f"{name} {unit}", Row(name, unit, lower))
        return row.ours if side.ours else row.theirs


@dataclass
class Side:
    """One of the two while it is measured."""

    table: Table
    ours: bool
    gateway: Gateway
    load: Load

    def add(self, name: str, unit: str, value: float, *, lower: bool = False) -> None:
        """Put a value into the table."""
        self.table.line(self, name, unit, lower=lower).append(value)

    def connect(self, count: int, projects: int, missed: int = 0) -> float:
        """Open sockets, each of which has *missed* so many events; return seconds."""
        seconds: float = self.load.do(
            "connect",
            port=self.gateway.port,
            count=count,
            projects=projects,
            at_once=AT_ONCE,
            missed=missed,
        )
        return seconds

    def run(self, command: str, **arguments: object) -> tuple[dict[str, float], float]:
        """Carry out a command; return what came of it and the gateway's CPU."""
        before = self.gateway.cpu_s()
        done: dict[str, float] = self.load.do(command, **arguments)
        share = done["load_cpu"] / done["seconds"]
        self.table.load_share = max(self.table.load_share, share)
        return done, self.gateway.cpu_s() - before


Measure = Callable[[Side], None]


def one_to_many(clients: int) -> Measure:
    """Measure events of one project told to many clients, as fast as they come."""

    def measure(side: Side) -> None:
        side.connect(clients, projects=1)
        side.run("events", seconds=0.5)
        done, cpu_s = side.run("events", seconds=SECONDS)
        side.load.do("disconnect")
        name = f"one project, {clients:,} clients"
        side.add(name, "messages/s of CPU", done["delivered"] / cpu_s)
        side.add(name, "messages/s", done["delivered"] / done["seconds"])

    return measure


def many_projects(clients: int, per_s: int) -> Measure:
    """Measure text of many projects, a client each, at a rate."""

    def measure(side: Side) -> None:
        side.connect(clients, projects=clients)
        side.run("text", per_s=per_s, seconds=0.5, timed=False)
        done, cpu_s = side.run("text", per_s=per_s, seconds=SECONDS, timed=True)
        side.load.do("disconnect")
        name = f"{clients} projects, {per_s:,} messages/s"
        per_message = 1e6 * cpu_s / done["delivered"]
        side.add(name, "us of CPU/message", per_message, lower=True)
        side.add(name, "ms p50", done["p50_ms"], lower=True)
        side.add(name, "ms p99", done["p99_ms"], lower=True)

    return measure


def connecting(side: Side) -> None:
    """Measure opening sockets, and what they cost while nothing happens."""
    side.connect(100, projects=100)
    side.load.do("disconnect")
    memory, cpu_s = side.gateway.rss_kb(), side.gateway.cpu_s()
    seconds = side.connect(SOCKETS, projects=200)
    cpu_s = side.gateway.cpu_s() - cpu_s
    kilobytes = (side.gateway.rss_kb() - memory) / SOCKETS
    side.load.do("disconnect")
    side.add("opening sockets", "sockets/s", SOCKETS / seconds)
    side.add("opening sockets", "sockets/s of CPU", SOCKETS / cpu_s)
    side.add("idle socket", "kB", kilobytes, lower=True)


def coming_back(side: Side) -> None:
    """Measure sockets that ask for what they have missed."""
    side.connect(100, projects=100, missed=MISSED)
    side.load.do("disconnect")
    cpu_s = side.gateway.cpu_s()
    seconds = side.connect(SOCKETS, projects=200, missed=MISSED)
    cpu_s = side.gateway.cpu_s() - cpu_s
    side.load.do("disconnect")
    name = f"coming back after {MISSED} events"
    side.add(name, "sockets/s", SOCKETS / seconds)
    side.add(name, "sockets/s of CPU", SOCKETS / cpu_s)


def deaf(side: Side) -> None:
    """Measure what clients that read nothing cost, and cost the others."""
    side.connect(READERS, projects=1)
    text = {"per_s": 200, "seconds": SECONDS, "size": 4000, "timed": True}
    alone, _ = side.run("text", **text)
    memory = side.gateway.memory_kb()
    side.load.do("connect_deaf", port=side.gateway.port, count=DEAF)
    beside, _ = side.run("text", **text)
    megabytes = (side.gateway.memory_kb() - memory) / 1024
    side.load.do("disconnect")
    name = f"{DEAF} that read nothing"
    side.add(name, "MB more", max(megabytes, 0.1), lower=True)
    slower = beside["p95_ms"] / alone["p95_ms"]
    side.add(name, "others' p95, times", slower, lower=True)


MEASURES: tuple[Measure, ...] = (
    connecting,
    coming_back,
    one_to_many(200),
    one_to_many(1000),
    many_projects(200, 10_000),
    many_projects(20, 10_000),
    deaf,
)


@contextmanager
def gateways(folder: Path, nats_url: str) -> Iterator[list[tuple[bool, Gateway]]]:
    """Lend both gateways, in random order."""
    ours = (sys.executable, "-m", "gateway_ws")
    script = str(HERE / "bench_gateway_node.mjs")
    theirs = (str(NODE), script, str(installed() / "package.json"))
    both = [
        (True, Gateway("ours", ours, folder, nats_url)),
        (False, Gateway("node", theirs, folder, nats_url)),
    ]
    random.shuffle(both)
    yield both


def main() -> None:
    """Print the table."""
    table = Table()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nats = stack.enter_context(NatsServer(folder))
        load = stack.enter_context(Load(nats.url))
        for _ in range(ROUNDS):
            for measure in MEASURES:
                with gateways(folder, nats.url) as both:
                    for ours, gateway in both:
                        with gateway:
                            measure(Side(table, ours, gateway, load))
    sys.stdout.write(f"{'':<44} {'':<22} {'ours':>11} {'Node ws':>11} {'ratio':>7}\n")
    for row in table.rows.values():
        sys.stdout.write(row.line() + "\n")
    sys.stdout.write(
        f"The load client (asyncio on uvloop) used {table.load_share:.0%} of a core "
        "at most.\n"
    )
