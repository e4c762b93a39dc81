"""Who we are on each server: a file that only we can read."""

import os
from pathlib import Path

import msgspec

from standalone.client.errors import CommandFailed
from standalone.machine.private_file import write_private


class Account(msgspec.Struct, frozen=True):
    """An account on one server."""

    email: str
    cookie: str
    """`name=value` of the session, as the server set it."""
    password: str | None = None
    """Kept only where we made the account, so that a person can use it in a browser."""


class _File(msgspec.Struct):
    servers: dict[str, Account] = {}


def credentials_file() -> Path:
    """Return where credentials are kept, below the user's folder of settings."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "atelier" / "credentials.json"


def load_account(server: str) -> Account | None:
    """Return who we are on *server*, None where nobody signed in.

    Raises:
        CommandFailed: The file is damaged.

    """
    return _load().servers.get(server)


def save_account(server: str, account: Account | None) -> None:
    """Keep *account* for *server*; None forgets it.

    Raises:
        CommandFailed: The file is damaged or cannot be written.

    """
    content = _load()
    if account is None:
        content.servers.pop(server, None)
    else:
        content.servers[server] = account
    file = credentials_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, msgspec.json.format(msgspec.json.encode(content), indent=2))
    except OSError as exc:
        raise CommandFailed(f"{file} cannot be written: {exc.strerror}.") from exc


def _load() -> _File:
    file = credentials_file()
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File)
    except FileNotFoundError:
        return _File()
    except (OSError, msgspec.MsgspecError) as exc:
        raise CommandFailed(f"{file} cannot be read ({exc}): remove it.") from exc
