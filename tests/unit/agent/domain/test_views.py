"""What others are told of a project."""

from hashlib import sha256
from uuid import UUID

from agent.domain.views import file_contents, manifest, project_view
from contracts.project import PackagesRequested, RunState
from contracts.requests import FileDigest
from tests.unit.agent.examples import (
    CREATED,
    DELETED,
    DESIGNING,
    DONE,
    IDLE,
    IMPLEMENTING,
    RUN_ID,
    URL,
    project_after,
    saved,
)

PROJECT_ID = UUID("00000000-0000-4000-8000-00000000000c")


def test_a_view_says_where_the_run_stands() -> None:
    view = project_view(PROJECT_ID, project_after(IMPLEMENTING))
    assert (view.state, view.current_phase) == (RunState.IMPLEMENTING, 0)
    assert view.total_phases == 1
    assert view.version == len(IMPLEMENTING)


def test_the_phase_that_is_designed_is_the_current_one() -> None:
    view = project_view(PROJECT_ID, project_after(DESIGNING))
    assert (view.current_phase, view.total_phases) == (0, 0)


def test_after_a_run_there_is_no_current_phase() -> None:
    view = project_view(PROJECT_ID, project_after(DONE))
    assert (view.current_phase, view.total_phases) == (None, 1)
    assert (view.preview_url, view.sandbox_id) == (URL, "box")


def test_a_manifest_names_files_and_packages() -> None:
    argv = ["npm", "install", "zod"]
    history = [*IDLE, saved("a.txt", "ü"), PackagesRequested(RUN_ID, argv)]
    told = manifest(project_after(history))
    assert told.files == [FileDigest("a.txt", sha256("ü".encode()).hexdigest(), 2)]
    assert told.packages == [argv]
    assert (told.version, told.deleted) == (3, False)


def test_the_manifest_of_a_deleted_project_says_so() -> None:
    assert manifest(project_after([CREATED, DELETED])).deleted


def test_files_that_are_not_there_are_left_out() -> None:
    project = project_after([CREATED, saved("a.txt", "a"), saved("b.txt", "b")])
    contents = file_contents(project, ["b.txt", "none", "a.txt", "b.txt"])
    assert [file.path for file in contents] == ["b.txt", "a.txt"]


def test_an_answer_holds_as_many_files_as_fit_and_at_least_one() -> None:
    large = "\x01" * 800_000  # six bytes of JSON each
    project = project_after([CREATED, saved("a.txt", large), saved("b.txt", "b")])
    contents = file_contents(project, ["a.txt", "b.txt"])
    assert [file.path for file in contents] == ["a.txt"]
