"""What a project's history is as commits."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from api.domain.revision import Chronicle, Revision
from contracts import codec
from contracts.envelope import Context, Recorded
from contracts.project import (
    Actor,
    Event,
    FileDeleted,
    FileWritten,
    PhaseDesigned,
    PhaseImplemented,
    ProjectCreated,
    ProjectUpdated,
    RunStopped,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = UUID(int=3)
CREATED = ProjectCreated("Todo", "a list", UUID(int=2))
DESIGNED = PhaseDesigned(RUN, 0, "Board", "shows cards", [], is_last_phase=True)
IMPLEMENTED = PhaseImplemented(RUN, 0, "Board", ["a"])


def by_agent(path: str, content: str = "x") -> FileWritten:
    return FileWritten(UUID(int=1), path, content, "agent")


def by_person(path: str, content: str = "mine") -> FileWritten:
    return FileWritten(UUID(int=1), path, content, "user")


def revisions(
    *events: Event,
    causes: list[int] | None = None,
    actor: Actor = Actor("user", "x"),  # noqa: B008 - it is frozen
) -> list[Revision]:
    """Return the revisions of *events*; *causes* says which of them belong together."""
    chronicle = Chronicle()
    found: list[Revision] = []
    for seq, event in enumerate(events, start=1):
        cause = UUID(int=causes[seq - 1] if causes else seq)
        recorded = Recorded(
            id=UUID(int=seq),
            project_id=UUID(int=9),
            seq=seq,
            type=codec.tag(event),
            at=NOON + timedelta(seconds=seq),
            data=msgspec.Raw(codec.encode(event)),
            meta=Context(actor, correlation_id=cause),
        )
        data = codec.decode_event(recorded.type, recorded.data)
        found += chronicle.feed(recorded, data)
    return found + chronicle.finish()


def test_a_project_begins_with_its_description() -> None:
    (begin,) = revisions(CREATED)
    assert (begin.author, begin.title, begin.text) == ("user", "Begin Todo", "a list")
    assert (begin.at, begin.changes) == (NOON + timedelta(seconds=1), {})


def test_a_phase_is_one_revision_of_the_agent() -> None:
    files = by_agent("a"), by_agent("b")
    _, phase = revisions(CREATED, DESIGNED, *files, IMPLEMENTED)
    assert (phase.author, phase.title, phase.text) == ("agent", "Board", "shows cards")
    assert phase.changes == {"a": b"x", "b": b"x"}
    assert phase.seq == 5


def test_each_edit_of_a_person_is_a_revision_that_says_what_it_did() -> None:
    gone = FileDeleted(UUID(int=1), "a", "user")
    edits = revisions(CREATED, by_person("a"), by_person("a", "2"), gone)[1:]
    assert [one.title for one in edits] == ["Add a", "Edit a", "Delete a"]
    assert [one.changes for one in edits] == [{"a": b"mine"}, {"a": b"2"}, {"a": None}]
    assert [one.seq for one in edits] == [2, 3, 4]


def test_what_a_person_changed_in_one_go_is_one_revision() -> None:
    events = CREATED, by_person("a"), by_person("b"), by_person("c")
    _, both, last = revisions(*events, causes=[1, 2, 2, 3])
    assert (both.title, set(both.changes)) == ("Change 2 files", {"a", "b"})
    assert last.title == "Add c"


def test_an_edit_during_a_phase_has_nothing_of_what_the_agent_writes() -> None:
    events = (CREATED, DESIGNED, by_agent("a"), by_person("b"), by_agent("c"))
    _, edit, phase = revisions(*events, IMPLEMENTED)
    assert edit.changes == {"b": b"mine"}
    assert set(phase.changes) == {"a", "c"}


def test_a_persons_version_is_not_undone_by_the_phase_around_it() -> None:
    events = (CREATED, DESIGNED, by_agent("a"), by_person("a"), IMPLEMENTED)
    assert [one.changes for one in revisions(*events)][1:] == [{"a": b"mine"}]


def test_what_a_run_left_behind_is_not_lost() -> None:
    events = (CREATED, DESIGNED, by_agent("a"), RunStopped(RUN))
    assert revisions(*events)[-1].title == "Board (unfinished)"
    assert revisions(*events[:-1])[-1].changes == {"a": b"x"}


def test_what_changes_no_file_makes_no_revision() -> None:
    assert len(revisions(CREATED, ProjectUpdated("New", ""), IMPLEMENTED)) == 1


def test_bytes_are_bytes() -> None:
    asset = FileWritten(UUID(int=1), "a", "AP8=", "user", encoding="base64")
    odd = msgspec.structs.replace(asset, content="no base64")
    assert revisions(CREATED, asset)[1].changes == {"a": b"\0\xff"}
    assert revisions(CREATED, odd)[1].changes == {"a": b"no base64"}


def test_what_a_service_outside_did_is_in_its_name() -> None:
    service = Actor("service", "ci")
    _, edit = revisions(CREATED, by_person("a"), actor=service)
    assert (edit.author, edit.service) == ("user", "ci")
    _, edit = revisions(CREATED, by_person("a"))
    assert edit.service is None
