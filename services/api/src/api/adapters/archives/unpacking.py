"""A process that reads one hostile archive under limits.

It gets the archive on its standard input and writes what it comes to. Memory and time
are limited, and writing to files is given up, before the first byte is looked at: what
expands beyond that ends this process, and nothing else. It needs no connection and no
file, though nothing but its own code keeps it from reading or connecting.
"""

import resource
import stat
import sys
import zipfile
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import msgspec

from api.adapters.archives.git_pack import check_out
from api.domain.intake import MAX_ENTRIES, Intake, Taken, Unfit, common_folder
from contracts.project import MAX_ASSET_BYTES

MEMORY_BYTES = 384 << 20
"""Addresses, not only what is in use of them."""
CPU_S = 20
_READ = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


class Answer(msgspec.Struct, frozen=True):
    """What the process says: either of the two."""

    taken: Taken | None = None
    unfit: str | None = None


def limit() -> None:
    """Give up what reading an archive does not need."""
    with suppress(OSError):  # where memory is short, this is the process to end
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def unzip(data: bytes) -> Taken:
    """Return what is in a zip.

    Raises:
        Unfit: It is none, or too much.

    """
    intake = Intake()
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise Unfit(f"It holds more than {MAX_ENTRIES:,} files")
            folder = common_folder(one.filename for one in entries)
            for entry in entries:
                _unzip_one(archive, entry, folder, intake)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Unfit("It is not a whole zip") from error
    except (ValueError, OSError, OverflowError) as error:
        raise Unfit("It is a damaged zip") from error
    return intake.taken()


def _unzip_one(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: str, intake: Intake
) -> None:
    name = entry.filename.removeprefix(folder)
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        intake.leave_out(name, "It is a link, or no file at all")
        return
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _READ:
        intake.leave_out(name, "It is packed in a way that is not read here")
        return
    path = intake.wants(name, entry.file_size)
    if path is not None:
        with archive.open(entry) as opened:
            intake.add(path, opened.read(MAX_ASSET_BYTES + 1))


def main() -> None:
    """Read standard input as what the arguments say, and answer."""
    limit()
    data = sys.stdin.buffer.read()
    try:
        match sys.argv[1:]:
            case ["git", head]:
                answer = Answer(taken=check_out(data, head))
            case _:
                answer = Answer(taken=unzip(data))
    except Unfit as unfit:
        answer = Answer(unfit=str(unfit))
    except MemoryError:
        answer = Answer(unfit="It expands beyond all measure")
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
