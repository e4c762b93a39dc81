"""A project's history as a person would have committed it.

One revision for each phase of a run, and one for what a person did in one go: a saved
file, or an import. Events go in, in order; revisions come out.
"""

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from api.domain.file_content import NoContent, raw
from contracts.codec import AnyEvent
from contracts.envelope import Recorded
from contracts.project import (
    FileDeleted,
    FileWritten,
    PhaseDesigned,
    PhaseImplemented,
    ProjectCreated,
    RunCompleted,
    RunFailed,
    RunStopped,
)

Author = Literal["agent", "user"]
Changes = dict[str, bytes | None]
"""By path; None where the file is no more."""


class Revision(Struct, frozen=True):
    """Files that changed together, by whom, and why."""

    author: Author
    service: str | None
    """Which service outside did it in the person's project; None: the person itself."""
    at: datetime
    title: str
    text: str
    changes: Changes
    seq: int
    """The last event that is in it."""


class Chronicle:
    """Turns events into revisions.

    What the agent writes waits for the end of its phase. A person's changes in between
    are revisions of their own, without what the agent has not finished.
    """

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._written: Changes = {}
        self._phase = ("", "")
        self._edits: Changes = {}
        self._cause: UUID | None = None
        self._service: str | None = None
        self._at = datetime.min.replace(tzinfo=UTC)
        self._seq = 0

    def feed(self, recorded: Recorded, event: AnyEvent) -> list[Revision]:
        """Return the revisions that are complete with this event."""
        done = [] if self._goes_on(recorded, event) else self._edited()
        self._at, self._seq = recorded.at, recorded.seq
        match event:
            case ProjectCreated(name, description):
                done.append(self._revision("user", f"Begin {name}", description, {}))
            case FileWritten(author="user") | FileDeleted(author="user"):
                self._cause, self._service = _cause(recorded), _service(recorded)
                self._edits[event.path] = _data(event)
                self._written.pop(event.path, None)
            case FileWritten() | FileDeleted():
                self._written[event.path] = _data(event)
            case PhaseDesigned(_, _, name, description):
                self._phase = (name, description)
            case PhaseImplemented(name=name):
                done += self._finished(name, self._phase[1])
            case RunCompleted() | RunFailed() | RunStopped():
                done += self._cut_off()
            case _:
                pass
        return done

    def finish(self) -> list[Revision]:
        """Return what is left: changes whose phase goes on, or never ended."""
        return [*self._edited(), *self._cut_off()]

    def _goes_on(self, recorded: Recorded, event: AnyEvent) -> bool:
        """Tell whether this is part of what a person does in one go."""
        is_edit = isinstance(event, FileWritten | FileDeleted) and (
            event.author == "user"
        )
        return is_edit and _cause(recorded) == self._cause is not None

    def _edited(self) -> list[Revision]:
        if not self._edits:
            return []
        title = f"Change {len(self._edits)} files"
        if len(self._edits) == 1:
            ((path, data),) = self._edits.items()
            verb = "Edit" if path in self._paths else "Add"
            title = f"{'Delete' if data is None else verb} {path}"
        revision = self._revision("user", title, "", self._edits)
        self._edits, self._cause = {}, None
        return [revision]

    def _finished(self, title: str, text: str) -> list[Revision]:
        if not self._written:
            return []
        revision = self._revision("agent", title or "Work", text, self._written)
        self._written = {}
        return [revision]

    def _cut_off(self) -> list[Revision]:
        return self._finished(f"{self._phase[0] or 'Work'} (unfinished)", "")

    def _revision(
        self, author: Author, title: str, text: str, changes: Changes
    ) -> Revision:
        for path, data in changes.items():
            if data is None:
                self._paths.discard(path)
            else:
                self._paths.add(path)
        service = self._service if changes is self._edits else None
        return Revision(author, service, self._at, title, text, changes, self._seq)


def _cause(recorded: Recorded) -> UUID | None:
    return recorded.meta.correlation_id if recorded.meta else None


def _service(recorded: Recorded) -> str | None:
    actor = recorded.meta.actor if recorded.meta else None
    return actor.id if actor and actor.kind == "service" else None


def _data(event: FileWritten | FileDeleted) -> bytes | None:
    if isinstance(event, FileDeleted):
        return None
    try:
        return raw(event.content, event.encoding)
    except NoContent:
        return event.content.encode("utf-8", "replace")
