"""`python -m standalone.provision`: prepare a database for the services, then end.

For an installation that is not started by `make run`: migrations are applied, and each
role of a service gets the password that its own URL has. It may run again at any time,
and at every start.
"""

import asyncio
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from chassis import logs
from chassis.settings import SettingsError, read
from standalone.errors import CannotStart
from standalone.migrate import migrate
from standalone.servers.database import let_in


class ProvisionSettings(msgspec.Struct, frozen=True):
    """Each field is the environment variable of its name."""

    database_url: str
    """The database, as the role that owns it and may create others."""
    agent_database_url: str
    """The same database as the agent will reach it."""
    api_database_url: str
    """The same database as the api will reach it."""
    migrations_dir: Path = Path("migrations")


async def provision(settings: ProvisionSettings) -> list[str]:
    """Do it; return the names of the migrations that were missing.

    Raises:
        CannotStart: The database refuses, or a URL has no password for its role.

    """
    passwords = {
        "agent": _password("agent", settings.agent_database_url),
        "api": _password("api", settings.api_database_url),
    }
    applied = await migrate(settings.database_url, settings.migrations_dir)
    await let_in(settings.database_url, passwords)
    return applied


def _password(role: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.username != role or not parts.password:
        raise CannotStart(
            f"{role.upper()}_DATABASE_URL must have the user {role} and a password."
        )
    return unquote(parts.password)


def main() -> int:
    """Return the exit code."""
    logs.configure("provision")
    log = logs.get(__name__)
    try:
        applied = asyncio.run(provision(read(ProvisionSettings)))
    except (CannotStart, SettingsError) as exc:
        log.error(str(exc))  # noqa: TRY400 - a sentence needs no traceback
        return 1
    log.info("the database is up to date", applied=applied)
    return 0


if __name__ == "__main__":
    sys.exit(main())
