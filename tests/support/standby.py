"""A copy of a Postgres that takes its place, as operators and clouds have it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg

from standalone.servers.embedded import postgres_binaries
from tests.support.polling import wait_until
from tests.support.servers import PostgresServer, run_apart

_READ_AGAIN = "SELECT pg_reload_conf()"
_FOLLOWS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


class Standby(PostgresServer):
    """Follows a primary, which waits for it before it says that anything is stored."""

    def promote(self) -> None:
        """Take the place of the primary."""
        run_apart(_run(self.postgres.dsn("postgres"), "SELECT pg_promote()"))

    def either(self, dsn: str) -> str:
        """Return *dsn*, of the primary, for whichever of both takes writes."""
        parts = urlsplit(dsn)
        (first,) = parse_qs(parts.query)["host"]
        hosts = f"host={first},{self.postgres.socket_folder}"
        query = f"{hosts}&target_session_attrs=read-write"
        return urlunsplit(parts._replace(query=query))


@contextmanager
def standby_of(primary: PostgresServer, folder: Path) -> Iterator[Standby]:
    """Lend a copy of *primary* that is up to date, and stays so."""
    root = folder / "standby"
    root.mkdir(mode=0o711)
    source, program = primary.postgres.dsn("postgres"), primary.postgres.program
    data = root / "postgres" / "data"
    data.parent.mkdir(mode=0o711)
    if program.identity is not None:
        os.chown(data.parent, program.identity.uid, program.identity.gid)
    subprocess.run(
        [
            *(str(postgres_binaries() / "pg_basebackup"), "--pgdata", str(data)),
            *("--dbname", source, "--write-recovery-conf", "--checkpoint=fast"),
        ],
        env=dict(program.env),
        cwd=program.cwd,
        preexec_fn=program.before_exec(),
        check=True,
    )
    with Standby(root) as standby:
        run_apart(_run(source, "ALTER SYSTEM SET synchronous_standby_names = '*'"))
        run_apart(_run(source, _READ_AGAIN))
        wait_until(lambda: run_apart(_run(source, _FOLLOWS)) == 1, "it follows")
        yield standby
        # Whatever became of it: it is there, and waits for nobody.
        primary.kill()
        primary.start()
        run_apart(_run(source, "ALTER SYSTEM RESET synchronous_standby_names"))
        run_apart(_run(source, _READ_AGAIN))


async def _run(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
