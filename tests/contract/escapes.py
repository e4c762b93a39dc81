"""What gets out of a sandbox at each level of isolation, tried and written down.

`python -m tests.contract.escapes` tries everything here and writes the table of
docs/isolation.md, against which `test_escapes.py` holds every runtime.
"""

import asyncio
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.adapters.keeping.inside import SERVER_PORT
from sandbox.adapters.processes.groups import find_bounds
from tests.contract import escape_attempts
from tests.contract.runtimes import (
    BUBBLEWRAP,
    DOCKER,
    KINDS,
    OWN_KERNEL,
    PLAIN,
    Bench,
    bench,
)
from tests.support.engine import engine_url, kernels
from tests.support.servers import server_folder

TABLE = Path(__file__).resolve().parents[2] / "docs" / "isolation.md"
BOMBS = (
    "start a thousand processes",
    "take more memory than it may",
    "fill the disk with files",
)
THROUGH, SHUT, DEPENDS = "gets through", "", "as the machine has it"
MACHINE = frozenset(
    (
        "find the socket of an engine",
        "see who has accounts on the machine",
        "connect to the loopback of the machine over ipv6",
        "connect to an address of the machine",
        "ask for the metadata of a cloud",
        "send a packet to the world",
        "send a packet to the world over ipv6",
        "ask a name server",
        "reach private networks",
        "speak to the hypervisor",
        "choose a program for empty control groups",
        "fill the temporary folder",
        "fill the shared memory",
        "read the passwords of the machine",
    )
)
"""Without walls the machine decides: what it has, and what it is connected to."""
_SERVER = """
require('http').createServer((_, answer) => answer.end('up'))
  .listen(process.env.PORT, process.env.HOST);
"""
FORKS = (
    "const {spawn} = require('child_process'); let failed = 0; const all = [];"
    "for (let n = 0; n < 1000; n++) { const child = spawn('sleep', ['60']);"
    "child.on('error', () => failed++); all.push(child) }"
    "setTimeout(() => { console.log(failed); process.exit() }, 500)"
)
HUNGRY = "const all = []; setInterval(() => all.push(Buffer.alloc(5e6, 1)), 5)"
_WRITER = (
    "const fs = require('fs'); let n = 0; const data = Buffer.alloc(2e6, 1);"
    "setInterval(() => { if (n < 600) fs.writeFileSync(`file-${n++}`, data);"
    "else process.exit(0) }, 50)"
)
_SMALL = 64 << 20
_SOURCE = Path(escape_attempts.__file__).read_text(encoding="utf-8")


async def got_through(kind: str) -> frozenset[str]:
    """Try everything at one level; return what was not prevented."""
    async with bench(kind, os.environ) as lent, _surroundings(lent, kind) as facts:
        await lent.write(attempts_py=_SOURCE, facts_json=json.dumps(facts))
        process = await lent.launch(_python(kind), "attempts.py", installs=True)
        assert await process.wait() == 0, lent.printed["stderr"][-2000:]
        said = json.loads(lent.printed["stdout"])
        assert said["tried"] == len(escape_attempts.ATTEMPTS)
    return frozenset(said["through"]) | await _bombs(kind)


async def _bombs(kind: str) -> frozenset[str]:
    through = set()
    async with bench(kind, os.environ, memory_bytes=_SMALL * 4) as lent:
        _, printed = await lent.run(FORKS)
        if printed.split()[-1:] == ["0"] and await _can_hold_forks(kind):
            through.add(BOMBS[0])
        await lent.write(hungry_js=HUNGRY)
        await (await lent.launch("node", "hungry.js")).wait()
        if b"used more than" not in lent.printed["stderr"]:
            through.add(BOMBS[1])
    async with bench(kind, os.environ, disk_bytes=_SMALL) as lent:
        code, _ = await lent.run(_WRITER)
        if code == 0:
            through.add(BOMBS[2])
    return frozenset(through)


async def _can_hold_forks(kind: str) -> bool:
    """Tell whether anything here bounds the processes of a user that root has mapped.

    Without control groups nothing does, and whoever is not root has the kernel's bound.
    """
    if kind != BUBBLEWRAP[1] or os.geteuid() != 0:
        return True
    groups = (await find_bounds(Path("trial"))).groups
    if groups is not None:
        groups.close()
    return groups is not None


def _python(kind: str) -> str:
    """Return a Python that the sandbox can reach."""
    if kind != PLAIN:
        return "python"
    found = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
    if found is None:
        pytest.skip("there is no Python that every user of this machine can start")
    return found


@asynccontextmanager
async def _surroundings(lent: Bench, kind: str) -> AsyncIterator[dict[str, str]]:
    """Put around a sandbox what an intruder would like to find."""
    secret = uuid4().hex
    with server_folder() as outside, _listeners(outside) as facts:
        outside.chmod(0o777)
        (outside / "secret").write_text(secret)
        (outside / "secret").chmod(0o644)
        other = await _neighbour(lent, secret)
        server = await other.serve(_SERVER)
        try:
            with _known_to_us(secret), _service(secret) as pid:
                yield facts | {
                    "secret": secret,
                    "secret_file": str(outside / "secret"),
                    "outside": str(outside),
                    "boxes": str(lent.layout.boxes),
                    "own": str(lent.layout.box(lent.project_id).path),
                    "other": str(lent.placed(other.project_id)),
                    "other_pid": str(_processes(kind, other)[0]),
                    "other_port": _port_of(kind, other),
                    "service": str(pid),
                    "user": pwd.getpwuid(2).pw_name,
                    "engine": _engine(kind),
                }
        finally:
            await server.stop()
            names = {path.name for path in _entries(outside)}
            assert names <= {"secret", "socket", "made", "made-too"}


@contextmanager
def _known_to_us(secret: str) -> Iterator[None]:
    """Have it in the environment of whoever starts sandboxes, as the service has."""
    os.environ["ESCAPES_SECRET"] = secret
    try:
        yield
    finally:
        del os.environ["ESCAPES_SECRET"]


@contextmanager
def _service(secret: str) -> Iterator[int]:
    """Lend a process with a secret in its environment, as a service has."""
    words = (sys.executable, "-c", "import time; time.sleep(600)")
    with subprocess.Popen(words, env={"SECRET": secret}) as service:
        try:
            yield service.pid
        finally:
            service.kill()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _neighbour(lent: Bench, secret: str) -> Bench:
    other = lent.neighbour()
    await other.write(secret_txt=secret)
    return other


def _processes(kind: str, other: Bench) -> list[int]:
    return kernels() if kind == OWN_KERNEL else other.processes()


def _port_of(kind: str, other: Bench) -> str:
    """Return where the neighbour's app listens, in whichever network it is."""
    if kind == OWN_KERNEL:
        return str(SERVER_PORT)
    environ = Path(f"/proc/{other.processes()[0]}/environ").read_bytes()
    words = (word.partition(b"=") for word in environ.split(b"\0"))
    return next(value.decode() for name, _, value in words if name == b"PORT")


def _engine(kind: str) -> str:
    has_engine = kind in (DOCKER, OWN_KERNEL)
    return engine_url().removeprefix("unix://") if has_engine else "/nowhere"


@contextmanager
def _listeners(outside: Path) -> Iterator[dict[str, str]]:
    abstract = uuid4().hex
    with (
        socket.create_server(("127.0.0.1", 0)) as near,
        socket.create_server(("0.0.0.0", 0)) as wide,  # noqa: S104 - to be kept from it
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as unnamed,
        _loopback6() as port6,
    ):
        named.bind(str(outside / "socket"))
        (outside / "socket").chmod(0o777)
        named.listen()
        unnamed.bind(f"\0{abstract}")
        unnamed.listen()
        yield {
            "port": str(near.getsockname()[1]),
            "port6": str(port6),
            "open_port": str(wide.getsockname()[1]),
            "address": _own_address(),
            "socket": str(outside / "socket"),
            "abstract": abstract,
        }


@contextmanager
def _loopback6() -> Iterator[int]:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        yield 9
        return
    with server:
        yield server.getsockname()[1]


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        address: str = probe.getsockname()[0]
    return address


def everything() -> list[str]:
    """Return all attempts, in the order of the table."""
    return [*escape_attempts.ATTEMPTS, *BOMBS]


def render(outcomes: dict[str, frozenset[str]]) -> str:
    """Return the table of what gets through where."""
    lines = [f"| attempt | {' | '.join(KINDS)} |", f"| --- |{' --- |' * len(KINDS)}"]
    for name in everything():
        cells = [_cell(kind, name, outcomes[kind]) for kind in KINDS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(kind: str, name: str, through: frozenset[str]) -> str:
    if kind == PLAIN and name in MACHINE:
        return DEPENDS
    return THROUGH if name in through else SHUT


def documented(kind: str) -> dict[str, str]:
    """Return what the table says of each attempt at one level."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in TABLE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    column = rows[0].index(kind)
    return {row[0]: row[column] for row in rows[2:]}


async def _write() -> None:
    outcomes = {kind: await got_through(kind) for kind in KINDS}
    head = TABLE.read_text(encoding="utf-8").partition("| attempt |")[0]
    TABLE.write_text(head + render(outcomes), encoding="utf-8")


if __name__ == "__main__":
    try:
        asyncio.run(_write())
    except pytest.skip.Exception as exc:
        sys.exit(f"Not written: {exc}")
