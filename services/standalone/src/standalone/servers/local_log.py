"""Where the log of this machine's installation is, for whoever reads it offline."""

import os
from pathlib import Path

from standalone.errors import CannotStart
from standalone.machine.keys import load_keys
from standalone.servers import embedded


def log_url(folder: Path) -> str:
    """Return the database's URL as the agent has it: DATABASE_URL, or the embedded one.

    *folder* is the data directory.

    Raises:
        CannotStart: There is neither.

    """
    named = os.environ.get("DATABASE_URL")
    if named:
        return named
    cluster, secrets = folder / "postgres", folder / "secrets.json"
    if not (cluster / "data").is_dir() or not secrets.is_file():
        raise CannotStart(
            f"There is no database in {folder}: set DATA_DIR or DATABASE_URL."
        )
    password = load_keys(secrets).postgres_agent
    return embedded.url_of(cluster.resolve(), role="agent", password=password)
