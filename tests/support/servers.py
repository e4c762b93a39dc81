"""Real servers for tests: one Postgres cluster for the session, nats-servers at will.

`standalone.servers.embedded` says how they run, as it does for `make run`. A test
takes the fixtures `postgres` and `nats_url` of `tests/conftest.py`; one that kills a
server takes `nats_server`, or makes a `PostgresServer` of its own.
"""

import asyncio
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from nats.aio.client import Client
from typing_extensions import override

from standalone.migrate import SERVICE_ROLES, migrate
from standalone.ports import free_port
from standalone.program import Program, kill_group
from standalone.servers import embedded
from tests.support.loopback import answers
from tests.support.polling import wait_until

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
PASSWORD = "only-for-tests"  # noqa: S105 - of servers that live for one test run
START_TIMEOUT_S = 120.0
MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it has a name by chance
ROOM_BYTES = 4 << 30
"""Many times what the databases of all workers need; containers have 64 MiB of it."""

# Nothing here has to survive the machine, only the death of the process.
FAST_POSTGRES = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_wal_size": "128MB",
}

_T = TypeVar("_T")


def run_apart(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run *coroutine* to its end in a loop of its own, whatever loop a test has."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


@contextmanager
def server_folder(*, in_memory: bool = False) -> Iterator[Path]:
    """Lend a folder with a short path that another user than root can reach.

    One *in_memory*, where there is room, makes and removes thousands of files for
    nothing; ext4 passes over each inode that was freed within minutes, again and again.
    """
    place = MEMORY if in_memory and _has_room(MEMORY) else None
    folder = Path(tempfile.mkdtemp(prefix="atelier-", dir=place))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free > ROOM_BYTES


class Server:
    """A program that can be started, killed without mercy, and started again."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.log = folder / f"{program.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; also that of its group."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def is_ready(self) -> bool:
        """Tell whether it answers; overridden where starting takes time."""
        return True

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        self.await_ready()

    async def begin(self) -> None:
        """Start it while the loop goes on; it ends with the thread that calls this."""
        self.launch()
        await asyncio.to_thread(self.await_ready)

    def launch(self) -> None:
        """Start it."""
        program = self.program
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                program.argv,
                env=dict(program.env),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=program.before_exec(),  # noqa: PLW1509 - safe and needed
            )

    def await_ready(self) -> None:
        """Wait until it answers."""
        wait_until(self._answers, f"{self.program.name} answers")

    def _answers(self) -> bool:
        assert self._process is not None, "the server is not running"
        if self._process.poll() is not None:
            said = self.log.read_text(errors="replace")[-2000:]
            raise AssertionError(f"{self.program.name} died: {said}")
        return self.is_ready()

    def kill(self) -> None:
        """End it as a power cut would, with all that it started."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ask it to end, then insist."""
        for sign, grace_s in self.program.stop_signals:
            if self._process is None or self._process.poll() is not None:
                break
            self._process.send_signal(sign)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                continue
        self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class NatsServer(Server):
    """A nats-server with JetStream; keeps its ports and streams over a restart."""

    def __init__(
        self,
        folder: Path,
        *,
        authorization: str = "",
        settings: embedded.NatsSettings | None = None,
    ) -> None:
        self.nats = embedded.nats(
            folder / "nats",
            port=free_port(),
            monitoring_port=free_port(),
            authorization=authorization,
            settings=settings,
        )
        super().__init__(self.nats.program, folder)

    @property
    def url(self) -> str:
        """Where clients connect; `nats.url(user, password)` where there are users."""
        return self.nats.url()

    @override
    def is_ready(self) -> bool:
        return answers(self.nats.health_url)


def _children(pid: int) -> list[int]:
    """Return the processes that *pid* has started and that still run."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # it has ended by itself
        return []
    return [int(child) for child in children.split()]


class PostgresServer(Server):
    """A cluster of its own, and fresh migrated databases in it."""

    def __init__(
        self, folder: Path, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.postgres = embedded.postgres(
            folder / "postgres", password=PASSWORD, settings=settings or FAST_POSTGRES
        )
        self._numbers = itertools.count(1)
        super().__init__(self.postgres.program, folder)

    @override
    def is_ready(self) -> bool:
        try:
            run_apart(_execute(self.postgres.dsn("postgres"), "SELECT 1"))
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        return True

    @override
    def kill(self) -> None:
        # Each backend leads a group, and answers until it sees that its parent is gone.
        backends = [] if self._process is None else _children(self._process.pid)
        super().kill()
        for pid in backends:
            kill_group(pid)

    def make_template(self) -> None:
        """Apply the migrations once, for all databases to come."""
        run_apart(self._make_template())

    async def _make_template(self) -> None:
        admin = self.postgres.dsn("postgres")
        await _execute(admin, "CREATE DATABASE migrated")
        await migrate(self.postgres.dsn("migrated"), MIGRATIONS)
        for role in SERVICE_ROLES:
            login = f"ALTER ROLE {role} LOGIN PASSWORD '{PASSWORD}'"
            await _execute(admin, login)

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """Lend the DSN of a fresh database, empty unless *migrated*."""
        name = f"test_{next(self._numbers)}"
        template = "migrated" if migrated else "template0"
        admin = self.postgres.dsn("postgres")
        run_apart(_execute(admin, f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield self.postgres.dsn(name)
        finally:
            run_apart(_execute(admin, f"DROP DATABASE {name} WITH (FORCE)"))


def as_role(dsn: str, role: str, password: str = PASSWORD) -> str:
    """Return *dsn* for a service's role (`agent` or `api`) in place of the owner."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@"))


async def settle(client: Client) -> None:
    """Wait until the server has taken all that *client* has said.

    The client's own ping overtakes what waits for its turn to be written; a second one
    does not.
    """
    for _ in range(2):
        await client.flush()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
