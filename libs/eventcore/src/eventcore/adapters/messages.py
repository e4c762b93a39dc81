"""Rows of the log as messages: their stored bytes, joined without being decoded."""

from collections.abc import Iterable

import asyncpg
from msgspec import Struct

from contracts import codec, subjects
from contracts.project import ProjectErased

MAX_EVENTS = 50
MAX_BYTES = 1_000_000
"""A single event may be larger; then it travels alone."""

COLUMNS = "position, project_id, seq, id, type, data, meta, at"
"""What a row has to have, in this order."""


class Outgoing(Struct, frozen=True):
    """A message of events: *id* is that of its first, *position* that of its last."""

    subject: str
    body: bytes
    id: str
    position: int
    erases: bool = False
    """Whether the stream drops all that it has of the subject before."""


def messages(shard: int, rows: Iterable[asyncpg.Record]) -> list[Outgoing]:
    """Return *rows* in their order; neighbours of one project share a message."""
    outgoing: list[Outgoing] = []
    parts: list[bytes] = []
    project_id: object = None
    subject = first_id = ""
    size = last = 0
    for position, of_project, seq, id_, type_, data, meta, at in rows:
        part = _ENVELOPE % (
            str(id_).encode(),
            str(of_project).encode(),
            seq,
            codec.encode(type_),
            at.isoformat().encode(),
            data,
            b"null" if meta is None else meta,
        )
        is_full = len(parts) >= MAX_EVENTS or size + len(part) > MAX_BYTES
        is_end = type_ == _ERASED
        if parts and (is_full or is_end or of_project != project_id):
            outgoing.append(Outgoing(subject, _joined(parts), first_id, last))
            parts = []
        if is_end:
            subject, body = subjects.event(shard, of_project), _joined([part])
            outgoing.append(Outgoing(subject, body, str(id_), position, erases=True))
            continue
        if not parts:
            project_id, size, first_id = of_project, 0, str(id_)
            subject = subjects.event(shard, of_project)
        parts.append(part)
        size += len(part)
        last = position
    if parts:
        outgoing.append(Outgoing(subject, _joined(parts), first_id, last))
    return outgoing


_ERASED = str(ProjectErased.__struct_config__.tag)
# A `Recorded`, as its own encoder would write it.
_ENVELOPE = (
    b'{"id":"%b","project_id":"%b","seq":%d,"type":%b,"at":"%b","data":%b,"meta":%b}'
)


def _joined(parts: list[bytes]) -> bytes:
    return b"[%b]" % b",".join(parts)
