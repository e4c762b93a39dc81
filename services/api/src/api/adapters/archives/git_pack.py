"""The files of one commit, out of a pack (gitformat-pack) that nobody vouches for."""

import stat
import zlib
from collections.abc import Iterator
from io import BytesIO

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, ObjectFormatException
from dulwich.object_format import SHA1
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, Tag, Tree
from dulwich.pack import PackData, PackInflater, UnresolvedDeltas

from api.domain.intake import MAX_ENTRIES, Intake, Taken, Unfit

MAX_INFLATED_BYTES = 96 << 20
"""All objects of a pack together."""
_MAX_DEPTH = 32
_DAMAGED = (
    *(ApplyDeltaError, ChecksumMismatch, ObjectFormatException, UnresolvedDeltas),
    *(AssertionError, EOFError, KeyError, ValueError, zlib.error),
)


def check_out(pack: bytes, head: str) -> Taken:
    """Return the files of commit *head*.

    Raises:
        Unfit: There is no such commit, or it is too much.

    """
    try:
        store = _unpacked(pack)
        return _files(store, _tree_of(store, ObjectID(head.encode())))
    except _DAMAGED as error:
        raise Unfit("What the server has sent is damaged") from error


def _unpacked(pack: bytes) -> MemoryObjectStore:
    store = MemoryObjectStore()
    data = PackData.from_file(BytesIO(pack), SHA1, len(pack))
    data.check()
    size = 0
    for one in PackInflater.for_pack_data(data, store.get_raw):
        size += one.raw_length()
        if size > MAX_INFLATED_BYTES:
            raise Unfit("The repository is too large")
        store.add_object(one)
    return store


def _tree_of(store: MemoryObjectStore, id_: ObjectID) -> ObjectID:
    found = store[id_]
    for _ in range(_MAX_DEPTH):
        if isinstance(found, Commit):
            tree: ObjectID = found.tree
            return tree
        if not isinstance(found, Tag):
            break
        found = store[found.object[1]]
    raise Unfit("There is no commit under this name")


def _files(store: MemoryObjectStore, root: ObjectID) -> Taken:
    intake = Intake()
    for path, mode, id_ in _entries(store, root):
        if not stat.S_ISREG(mode):
            intake.leave_out(path, "It is a link, or another repository")
            continue
        if id_ not in store:
            raise Unfit("What the server has sent is damaged")
        wanted = intake.wants(path, 0)
        if wanted is None:
            continue
        blob = store[id_]
        if isinstance(blob, Blob):
            intake.add(wanted, blob.data)
    return intake.taken()


def _entries(
    store: MemoryObjectStore, root: ObjectID
) -> Iterator[tuple[str, int, ObjectID]]:
    """Yield path, mode and object of all that is no folder.

    A tree may hold another one a million times over: what is met is counted.
    """
    met = 0
    waiting = [("", root, 0)]
    while waiting:
        folder, id_, depth = waiting.pop()
        tree = store[id_]
        if not isinstance(tree, Tree) or depth > _MAX_DEPTH:
            raise Unfit("Its folders lead nowhere")
        for entry in tree.items():
            met += 1
            if met > MAX_ENTRIES:
                raise Unfit(f"It holds more than {MAX_ENTRIES:,} files")
            path = folder + entry.path.decode("utf-8", "replace")
            if stat.S_ISDIR(entry.mode):
                waiting.append((f"{path}/", entry.sha, depth + 1))
            else:
                yield path, entry.mode, entry.sha
