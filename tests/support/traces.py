"""Looking for a text in all that an installation keeps, however it is told there."""

import base64
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$)'
 ORDER BY 1
"""


def forms_of(text: str) -> list[bytes]:
    """Return how *text* looks as it is, in hexadecimal, and within base64."""
    plain = text.encode()
    told = [plain, *_in_base64(plain)]
    return [*told, *(one.hex().encode() for one in told)]


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """Yield the part that is the same whatever stands before it, by its length."""
    for before in range(3):
        skipped = -(-before * 8 // 6)
        whole = (before + len(plain)) * 8 // 6
        yield base64.b64encode(b"\0" * before + plain)[skipped:whole]


async def in_tables(dsn: str, text: str) -> set[str]:
    """Return the tables that have *text* in any column of any row."""
    patterns = [f"%{one.decode()}%" for one in forms_of(text)]
    connection = await asyncpg.connect(dsn)
    try:
        names = [str(row[0]) for row in await connection.fetch(_TABLES)]
        found = "SELECT EXISTS (SELECT FROM {} AS t WHERE t::text LIKE ANY ($1))"
        return {
            name
            for name in names
            if await connection.fetchval(found.format(name), patterns)
        }
    finally:
        await connection.close()


async def in_streams(jetstream: JetStreamContext, text: str) -> set[str]:
    """Return the streams, those of buckets and stores too, with *text* in a message."""
    pattern = re.compile(b"|".join(re.escape(one) for one in forms_of(text)))
    found = set()
    for info in await jetstream.streams_info():
        name = str(info.config.name)
        for sequence in range(info.state.first_seq, info.state.last_seq + 1):
            try:
                message = await jetstream.get_msg(name, sequence)
            except NotFoundError:
                continue
            told = f"{message.subject} {message.headers}".encode()
            if pattern.search(told + (message.data or b"")):
                found.add(name)
    return found


def in_folders(root: Path, text: str) -> set[str]:
    """Return the files below *root* that have *text* in their names or contents."""
    pattern = re.compile(b"|".join(re.escape(one) for one in forms_of(text)))
    return {
        str(path.relative_to(root))
        for path in _below(root)
        if pattern.search(str(path.relative_to(root)).encode())
        or (path.is_file() and not path.is_symlink() and pattern.search(_read(path)))
    }


def _below(root: Path) -> Iterator[Path]:
    """Yield all files and folders, but for what goes meanwhile."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name)


def _read(path: Path) -> bytes:
    """Return what is in a file, without its holes: a disk of an app is mostly those."""
    try:
        with path.open("rb", buffering=0) as file:
            return b"".join(_pieces(file.fileno()))
    except OSError:  # it went meanwhile, or is nobody's to read
        return b""


def _pieces(handle: int) -> Iterator[bytes]:
    end, size = 0, os.fstat(handle).st_size
    while end < size:
        try:
            begin = os.lseek(handle, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # there is nothing more
                return
            raise
        end = os.lseek(handle, begin, os.SEEK_HOLE)
        yield os.pread(handle, end - begin, begin)
