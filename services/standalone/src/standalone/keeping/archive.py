"""The file that a backup is: a tar of the database, the keys, and what they are.

`database.dump` is in the custom format of pg_dump, `secrets.json` as it stands in the
data directory, and `manifest.json`, which comes first, has the digests of both.
"""

import hashlib
import io
import os
import tarfile
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from standalone.errors import CannotStart
from standalone.machine.private_file import usable

FORMAT = 1
MANIFEST, DUMP, SECRETS = "manifest.json", "database.dump", "secrets.json"
_MAX_SMALL_BYTES = 1_000_000
_CHUNK = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    format: int = FORMAT
    made_at: datetime
    migrations: dict[int, str]
    """Digests of the migrations of its database, by number."""
    projects: int
    events: int
    secret_key_sha256: str
    """Tells whether a key is the one that sealed what is in the database."""
    sha256: dict[str, str]
    """Digests of the other members, by name."""


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_key(key: str) -> str:
    """Return what tells whether a key is the one that sealed something."""
    return hashlib.sha256(key.encode()).hexdigest()


def write(file: Path, manifest: Manifest, members: dict[str, Path]) -> None:
    """Write the archive whole or not at all, for nobody else to read.

    Raises:
        CannotStart: There is no room, or the folder is not ours.

    """
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    with usable(file):
        number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(number, "wb") as stream:  # noqa: PTH123 - of a descriptor
                with tarfile.open(fileobj=stream, mode="w") as tar:
                    _add(tar, MANIFEST, msgspec.json.encode(manifest))
                    for name, path in members.items():
                        tar.add(path, name, recursive=False, filter=_anonymous)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o600
    tar.addfile(about, io.BytesIO(content))


def _anonymous(about: tarfile.TarInfo) -> tarfile.TarInfo:
    about.uid = about.gid = 0
    about.uname = about.gname = ""
    about.mode = 0o600
    return about


def read(file: Path, folder: Path) -> tuple[Manifest, bytes | None]:
    """Unpack the database into *folder*; return what the archive says, and its keys.

    Raises:
        CannotStart: It is not one of ours, or damaged, or of a later version.

    """
    try:
        with usable(file), tarfile.open(file, mode="r:") as tar:
            manifest = msgspec.json.decode(_small(tar, MANIFEST), type=Manifest)
            if manifest.format != FORMAT:
                raise CannotStart(f"{file} was made by a later version of Atelier.")
            members = {one.name: one for one in tar if one.isreg()}
            secrets = _small(tar, SECRETS) if SECRETS in members else None
            unpacked = tar.extractfile(members[DUMP])
            assert unpacked is not None  # noqa: S101 - of a regular file
            with usable(folder):
                _copy(unpacked, folder / DUMP)
    except (tarfile.TarError, KeyError, msgspec.MsgspecError, EOFError) as exc:
        raise CannotStart(f"{file} is not a backup, or only a part of one.") from exc
    found = {DUMP: digest_of(folder / DUMP)}
    if secrets is not None:
        found[SECRETS] = hashlib.sha256(secrets).hexdigest()
    if found != manifest.sha256:
        raise CannotStart(f"{file} is damaged: its parts are not what they were.")
    return manifest, secrets


def _small(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member.read(_MAX_SMALL_BYTES)


def _copy(source: IO[bytes], target: Path) -> None:
    with target.open("wb") as stream:
        while piece := source.read(_CHUNK):
            stream.write(piece)
