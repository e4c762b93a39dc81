"""`atelier backup FILE`: everything, as it was at one moment, also while it runs."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from standalone.errors import CannotStart
from standalone.keeping import archive
from standalone.keeping.database import opened, run_tool
from standalone.machine.keys import load_keys
from standalone.machine.private_file import usable
from standalone.settings import Settings


def backup(
    settings: Settings, file: Path, *, with_secrets: bool = True
) -> archive.Manifest:
    """Write the installation into *file*; return what it holds.

    Raises:
        CannotStart: There is no installation, or no room for its backup.

    """
    secrets = settings.data_dir / "secrets.json"
    with usable(file), tempfile.TemporaryDirectory(dir=file.resolve().parent) as name:
        dump = Path(name) / archive.DUMP
        with opened(settings) as url:
            # Counted first: what comes in between is in the dump as well.
            found = asyncio.run(_look(url))
            run_tool("pg_dump", url, "--format=custom", f"--file={dump}")
        members = {archive.DUMP: dump}
        if with_secrets and secrets.is_file():
            members[archive.SECRETS] = secrets
        manifest = archive.Manifest(
            made_at=datetime.now(UTC),  # noqa: TID251 - a tool on the command line
            migrations=found[0],
            projects=found[1],
            events=found[2],
            secret_key_sha256=_key_digest(settings, secrets),
            sha256={name: archive.digest_of(path) for name, path in members.items()},
        )
        archive.write(file, manifest, members)
    return manifest


def _key_digest(settings: Settings, secrets: Path) -> str:
    key = settings.secret_key
    if key is None and secrets.is_file():
        key = load_keys(secrets).secret_key
    return archive.digest_of_key(key or "")


async def _look(url: str) -> tuple[dict[int, str], int, int]:
    try:
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch(
                "SELECT version, sha256 FROM public.schema_migrations ORDER BY version"
            )
            counts = await connection.fetchrow(
                "SELECT count(*) FILTER (WHERE seq = 1) AS projects, count(*) AS events"
                "  FROM log.event"
            )
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise CannotStart(f"The database cannot be read: {exc}") from exc
    migrations = {int(row["version"]): str(row["sha256"]) for row in rows}
    return migrations, int(counts["projects"]), int(counts["events"])
