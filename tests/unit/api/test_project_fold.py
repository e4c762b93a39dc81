"""What events make of the row and the files of a project."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from api.domain.project_fold import ProjectFold
from api.domain.usage import Spent
from contracts import codec
from contracts.codec import UnknownEvent
from contracts.envelope import Recorded
from contracts.project import (
    DailyUsage,
    Event,
    FileWritten,
    ModelCallEnded,
    ProjectCreated,
    ProjectDeleted,
    ProjectErased,
    ProjectUpdated,
    RunState,
    ServerStarted,
    StateChanged,
    Usage,
)

PROJECT = UUID(int=1)
OWNER = UUID(int=2)
RUN = UUID(int=3)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATED = ProjectCreated("Todo", "a list", OWNER)
STARTED = ServerStarted(RUN, "http://x.preview.localhost:3000/", "sandbox-1")


def written(path: str, content: str, number: int) -> FileWritten:
    return FileWritten(UUID(int=number), path, content, author="agent")


def at(seq: int) -> datetime:
    return NOON + timedelta(seconds=seq)


def folded(*events: Event) -> ProjectFold:
    fold = ProjectFold(0)
    for seq, event in enumerate(events, start=1):
        data = msgspec.Raw(codec.encode(event))
        type_ = codec.tag(event)
        recorded = Recorded(UUID(int=seq), PROJECT, seq, type_, at(seq), data)
        fold.add(recorded, codec.decode_event(type_, data))
    return fold


def test_a_created_project_is_idle_and_its_owners() -> None:
    project = folded(CREATED).project
    assert project is not None
    assert (project.id, project.user_id, project.status) == (PROJECT, OWNER, "idle")
    assert (project.preview_url, project.sandbox_id) == (None, None)
    assert project.created_at == project.updated_at == at(1)


def test_the_state_is_the_status() -> None:
    change = StateChanged(RunState.DESIGNING, 0, 0, [], None)
    project = folded(CREATED, change).project
    assert project is not None
    assert project.status == "designing"
    assert project.updated_at == at(2)


def test_the_preview_stays_when_the_run_is_stopped() -> None:
    idle = StateChanged(RunState.IDLE, None, 1, [], None)
    project = folded(CREATED, STARTED, idle).project
    assert project is not None
    assert (project.preview_url, project.sandbox_id) == (STARTED.url, "sandbox-1")


def test_a_file_keeps_its_id_and_creation_when_it_is_replaced() -> None:
    fold = folded(CREATED, written("a", "1", 10), written("a", "2", 11))
    file = fold.files["a"]
    assert (file.id, file.data) == (UUID(int=10), b"2")
    assert (file.created_at, file.updated_at) == (at(2), at(3))


def test_of_a_deleted_project_only_the_position_is_left() -> None:
    fold = folded(CREATED, written("a", "1", 10), ProjectDeleted())
    assert (fold.project, fold.files, fold.deleted) == (None, {}, True)
    assert fold.seq == 3


def test_an_erased_project_has_its_whole_cost_and_nothing_else() -> None:
    usage = Usage(10, 20, 0.5)
    call = ModelCallEnded(RUN, "design", 0, 1, "complete", "m", usage)
    spent = DailyUsage(NOON.date(), "m", 3, 30, 60, 1.5)
    erased = ProjectErased(9, OWNER, [spent])
    for known in ([], [CREATED, call, written("a", "1", 10)]):
        fold = folded(*known, erased)
        assert (fold.project, fold.files, fold.deleted) == (None, {}, True)
        assert fold.owner_id == OWNER
        assert fold.erased
        assert fold.usage == {(NOON.date(), "m"): Spent(3, 30, 60, 1.5)}


def test_an_event_of_a_newer_version_moves_the_position() -> None:
    fold = folded(CREATED)
    recorded = Recorded(UUID(int=9), PROJECT, 2, "new.type", at(2), msgspec.Raw(b"{}"))
    fold.add(recorded, UnknownEvent("new.type", msgspec.Raw(b"{}")))
    assert fold.seq == 2
    assert fold.project is not None
    assert fold.project.updated_at == at(2)


def test_a_damaged_event_moves_the_position() -> None:
    fold = folded(CREATED)
    fold.add(
        Recorded(UUID(int=9), PROJECT, 2, "file.written", at(2), msgspec.Raw(b"{}")),
        None,
    )
    assert (fold.seq, fold.files) == (2, {})


def test_what_happens_to_no_project_leaves_none() -> None:
    assert folded(STARTED, written("a", "1", 10)).project is None


@pytest.mark.parametrize("event", [CREATED, ProjectUpdated("Todo", "a list")])
def test_nothing_is_left_that_the_database_could_not_hold(event: Event) -> None:
    hostile = msgspec.structs.replace(event, name="a\0b", description="\0")
    project = folded(CREATED, hostile).project
    assert project is not None
    assert (project.name, project.description) == ("a\ufffdb", "\ufffd")


def test_a_files_content_may_be_anything() -> None:
    assert folded(CREATED, written("a", "\0", 10)).files["a"].data == b"\0"
