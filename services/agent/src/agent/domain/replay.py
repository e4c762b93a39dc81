"""Folding a log from its beginning, and telling whether two folds are the same."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from agent.domain.state import Project, evolve
from contracts import codec
from contracts.envelope import Recorded
from contracts.project import ProjectErased

_lines: msgspec.json.Decoder[Recorded] = msgspec.json.Decoder(Recorded)


class OutOfOrder(Exception):
    """The history has a gap or a repeat; the message says where."""


def state_hash(project: Project) -> str:
    """Return what two folds have in common exactly when they are the same."""
    return sha256(msgspec.json.encode(project, order="deterministic")).hexdigest()


def fold_recorded(events: Iterable[Recorded]) -> Project:
    """Return the project after *events*, which begin with its first.

    Raises:
        OutOfOrder: Something is missing, or twice.
        Undecodable: An event is damaged.

    """
    project = Project()
    for recorded in events:
        event = codec.decode_event(recorded.type, recorded.data)
        is_next = recorded.seq == project.version + 1
        if not is_next and not isinstance(event, ProjectErased):
            raise OutOfOrder(f"event {recorded.seq} follows {project.version}")
        project = evolve(project, event)
    return project


def read_history(lines: Iterable[bytes]) -> Iterable[Recorded]:
    """Yield the events of a history, one on each line.

    Raises:
        MsgspecError: A line is none.

    """
    return (_lines.decode(line) for line in lines if line.strip())


def summary(project: Project) -> dict[str, Any]:
    """Return what a person wants to know of a state, and its hash."""
    run = project.run
    return {
        "version": project.version,
        "name": project.name,
        "state": project.state.value,
        "deleted": project.deleted,
        "files": {path: project.files[path].size for path in sorted(project.files)},
        "bytes": project.total_bytes,
        "packages": [" ".join(argv) for argv in project.packages],
        "previewUrl": project.preview_url,
        "run": None if run is None else {"id": str(run.id), "calls": run.calls},
        "usage": msgspec.to_builtins(project.usage),
        "hash": state_hash(project),
    }
