"""Archives in temporary files: a zip of the files, a git bundle of their history.

A bundle (gitformat-bundle) is a pack (gitformat-pack) behind a few lines with the refs.
It is written as events are read, so that memory does not grow with the history.
"""

import asyncio
import hashlib
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from dulwich.index import commit_tree
from dulwich.object_format import SHA1
from dulwich.objects import Blob, Commit, ObjectID, ShaFile
from dulwich.pack import pack_header_chunks, write_pack_object
from typing_extensions import override

from api.domain.file_content import raw
from api.domain.project_fold import FileRow
from api.domain.revision import Revision
from api.ports import Archives, History, Person, TooLarge

MAX_BYTES = 512 << 20
"""Largest bundle."""
_AGENT = b"Atelier <atelier@localhost>"
_FILE_MODE = 0o100644
_HEAD = b"# v2 git bundle\n%s HEAD\n%s refs/heads/main\n\n"
_NO_ID = ObjectID(b"0" * 40)
_CHUNK = 1 << 20
_FIRST_YEAR = 1980
"""Of zip's clock."""
_TITLE_CHARS = 100


class FileArchives(Archives):
    """Writes in threads."""

    @override
    async def files(self, folder: str, files: Iterable[FileRow]) -> BinaryIO:
        return await asyncio.to_thread(_zip, folder, files)

    @override
    def history(self, owner: Person) -> History:
        return GitBundle(owner)


def _zip(folder: str, files: Iterable[FileRow]) -> BinaryIO:
    out = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    with _in_room(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            at = file.updated_at.timetuple()[:6]
            entry = zipfile.ZipInfo(
                f"{folder}/{file.path}", (max(at[0], _FIRST_YEAR), *at[1:])
            )
            entry.external_attr = _FILE_MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, raw(file.content, file.encoding))
    out.seek(0)
    return out


@contextmanager
def _in_room() -> Iterator[None]:
    """Say plainly that the disk for temporary files is full."""
    try:
        yield
    except OSError as error:
        raise TooLarge("There is no room to make the archive") from error


class GitBundle(History):
    """One branch, ``main``, with a commit for each revision."""

    def __init__(self, owner: Person) -> None:
        self._owner = f"{_plain(owner.name)} <{_plain(owner.email)}>".encode()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
        self._known: set[bytes] = set()
        self._files: dict[str, ObjectID] = {}
        self._head: ObjectID | None = None
        self._size = self._out.write(_HEAD % (_NO_ID, _NO_ID))
        self._pack_starts = self._size
        for chunk in pack_header_chunks(0):
            self._size += self._out.write(chunk)

    @override
    async def add(self, revisions: Iterable[Revision]) -> None:
        await asyncio.to_thread(self._add, revisions)

    @override
    async def finish(self) -> BinaryIO:
        await asyncio.to_thread(self._finish)
        return self._out

    @override
    def close(self) -> None:
        self._out.close()

    def add_object(self, obj: ShaFile) -> None:
        """Write an object, unless it is there already."""
        digest = obj.sha().digest()
        if digest in self._known:
            return
        self._known.add(digest)
        if self._size > MAX_BYTES:
            reason = f"The history is larger than {MAX_BYTES >> 20} MiB"
            raise TooLarge(reason)
        write_pack_object(self._write, obj.type_num, obj.as_raw_chunks(), SHA1)

    def _write(self, data: bytes) -> int:
        self._size += len(data)
        with _in_room():
            return self._out.write(data)

    def _add(self, revisions: Iterable[Revision]) -> None:
        for revision in revisions:
            for path, data in revision.changes.items():
                if data is None:
                    self._files.pop(path, None)
                    continue
                blob = Blob.from_string(data)
                self.add_object(blob)
                self._files[path] = blob.id
            self._commit(revision)

    def _commit(self, revision: Revision) -> None:
        commit = Commit()
        # It is given objects, and asked for none.
        commit.tree = commit_tree(
            self,  # type: ignore[arg-type]
            [(path.encode(), id_, _FILE_MODE) for path, id_ in self._files.items()],
        )
        commit.parents = [self._head] if self._head else []
        author = _AGENT if revision.author == "agent" else self._owner
        if revision.service is not None:
            name = _plain(revision.service)
            author = f"{name} <{name}@localhost>".encode()
        commit.author = commit.committer = author
        commit.author_time = commit.commit_time = int(revision.at.timestamp())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = _message(revision).encode("utf-8", "replace")
        self.add_object(commit)
        self._head = commit.id

    def _finish(self) -> None:
        """Say at the front what is known only now, and sum it up at the end."""
        head = self._head or _NO_ID
        self._out.seek(0)
        self._out.write(_HEAD % (head, head))
        for chunk in pack_header_chunks(len(self._known)):
            self._out.write(chunk)
        self._out.seek(self._pack_starts)
        summed = hashlib.sha1(usedforsecurity=False)
        while chunk := self._out.read(_CHUNK):
            summed.update(chunk)
        self._out.write(summed.digest())
        self._out.seek(0)


def _message(revision: Revision) -> str:
    title = " ".join(revision.title.replace("\0", "").split())[:_TITLE_CHARS]
    text = revision.text.replace("\0", "").strip()
    parts = (title or "Change", text, f"Atelier-Seq: {revision.seq}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    """Return *text* without what would end a name in a commit."""
    kept = "".join(" " if char in "<>\n\r\0" else char for char in text)
    return " ".join(kept.split()) or "somebody"
