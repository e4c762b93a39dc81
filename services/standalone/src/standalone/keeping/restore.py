"""`atelier restore FILE`: an installation as it was, where there is none yet."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import asyncpg
import msgspec

from standalone.errors import CannotStart
from standalone.keeping import archive
from standalone.keeping.database import POSTGRES, run_tool, started
from standalone.machine import data_dir
from standalone.machine.keys import Keys, load_keys
from standalone.machine.private_file import usable, write_private
from standalone.migrate import migrate, read_migrations
from standalone.settings import Settings

_RESTORE = ("--single-transaction", "--exit-on-error", "--no-owner")
_OWN_SCHEMAS = """
SELECT string_agg(quote_ident(nspname), ', ') FROM pg_namespace
 WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('public', 'information_schema')
"""
# Streams that were filled from the database of the backup know events that came after
# it. Under another name their relay asks for new ones.
_RENAME_LOG = "UPDATE log.identity SET id = gen_random_uuid()"


def restore(settings: Settings, file: Path, migrations: Path) -> archive.Manifest:
    """Bring back what is in *file*; return what that is.

    *migrations* is the folder of this version. A backup of an earlier version is
    brought up to date when Atelier starts.

    Raises:
        CannotStart: There is something already, the file is damaged or of a later
            version, or the key is missing; nothing is changed then.

    """
    with (
        data_dir.opened(settings.data_dir) as folder,
        tempfile.TemporaryDirectory(dir=folder) as name,
    ):
        manifest, secrets = archive.read(file, Path(name))
        dump, kept = Path(name) / archive.DUMP, folder / archive.SECRETS
        _check_version(manifest, migrations)
        _check_place(settings, folder, secrets)
        key = settings.secret_key or _key_in(secrets, kept)
        if archive.digest_of_key(key) != manifest.secret_key_sha256:
            raise CannotStart(
                "The key that sealed what is in this backup is another one: set "
                f"SECRET_KEY to it, or put the secrets.json that belongs to it into "
                f"{folder}."
            )
        if secrets is not None and not kept.exists():
            with usable(kept):
                write_private(kept, secrets)
        if settings.database_url is None:
            _into_embedded(folder, dump, migrations)
        else:
            _fill(settings.database_url, dump, migrations)
    return manifest


def _check_version(manifest: archive.Manifest, migrations: Path) -> None:
    known = {one.version: one.sha256 for one in read_migrations(migrations)}
    if not manifest.migrations.items() <= known.items():
        raise CannotStart(
            "The backup was made by another or a later version of Atelier: restore it "
            "with that one."
        )


def _check_place(settings: Settings, folder: Path, secrets: bytes | None) -> None:
    if settings.database_url is None and (folder / POSTGRES).exists():
        raise CannotStart(
            f"There is an installation in {folder}: restore into an empty DATA_DIR."
        )
    kept = folder / archive.SECRETS
    if secrets is not None and kept.exists() and kept.read_bytes() != secrets:
        raise CannotStart(f"{kept} has other keys than the backup: move it away.")


def _key_in(secrets: bytes | None, kept: Path) -> str:
    """Return the key of the backup, or else that of the data directory, if any."""
    if secrets is not None:
        return msgspec.json.decode(secrets, type=Keys).secret_key
    return load_keys(kept).secret_key if kept.exists() else ""


def _into_embedded(folder: Path, dump: Path, migrations: Path) -> None:
    """Fill a cluster of our own, which appears whole or not at all."""
    new = folder / f"{POSTGRES}.new"
    shutil.rmtree(new, ignore_errors=True)
    keys = load_keys(folder / "secrets.json")
    try:
        with started(new, keys) as url:
            _fill(url, dump, migrations)
        new.rename(folder / POSTGRES)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _fill(url: str, dump: Path, migrations: Path) -> None:
    asyncio.run(_prepare(url, migrations))
    run_tool("pg_restore", url, *_RESTORE, str(dump))
    asyncio.run(_execute(url, _RENAME_LOG))


async def _prepare(url: str, migrations: Path) -> None:
    """Make the roles that things of the backup are granted to, and nothing else.

    Migrations make them, and roles stay when what was made for them is dropped.
    """
    if await _execute(url, "SELECT to_regnamespace('log')::text") is not None:
        raise CannotStart(
            "DATABASE_URL leads to a database in use: restore into an empty one."
        )
    await migrate(url, migrations)
    schemas = await _execute(url, _OWN_SCHEMAS)
    await _execute(url, f"DROP SCHEMA {schemas} CASCADE")
    await _execute(url, "DROP TABLE public.schema_migrations")


async def _execute(url: str, statement: str) -> str | None:
    """Return the one value that a statement has, if it has one."""
    try:
        connection = await asyncpg.connect(url)
        try:
            value: str | None = await connection.fetchval(statement)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise CannotStart(f"The database cannot be prepared: {exc}") from exc
    return value
