"""The database of an installation for tools: found, started if need be, dumped."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from standalone.errors import CannotStart
from standalone.machine import data_dir
from standalone.machine.keys import Keys, load_keys
from standalone.program import kill_group
from standalone.servers import database, embedded
from standalone.settings import Settings

POSTGRES = "postgres"
"""Name of the cluster's folder in the data directory."""
_START_S = 60.0
_POLL_S = 0.05


@contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """Lend the URL of the installation's database, as its owner.

    The embedded one is started for as long as it is needed, unless it runs.

    Raises:
        CannotStart: There is none, or it does not answer.

    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = settings.data_dir
    root, secrets = folder / POSTGRES, folder / "secrets.json"
    if not (root / "data").is_dir() or not secrets.is_file():
        raise CannotStart(
            f"There is no installation in {folder}: set DATA_DIR or DATABASE_URL."
        )
    keys = load_keys(secrets)
    url = owner_url(root.resolve(), keys)
    if answers(url):
        yield url
        return
    with data_dir.opened(folder) as held, started(held / POSTGRES, keys) as url:
        yield url


def owner_url(root: Path, keys: Keys) -> str:
    """Return the URL of the embedded database as its owner, running or not."""
    return embedded.url_of(root, role=embedded.OWNER, password=keys.postgres_owner)


def answers(url: str) -> bool:
    """Tell whether a database lets us in."""

    async def connect() -> None:
        await (await asyncpg.connect(url, timeout=5)).close()

    try:
        asyncio.run(connect())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


@contextmanager
def started(root: Path, keys: Keys) -> Iterator[str]:
    """Run the cluster below *root*, made now if there is none; lend its URL.

    Whoever calls this holds the data directory.

    Raises:
        CannotStart: It does not start.

    """
    postgres = embedded.postgres(root, password=keys.postgres_owner)
    program = postgres.program
    with subprocess.Popen(  # noqa: S603 - our own binary, no shell
        program.argv,
        env=dict(program.env),
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=program.before_exec(),  # noqa: PLW1509 - there are no threads
    ) as process:
        try:
            _wait_for(process, postgres)
            asyncio.run(database.create_database(postgres))
            yield postgres.dsn()
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                kill_group(process.pid)


def _wait_for(process: "subprocess.Popen[bytes]", postgres: embedded.Postgres) -> None:
    deadline = time.monotonic() + _START_S
    while not asyncio.run(database.answers(postgres)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(f"Postgres does not start in {postgres.program.cwd}.")
        time.sleep(_POLL_S)


def run_tool(name: str, url: str, *arguments: str) -> None:
    """Run pg_dump or pg_restore on the database of *url*.

    Raises:
        CannotStart: It failed; its last line says why.

    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    # Whoever lists processes sees their arguments: the password is none of them.
    bare = urlunsplit(parts._replace(netloc=f"{user}{host}"))
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if parts.password:
        environment["PGPASSWORD"] = unquote(parts.password)
    program = embedded.postgres_binaries() / name
    done = subprocess.run(  # noqa: S603 - our own binary, no shell
        [program, f"--dbname={bare}", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CannotStart(f"{name} failed: {said[-1] if said else 'it is silent'}")
