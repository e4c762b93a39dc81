"""The secrets of one installation: made once, kept in a file that only we can read."""

import secrets
from pathlib import Path

import msgspec

from standalone.errors import CannotStart
from standalone.machine.private_file import usable, write_private


def _new() -> str:
    return secrets.token_urlsafe(32)


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """Every password and key; one that is missing in the file is made and added."""

    secret_key: str = msgspec.field(default_factory=_new)
    """Signs what the services hand out."""
    postgres_owner: str = msgspec.field(default_factory=_new)
    postgres_agent: str = msgspec.field(default_factory=_new)
    postgres_api: str = msgspec.field(default_factory=_new)
    nats_agent: str = msgspec.field(default_factory=_new)
    nats_api: str = msgspec.field(default_factory=_new)
    nats_gateway: str = msgspec.field(default_factory=_new)
    nats_sandbox: str = msgspec.field(default_factory=_new)
    nats_integration: str = msgspec.field(default_factory=_new)
    nats_system: str = msgspec.field(default_factory=_new)


def load_keys(file: Path) -> Keys:
    """Return the keys in *file*, which is written when something is missing from it.

    Raises:
        CannotStart: The file is damaged or not ours to read.

    """
    try:
        before = file.read_bytes()
        keys = msgspec.json.decode(before, type=Keys)
    except FileNotFoundError:
        before, keys = b"", Keys()
    except (msgspec.MsgspecError, OSError) as exc:
        raise CannotStart(
            f"{file} cannot be read ({exc}): put back a copy of it, or move its folder "
            f"away to start anew."
        ) from exc
    after = msgspec.json.format(msgspec.json.encode(keys), indent=2)
    if after != before:
        with usable(file):
            write_private(file, after)
    return keys
