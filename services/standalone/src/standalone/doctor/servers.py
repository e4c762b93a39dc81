"""Checks of Postgres and NATS: reachable, up to date, in time, publishing."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.errors import Error

from contracts import subjects
from standalone.doctor.finding import Finding, fine, note, problem
from standalone.doctor.machine import is_running
from standalone.errors import CannotStart
from standalone.keeping.database import POSTGRES, owner_url
from standalone.machine.keys import load_keys
from standalone.machine.private_file import usable
from standalone.migrate import read_migrations
from standalone.settings import Settings

_MAX_SKEW_S = 1.0
_TIMEOUT_S = 5
_PORT = re.compile(r'^listen: "127\.0\.0\.1:(\d+)"', re.MULTILINE)


async def postgres(settings: Settings, migrations: Path) -> AsyncIterator[Finding]:
    """Look at the database."""
    about = "Database"
    url = settings.database_url
    if url is None:
        root = settings.data_dir / POSTGRES
        if not (root / "data").is_dir():
            yield note(about, "There is none yet: the first start makes it.")
            return
        if not is_running(settings.data_dir):
            yield note(about, "It does not run: `make run` starts it.")
            return
        keys = load_keys(settings.data_dir / "secrets.json")
        url = owner_url(root.resolve(), keys)
    try:
        connection = await asyncpg.connect(url, timeout=_TIMEOUT_S)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        yield problem(about, f"It does not let us in: {exc}.")
        return
    try:
        version = ".".join(map(str, connection.get_server_version()[:2]))
        yield fine(about, f"Postgres {version} answers.")
        yield await _migrated(connection, migrations)
        yield await _clock(connection)
    except asyncpg.PostgresError as exc:
        yield problem(about, f"It cannot be read: {exc}.")
    finally:
        await connection.close()


async def _migrated(connection: asyncpg.Connection, migrations: Path) -> Finding:
    about = "Tables"
    known = {one.version: one for one in read_migrations(migrations)}
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return problem(about, "There are none: start Atelier, which makes them.")
    rows = await connection.fetch("SELECT version, sha256 FROM schema_migrations")
    applied = {row["version"]: row["sha256"] for row in rows}
    later = applied.keys() - known.keys()
    if later:
        return problem(
            about,
            f"Migration {max(later):04} is of a later version: run that one.",
        )
    edited = [known[one].name for one in applied if known[one].sha256 != applied[one]]
    if edited:
        return problem(about, f"{edited[0]} was edited after it was applied.")
    missing = known.keys() - applied.keys()
    if missing:
        return problem(
            about, f"{known[min(missing)].name} is not applied: start Atelier again."
        )
    return fine(about, f"All {len(applied)} migrations are applied.")


async def _clock(connection: asyncpg.Connection) -> Finding:
    before = time.time()
    theirs = await connection.fetchval(
        "SELECT extract(epoch FROM clock_timestamp())::float8"
    )
    after = time.time()
    skew_s = float(theirs) - (before + after) / 2
    unknown_s = (after - before) / 2  # on a busy machine the question takes a while
    if abs(skew_s) > _MAX_SKEW_S + unknown_s:
        return problem(
            "Clock",
            f"The database's is {skew_s:+.1f} s from ours: set both by a time server.",
        )
    return fine("Clock", f"The database's is {1000 * skew_s:+.0f} ms from ours.")


async def nats(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the bus and its streams."""
    about = "NATS"
    if settings.nats_url is None and not is_running(settings.data_dir):
        yield note(about, "It does not run: `make run` starts it.")
        return
    url = settings.nats_url or _embedded_nats(settings.data_dir)
    client = Client()

    async def ignore(_: Exception) -> None:
        """Whatever is said here is raised as well."""

    try:
        await client.connect(
            [one.strip() for one in url.split(",")],
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=_TIMEOUT_S,
            error_cb=ignore,
            inbox_prefix=subjects.inbox_prefix("agent").encode(),
        )
    except (OSError, Error, ValueError) as exc:
        reason = str(exc) or type(exc).__name__
        yield problem(about, f"It does not let us in: {reason}.")
        return
    try:
        yield fine(about, f"nats-server {client.connected_server_version} answers.")
        yield await _stream(client)
    finally:
        await client.close()


def _embedded_nats(folder: Path) -> str:
    configuration = folder / "nats" / "nats-server.conf"
    with usable(configuration):
        found = _PORT.search(configuration.read_text(encoding="utf-8"))
    if found is None:
        raise CannotStart(f"{configuration} does not say where NATS listens.")
    password = load_keys(folder / "secrets.json").nats_agent
    return f"nats://agent:{password}@127.0.0.1:{found[1]}"


async def _stream(client: Client) -> Finding:
    about, name = "Streams", subjects.stream(0)
    try:
        answer = await client.request(
            f"$JS.API.STREAM.INFO.{name}", b"", timeout=_TIMEOUT_S
        )
        info = msgspec.json.decode(answer.data)
    except (Error, OSError, TimeoutError, msgspec.MsgspecError) as exc:
        reason = str(exc) or type(exc).__name__
        return problem(about, f"JetStream does not answer: {reason}.")
    if "error" in info:
        return problem(about, f"{name}: {info['error'].get('description')}.")
    state, copies = info["state"], info["config"].get("num_replicas", 1)
    cluster = info.get("cluster", {})
    away = [one["name"] for one in cluster.get("replicas", []) if one.get("offline")]
    if away:
        return problem(about, f"{name} lacks {', '.join(away)} of its {copies} copies.")
    return fine(about, f"{name} has {state['messages']} messages in {copies} copies.")
