"""The secrets of one installation: made once, kept in a file that only we can read."""

import os
import secrets
from pathlib import Path

import msgspec

from standalone.errors import CannotStart


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
        _write(file, after)
    return keys


def _write(file: Path, content: bytes) -> None:
    """Write *content* whole or not at all, readable by nobody else from the start."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(number, "wb") as stream:  # noqa: PTH123 - of a descriptor, not a path
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
